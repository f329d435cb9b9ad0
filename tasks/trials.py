"""Trials of a search: what each tries, how it is measured, and what it keeps for the comparison at the end."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import optuna
import polars as pl
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as State
from pydantic import TypeAdapter
from threadpoolctl import threadpool_limits

from models.calibrated import panel_probabilities
from models.candidates import fitted_candidate
from models.corporate_graph import FloatMatrix
from models.discrimination import point_scores
from models.fitted import FittingData, Progress
from models.search_space import Value, candidate, rounded, searched_kinds, settings_within, space
from schemas.candidates import CandidateSpec, EnsembleSpec, SingleSpec
from schemas.errors import CreditnetError
from schemas.portfolio import PortfolioSpec
from schemas.references import FileRef, PanelRef, RefreshRun, SplitRef
from schemas.search_spaces import Choice, Integers, Range
from schemas.tuning import SearchSpec
from tasks.lake import discard, read_frame, write_frame
from tasks.progress import TrainingWatcher, current_clock
from tasks.settings import settings
from tasks.studies import OWN, REASON, claim, forget_dead, open_study
from tasks.training import fitting_data

CANDIDATES: TypeAdapter[CandidateSpec] = TypeAdapter(CandidateSpec)

#: what a trial carries of the candidate it tried, how long that was trained, and where its probabilities are
CANDIDATE, EPOCHS, _PROBABILITIES = "candidate", "epochs", "probabilities"
#: the setting that says which kind a trial tries
KIND = "kind"
#: what a fit with odd settings may end in; anything else is a mistake of ours and stops the search
_NOT_POSSIBLE = (CreditnetError, ArithmeticError, np.linalg.LinAlgError, MemoryError)
#: epochs between two reports of a training; counted, not timed, so that pruning is the same every time
_REPORT_EVERY = 5
_NAME = "tuned"


class Impossible(Exception):
    """A trial could not be measured; its reason is kept with it."""


@dataclass(frozen=True)
class Bench:
    """Everything that a trial is measured with."""

    run: RefreshRun
    data: FittingData
    kinds: tuple[str, ...]
    study: optuna.Study

    @classmethod
    def of(cls, run: RefreshRun, panel_ref: PanelRef, split: SplitRef, search: SearchSpec) -> Bench:
        """Load the data and open the study."""
        portfolio = run.portfolio
        kinds = searched_kinds(portfolio, search.kinds)
        identity = digest({"refresh": run.key.key, "kinds": list(kinds)})
        name = f"{portfolio.name}/{search.study or f'{run.quarter}-{identity[:12]}'}"
        study = open_study(settings().database_url, name, identity, portfolio.training.seed)
        scratch = f"{run.work}/scratch"
        data = fitting_data(Path(run.home), run, panel_ref, split, portfolio.primary_scheme, scratch=scratch)
        return cls(run, data, kinds, study)

    @property
    def portfolio(self) -> PortfolioSpec:
        """The portfolio that is searched for."""
        return self.run.portfolio

    @property
    def home(self) -> Path:
        """The home folder."""
        return Path(self.run.home)

    def queue_own(self, *, failed_too: bool = False) -> None:
        """Take dead workers' trials back and queue each own candidate that is neither measured nor being measured.

        Parameters
        ----------
        failed_too
            Whether those that could not be measured are tried again.
        """
        forget_dead(self.study)
        there = {
            trial.user_attrs.get(OWN)
            for trial in self.study.get_trials(deepcopy=False)
            if trial.state is not State.FAIL or (REASON in trial.user_attrs and not failed_too)
        }
        for spec in self.portfolio.single_candidates:
            if spec.name not in there:
                fixed: dict[str, Value] = {}
                if spec.kind in self.kinds:
                    known = settings_within(self.portfolio, spec)
                    fixed = {f"{spec.kind}.{key}": value for key, value in known.items()}
                    fixed[KIND] = spec.kind
                self.study.enqueue_trial(fixed, user_attrs={OWN: spec.name})

    def waiting(self) -> bool:
        """Tell whether an own candidate is still to be measured."""
        return bool(self.study.get_trials(deepcopy=False, states=(State.WAITING,)))

    def others_measure_own(self) -> bool:
        """Tell whether another worker is still measuring an own candidate."""
        running = self.study.get_trials(deepcopy=False, states=(State.RUNNING,))
        return any(OWN in trial.user_attrs for trial in running)

    def counted(self) -> int:
        """Return how many trials of the search are finished or being measured."""
        return sum(
            OWN not in trial.user_attrs
            and (trial.state in (State.COMPLETE, State.PRUNED, State.RUNNING) or REASON in trial.user_attrs)
            for trial in self.study.get_trials(deepcopy=False)
        )

    def objective(self, trial: optuna.Trial) -> float:
        """Return the AUC on validation of one trial's candidate."""
        claim(trial)
        name = trial.user_attrs.get(OWN)
        if name is not None and self._taken(trial, name):
            raise Impossible
        spec = self._own(trial, name) if name is not None else self._drawn(trial)
        trial.set_user_attr(CANDIDATE, spec.model_dump(mode="json"))
        watcher = TrialWatcher(trial, may_end=name is None)
        try:
            probabilities = self.probabilities(spec, watcher)
        except _NOT_POSSIBLE as error:
            reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            trial.set_user_attr(REASON, reason)
            self._tell(trial, spec, reason)
            raise Impossible from error
        except optuna.TrialPruned:
            self._tell(trial, spec, f"given up after {watcher.epoch} epochs")
            raise
        finally:
            if watcher.epoch:
                trial.set_user_attr(EPOCHS, watcher.epoch)
        auc = self.auc(probabilities)
        trial.set_user_attr(_PROBABILITIES, self._kept(trial.number, probabilities).model_dump())
        best = max([auc, *self._finished_values()])
        self._tell(trial, spec, f"AUC {auc:.4f}, best {best:.4f}")
        return auc

    def probabilities(self, spec: SingleSpec, watcher: TrialWatcher | None = None) -> FloatMatrix:
        """Fit a candidate and return its probabilities of validation, (rows, classes)."""
        discard(self.home, f"{self.run.work}/scratch")
        data = self.data if watcher is None else replace(self.data, watcher=watcher)
        with threadpool_limits(self.portfolio.training.threads, user_api="blas"):
            model = fitted_candidate(spec, data)
            return panel_probabilities(model, data)[data.validation]

    def auc(self, probabilities: FloatMatrix) -> float:
        """Return the AUC on validation, macro-averaged over the classes of an ordinal target."""
        auc = point_scores(self.data.truth[self.data.validation], probabilities, threshold=0.5)["auc"]
        return math.nan if auc is None else auc

    def read(self, trial: FrozenTrial) -> FloatMatrix:
        """Return the probabilities that a trial kept; where they are on another machine's disk, fit it again."""
        kept = FileRef.model_validate(trial.user_attrs[_PROBABILITIES])
        if (self.home / kept.path).is_file():
            return read_frame(self.home, kept).to_numpy()
        spec = CANDIDATES.validate_python(trial.user_attrs[CANDIDATE])
        assert not isinstance(spec, EnsembleSpec)
        return self.probabilities(spec)

    def _kept(self, number: int, probabilities: FloatMatrix) -> FileRef:
        frame = pl.DataFrame({str(column): probabilities[:, column] for column in range(probabilities.shape[1])})
        folder = f"work/studies/{digest(self.study.study_name)[:32]}"
        return write_frame(self.home, f"{folder}/{number}.parquet", frame)

    def _taken(self, trial: optuna.Trial, name: str) -> bool:
        # Two workers that start at once both queue the own candidates; the first of each counts.
        states = (State.RUNNING, State.COMPLETE)
        others = self.study.get_trials(deepcopy=False, states=states)
        return any(one.number < trial.number and one.user_attrs.get(OWN) == name for one in others)

    def _own(self, trial: optuna.Trial, name: str) -> SingleSpec:
        spec = next(one for one in self.portfolio.single_candidates if one.name == name)
        if spec.kind in self.kinds:  # said to the sampler, so that it starts from what is known
            self._suggested(trial, KIND, Choice(options=self.kinds))
            for key in settings_within(self.portfolio, spec):
                self._suggested(trial, f"{spec.kind}.{key}", space(self.portfolio, spec.kind)[key])
        return spec

    def _drawn(self, trial: optuna.Trial) -> SingleSpec:
        kind = str(self._suggested(trial, KIND, Choice(options=self.kinds)))
        values = {
            key: self._suggested(trial, f"{kind}.{key}", within)
            for key, within in sorted(space(self.portfolio, kind).items())
        }
        return candidate(self.portfolio, kind, values, _NAME)

    @staticmethod
    def _suggested(trial: optuna.Trial, name: str, within: Range) -> Value:
        if isinstance(within, Choice):
            chosen: Value = trial.suggest_categorical(name, within.options)
            return chosen
        if isinstance(within, Integers):
            return rounded(trial.suggest_int(name, within.low, within.high, log=within.log), within)
        return rounded(trial.suggest_float(name, within.low, within.high, log=within.log), within)

    def _finished_values(self) -> list[float]:
        done = self.study.get_trials(deepcopy=False, states=(State.COMPLETE,))
        return [trial.value for trial in done if trial.value is not None]

    @staticmethod
    def _tell(trial: optuna.Trial, spec: SingleSpec, what: str) -> None:
        name = trial.user_attrs.get(OWN)
        shown = spec.kind if name is None else f"{name} (own)"
        current_clock().tell(f"trial {trial.number:>3}  {shown:<28} {what}")


class TrialWatcher:
    """Reports a training to its trial, shows it, and ends it where its like did better at the same epoch."""

    def __init__(self, trial: optuna.Trial, *, may_end: bool) -> None:
        self._trial, self._may_end, self._shown = trial, may_end, TrainingWatcher()
        self._asked = 0
        self.epoch = 0

    def due(self) -> bool:
        """Tell whether another few epochs have passed."""
        self._asked += 1
        return self._asked % _REPORT_EVERY == 0

    def show(self, progress: Progress) -> None:
        """Report the AUC of the candidate's first network."""
        if self._shown.due():
            self._shown.show(progress)
        if not progress.name.endswith(".0") or math.isnan(progress.validation_auc):
            return
        self.epoch = progress.epoch
        self._trial.report(progress.validation_auc, progress.epoch)
        if self._may_end and self._trial.should_prune():
            raise optuna.TrialPruned


def digest(content: object) -> str:
    """Return the SHA-256 of plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
