"""Searching for a better challenger: trials on development, judged by validation alone."""

from __future__ import annotations

import math
import time
import warnings

import numpy as np
import optuna
import yaml
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial
from optuna.trial import TrialState as State

from models.corporate_graph import FloatMatrix
from models.ensemble import combined, validation_weights
from models.search_space import free_name
from models.selection import SampleRows
from models.tuned_choice import tuned_choice
from monitoring.tuning_document import tuning_html, tuning_markdown
from schemas.base import Frozen
from schemas.candidates import AnyNetworkSpec, CandidateSpec
from schemas.errors import NotEnoughData
from schemas.references import PanelRef, RefreshRun, SplitRef
from schemas.tuning import OwnResult, SearchSpec, SettingImportance, TrialRecord, TrialState, Tuning
from tasks.pages import written_pages
from tasks.progress import note
from tasks.settings import settings
from tasks.stage import stage
from tasks.studies import OWN, REASON, storage_errors
from tasks.trials import CANDIDATE, CANDIDATES, EPOCHS, KIND, Bench, Impossible, digest

#: with fewer trials an importance would be chance
_LEAST_FOR_IMPORTANCE = 12
_BEST_SHARE = 0.25


class WrittenTuning(Frozen):
    """What a search found and the files that hold it, by their full paths."""

    content: Tuning
    files: tuple[str, ...]


def written_tuning(content: Tuning) -> WrittenTuning:
    """Write what a search found to the lake; the same study's earlier pages are replaced."""
    files = written_pages(
        settings().home,
        "tune",
        content,
        {"tune.md": tuning_markdown, "tune.html": tuning_html},
        portfolio=content.portfolio,
        quarter=content.quarter,
        fingerprint=content.fingerprint,
        name=f"{content.quarter}-{digest(content.study)[:16]}",
    )
    return WrittenTuning(content=content, files=files)


@stage("search")
def search_candidates(run: RefreshRun, panel_ref: PanelRef, split: SplitRef, search: SearchSpec) -> None:
    """Measure the portfolio's own candidates, then search until the study has its trials or the time is over.

    Trials that other workers of the study finish count too. A worker that was killed is replaced: what it had
    finished stays, what it was about is measured anew.
    """
    begun = time.monotonic()
    bench = Bench.of(run, panel_ref, split, search)
    with storage_errors():
        bench.queue_own(failed_too=True)
        while True:
            if bench.waiting() or (_seconds_left(search, begun) > 0 and bench.counted() < search.trials):
                bench.study.optimize(bench.objective, n_trials=1, catch=(Impossible,))
            elif bench.others_measure_own():
                time.sleep(1)
            else:
                break
            bench.queue_own()
        note(f"{bench.counted()} trials of study {bench.study.study_name}")


@stage("choose")
def choose(run: RefreshRun, panel_ref: PanelRef, split: SplitRef, search: SearchSpec) -> Tuning:
    """Compare the search's best with what selection chooses among the portfolio's own candidates.

    Raises
    ------
    NotEnoughData
        If none of the portfolio's own candidates could be measured.
    """
    bench = Bench.of(run, panel_ref, split, search)
    with storage_errors():
        trials = bench.study.get_trials(deepcopy=False)
        found = _tuning(bench, panel_ref, trials)
    note(f"{found.chosen}: {found.reason}")
    return found


def _tuning(bench: Bench, panel_ref: PanelRef, trials: list[FrozenTrial]) -> Tuning:
    portfolio, data = bench.portfolio, bench.data
    rows = data.validation
    by_name, reasons = _own_probabilities(bench, trials)
    if not by_name:
        raise NotEnoughData(
            "None of the portfolio's own candidates could be measured.",
            expected="at least one candidate with an AUC on validation",
            found="; ".join(f"{name}: {why}" for name, why in reasons.items()),
            way_out="correct the portfolio's candidates",
        )
    auc = {one.name: bench.auc(by_name[one.name]) for one in portfolio.candidates if one.name in by_name}
    searched = [t for t in trials if t.state is State.COMPLETE and OWN not in t.user_attrs and t.value is not None]
    best = max(searched, key=lambda trial: (trial.value, -trial.number), default=None)
    name = free_name(portfolio, best.user_attrs[CANDIDATE]["kind"]) if best else None
    contest = dict(by_name) | ({name: bench.read(best)} if best and name else {})
    validation = SampleRows(data.truth[rows], data.communities[rows], contest)
    evaluation = portfolio.evaluation
    choice = tuned_choice(validation, auc, name, draws=evaluation.bootstrap_draws, seed=evaluation.seed)
    if choice.improved and best is not None and name is not None:
        chosen = CANDIDATES.validate_python({**best.user_attrs[CANDIDATE], "name": name})
    else:
        chosen = next(one for one in portfolio.candidates if one.name == choice.current)
    importances, missing = _importances(bench.study, trials)
    return Tuning(
        portfolio=portfolio.name,
        title=portfolio.title,
        quarter=bench.run.quarter,
        fingerprint=panel_ref.current.fingerprint,
        study=bench.study.study_name,
        scheme=portfolio.primary_scheme,
        firms_from=portfolio.use.firms_from if portfolio.use else "",
        kinds=bench.kinds,
        seed=portfolio.training.seed,
        trials=tuple(record for trial in trials if (record := _record(trial)) is not None),
        own=tuple(
            OwnResult(name=one.name, auc=auc.get(one.name), reason=reasons.get(one.name, ""))
            for one in portfolio.candidates
        ),
        current=choice.current,
        current_auc=auc[choice.current],
        best=best.number if best else None,
        best_auc=best.value if best else None,
        difference=choice.difference,
        improved=choice.improved,
        chosen=chosen.name,
        chosen_auc=best.value if choice.improved and best and best.value is not None else auc[choice.current],
        reason=choice.reason,
        candidate=chosen.model_dump(mode="json"),
        snippet=snippet(chosen),
        importances=importances,
        importances_missing=missing,
    )


