"""The switches that keep every library from reporting home.

Each library reads its switch once, at import; a switch set later has no effect. The values
are imposed, not defaulted: a bank's environment must not be able to turn reporting on by
accident.
"""

import os

TELEMETRY_SWITCHES: dict[str, str] = {
    "DO_NOT_TRACK": "1",  # Prefect, Evidently, MLflow and others honour it
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "ITERATIVE_DO_NOT_TRACK": "1",
}


def silence_telemetry() -> None:
    """Turn off the usage reporting of every library this project imports."""
    os.environ.update(TELEMETRY_SWITCHES)
