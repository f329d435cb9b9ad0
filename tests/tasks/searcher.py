"""A worker on a study, in a process of its own: ``python searcher.py URL NAME TRIALS [SECONDS]``.

Each trial takes SECONDS; what it tried is written to the database as for a real search.
"""

from __future__ import annotations

import sys
import time

from optuna.trial import TrialState

from tasks.studies import claim, forget_dead, open_study


def finished(study) -> int:
    return sum(trial.state is TrialState.COMPLETE for trial in study.get_trials(deepcopy=False))


def main(url: str, name: str, trials: str, seconds: str = "0") -> None:
    study = open_study(url, name, "the same data", seed=3)

    def objective(trial) -> float:
        claim(trial)
        value = trial.suggest_float("x", 0, 1)
        time.sleep(float(seconds))
        return -((value - 0.3) ** 2)

    forget_dead(study)
    while finished(study) < int(trials):
        study.optimize(objective, n_trials=1)
        print(finished(study), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