def _own_probabilities(bench: Bench, trials: list[FrozenTrial]) -> tuple[dict[str, FloatMatrix], dict[str, str]]:
    """Return each own candidate's probabilities of validation, and why some have none; ensembles are put together."""
    done = {t.user_attrs[OWN]: t for t in reversed(trials) if OWN in t.user_attrs and t.state is State.COMPLETE}
    failed = {t.user_attrs[OWN]: str(t.user_attrs[REASON]) for t in trials if {OWN, REASON} <= t.user_attrs.keys()}
    found = {name: bench.read(trial) for name, trial in done.items()}
    reasons = {
        one.name: failed.get(one.name, "not measured")
        for one in bench.portfolio.single_candidates
        if one.name not in found
    }
    for ensemble in bench.portfolio.ensembles:
        members = [found[name] for name in ensemble.members if name in found]
        if len(members) < len(ensemble.members):
            reasons[ensemble.name] = "a member could not be measured"
            continue
        weights = np.full(len(members), 1 / len(members))
        if ensemble.weights == "validation":
            weights = validation_weights(members, bench.data.truth[bench.data.validation])
        found[ensemble.name] = combined(members, weights)
    return found, reasons


def _record(trial: FrozenTrial) -> TrialRecord | None:
    """Return a finished trial; None for one that is under way, or whose worker died."""
    told = trial.user_attrs
    state = {State.COMPLETE: TrialState.COMPLETE, State.PRUNED: TrialState.PRUNED}.get(trial.state)
    if trial.state is State.FAIL and REASON in told:
        state = TrialState.FAILED
    if state is None or CANDIDATE not in told:
        return None
    kind = told[CANDIDATE]["kind"]
    tried = told[CANDIDATE]
    names = [name.removeprefix(f"{kind}.") for name in trial.params if name != KIND]
    drawn = {key: "+".join(tried[key]) if key == "features" else tried[key] for key in names}
    reported = trial.intermediate_values
    seen = reported[max(reported)] if reported else None
    took = trial.duration.total_seconds() if trial.duration else None
    return TrialRecord(
        number=trial.number,
        state=state,
        kind=kind,
        own=told.get(OWN, ""),
        settings=drawn,
        auc=trial.value if state is TrialState.COMPLETE else seen,
        epochs=told.get(EPOCHS),
        seconds=took,
        reason=told.get(REASON, ""),
    )


def _importances(study: optuna.Study, trials: list[FrozenTrial]) -> tuple[tuple[SettingImportance, ...], str]:
    done = sum(trial.state is State.COMPLETE and bool(trial.params) for trial in trials)
    if done < _LEAST_FOR_IMPORTANCE:
        return (), f"it takes {_LEAST_FOR_IMPORTANCE} finished trials to tell; there are {done}"
    with warnings.catch_warnings():
        # It warns of settings that few trials have: those of a kind that was seldom drawn. They get little.
        warnings.simplefilter("ignore")
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=_BEST_SHARE))
    told = tuple(SettingImportance(setting=name, share=share) for name, share in found.items() if share > 0)
    return told, "" if told else "the best trials have no setting in common that the others lack"


def snippet(spec: CandidateSpec | AnyNetworkSpec) -> str:
    """Return a candidate as it stands in a portfolio file: what differs from the defaults, on one line."""
    told = spec.model_dump(mode="json", exclude_defaults=True)
    ordered = {"name": spec.name, "kind": spec.kind} | told
    written = yaml.safe_dump(ordered, default_flow_style=True, sort_keys=False, width=math.inf, allow_unicode=True)
    return f"- {written.strip()}"


def _seconds_left(search: SearchSpec, begun: float) -> float:
    return math.inf if search.minutes is None else search.minutes * 60 - (time.monotonic() - begun)
