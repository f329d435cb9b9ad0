"""Whether drift, and only drift, has a served home retrain: the proof of the test suite, counted for `bench-drift`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.flows.retraining_proof import counted


def retrainings() -> tuple[int, int]:
    """Serve a small bank and plant a feature drift, a graph drift and none (some minutes).

    Returns
    -------
    tuple
        How many refreshes the drift's events started, and how many were started where nothing drifted.
    """
    with tempfile.TemporaryDirectory(prefix="creditnet-served-") as folder:
        return counted(Path(folder))
