"""A search measures what the portfolio has, then looks for better, and can be gone on with."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
import yaml

from models.fitted import Progress
from schemas.errors import NotEnoughData
from schemas.terms import Scheme
from schemas.tuning import SearchSpec, TrialState
from tasks import trials as trials_module
from tasks.admission import admit
from tasks.graphs import build_graph
from tasks.panels import split_firms
from tasks.passing_runs import passing_run
from tasks.portfolios import load_portfolio
from tasks.receiving import receive
from tasks.trials import CANDIDATES, Bench, TrialWatcher
from tasks.tuning import choose, search_candidates, written_tuning

FAST = ("logistic", "random_forest")
OWN = [
    {"name": "logistic", "kind": "logistic"},
    {"name": "forest", "kind": "random_forest", "trees": 10},
    {"name": "together", "kind": "ensemble", "members": ["logistic", "forest"]},
]


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    """Rheintal, dealt into samples: (run, panel, split) whose portfolio has other candidates."""
    path = Path(__file__).parents[1] / "flows" / "rheintal.py"
    described = importlib.util.spec_from_file_location("tuning_rheintal", path)
    bank = importlib.util.module_from_spec(described)
    described.loader.exec_module(bank)
    folder = tmp_path_factory.mktemp("tuning")
    portfolio = load_portfolio(str(bank.deliver(folder / "data")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CREDITNET_HOME", str(folder / "home"))
        delivery = receive.__wrapped__(portfolio, None, str(folder / "data"))
        with passing_run(portfolio, delivery, "tune") as run:
            panel = build_graph.__wrapped__(run, admit.__wrapped__(run))
            yield SimpleNamespace(run=run, panel=panel, split=split_firms.__wrapped__(run, panel))


@pytest.fixture
def bench(ground, empty_catalogue, tmp_path, monkeypatch):
    """Search on a database of its own: ``bench(trials=3)`` goes on where the last call ended."""
    monkeypatch.setenv("CREDITNET_HOME", ground.run.home)

    def at(database):
        if not database.exists():
            shutil.copy(empty_catalogue, database)
        monkeypatch.setenv("CREDITNET_DATABASE_URL", f"sqlite:///{database}")

    def run_of(candidates):
        portfolio = ground.run.portfolio
        content = portfolio.model_dump(mode="json") | {"candidates": candidates}
        return ground.run.model_copy(update={"portfolio": type(portfolio).model_validate(content)})

    def searched(*, database="catalogue.db", own=OWN, kinds=FAST, **search):
        at(tmp_path / database)
        run, spec = run_of(own), SearchSpec(kinds=kinds, **search)
        search_candidates.__wrapped__(run, ground.panel, ground.split, spec)
        return choose.__wrapped__(run, ground.panel, ground.split, spec)

    def opened(own=OWN):
        at(tmp_path / "catalogue.db")
        return Bench.of(run_of(own), ground.panel, ground.split, SearchSpec(kinds=FAST))

    searched.opened = opened
    return searched


def without_times(tuning):
    return [trial.model_copy(update={"seconds": None}) for trial in tuning.trials]


def test_own_candidates_are_measured_first_and_the_result_is_no_worse(bench):
    found = bench(trials=4)
    assert [trial.own for trial in found.trials] == ["logistic", "forest", "", "", "", ""]
    assert {trial.kind for trial in found.trials} <= set(FAST)
    assert {one.name for one in found.own if one.auc is not None} == {"logistic", "forest", "together"}
    assert found.chosen_auc >= found.current_auc
    assert found.improved == (found.chosen != found.current)
    best = max(trial.auc for trial in found.trials if not trial.own)
    assert found.best_auc == best == next(trial.auc for trial in found.trials if trial.number == found.best)
    assert found.difference.value == pytest.approx(found.best_auc - found.current_auc)
    assert found.scheme is Scheme.COMMUNITY
    assert found.importances == ()
    assert "it takes 12" in found.importances_missing


def test_the_search_goes_on_and_keeps_what_it_had(bench):
    first = bench(trials=2)
    assert without_times(bench(trials=2)) == without_times(first), "nothing is left to do"
    second = bench(trials=11)
    assert without_times(second)[:4] == without_times(first)
    assert second.counted(TrialState.COMPLETE) == 11
    assert sum(one.share for one in second.importances) == pytest.approx(1, abs=1e-6)


def test_the_same_seed_gives_the_same_trials(bench):
    one, other = bench(trials=3), bench(trials=3, database="other.db")
    assert without_times(one) == without_times(other)
    assert one.snippet == other.snippet


def test_when_the_time_is_over_only_own_candidates_have_been_measured(bench):
    found = bench(trials=5, minutes=1e-9)
    assert [trial.own for trial in found.trials] == ["logistic", "forest"]
    assert (found.best, found.improved, found.chosen) == (None, False, found.current)


def test_a_study_has_the_name_it_is_given(bench):
    assert bench(trials=0, study="autumn").study == "rheintal/autumn"
    assert bench(trials=0).study.startswith("rheintal/2024Q3-")


def test_clearly_better_settings_replace_what_is_in_use_and_can_be_pasted(bench):
    # No partner of a firm of validation has a known outcome: all of them get the class shares.
    found = bench(own=[{"name": "spread", "kind": "label_propagation"}], kinds=("logistic",), trials=3)
    assert found.current_auc == 0.5
    assert found.difference.low > 0
    assert (found.improved, found.chosen, found.chosen_auc) == (True, "logistic_tuned", found.best_auc)
    (pasted,) = (CANDIDATES.validate_python(one) for one in yaml.safe_load(found.snippet))
    assert pasted.model_dump(mode="json") == found.candidate
    opened = bench.opened(own=[found.candidate])
    assert opened.auc(opened.probabilities(pasted)) == found.best_auc


def test_probabilities_that_are_on_another_disk_are_fitted_again(bench):
    first = bench(trials=2)
    opened = bench.opened()
    (best,) = (trial for trial in opened.study.get_trials() if trial.number == first.best)
    kept = opened.read(best)
    (opened.home / best.user_attrs["probabilities"]["path"]).unlink()
    assert opened.read(best).tolist() == kept.tolist()


def test_settings_that_cannot_be_fitted_end_a_trial_and_not_the_search(bench, monkeypatch):
    fit = trials_module.fitted_candidate

    def fitted(spec, data):
        if spec.kind == "random_forest":
            raise NotEnoughData("The trees found no firm.")
        return fit(spec, data)

    monkeypatch.setattr(trials_module, "fitted_candidate", fitted)
    found = bench(trials=6)
    failed = [trial for trial in found.trials if trial.state is TrialState.FAILED]
    assert {trial.kind for trial in failed} == {"random_forest"}
    assert "The trees found no firm" in failed[0].reason
    assert found.counted(TrialState.FAILED) + found.counted(TrialState.COMPLETE) == 6
    reasons = {one.name: one.reason for one in found.own}
    assert "The trees found no firm" in reasons["forest"]
    assert reasons["together"] == "a member could not be measured"
    assert found.current == "logistic"


def test_without_an_own_candidate_there_is_nothing_to_compare_with(bench, monkeypatch):
    def fitted(spec, data):
        raise NotEnoughData("Nobody is left.")

    monkeypatch.setattr(trials_module, "fitted_candidate", fitted)
    with pytest.raises(NotEnoughData, match="None of the portfolio's own candidates"):
        bench(trials=0)


def test_a_candidate_that_two_workers_queued_is_measured_once(bench):
    opened = bench.opened()
    opened.queue_own()
    opened.study.enqueue_trial({}, user_attrs={"own": "logistic"})  # by a worker that began at the same moment
    found = bench(trials=0)
    assert [trial.own for trial in found.trials] == ["logistic", "forest"]


@pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed:UserWarning")  # asked for by hand
def test_an_own_candidate_whose_worker_died_is_measured_by_another(bench):
    opened = bench.opened()
    opened.queue_own()
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    dead = opened.study.ask()
    dead.set_user_attr("owner", [socket.gethostname(), gone.pid, 1.0])
    found = bench(trials=0)
    assert sorted(trial.own for trial in found.trials) == ["forest", "logistic"]
    assert dead.number not in {trial.number for trial in found.trials}


def watched(study, aucs, *, may_end):
    def objective(trial):
        watcher = TrialWatcher(trial, may_end=may_end)
        for epoch, auc in enumerate(aucs, start=1):
            if watcher.due():
                watcher.show(Progress("tuned.0", epoch, len(aucs), 0, 0.5, 0.5, auc))
                watcher.show(Progress("tuned.1", epoch, len(aucs), 0, 0.5, 0.5, 0.0))
        return aucs[-1]

    study.optimize(objective, n_trials=1)
    return study.trials[-1]


def test_a_training_that_falls_behind_is_given_up_unless_it_is_an_own_candidates():
    from tasks.studies import pruner

    study = optuna.create_study(direction="maximize", pruner=pruner())
    for _ in range(5):
        assert watched(study, [0.7] * 60, may_end=True).state is optuna.trial.TrialState.COMPLETE
    behind = watched(study, [0.6] * 60, may_end=True)
    assert behind.state is optuna.trial.TrialState.PRUNED
    assert max(behind.intermediate_values) == 20
    assert watched(study, [0.6] * 60, may_end=False).state is optuna.trial.TrialState.COMPLETE
    assert watched(study, [0.8] * 60, may_end=True).state is optuna.trial.TrialState.COMPLETE


def test_a_search_is_written_with_its_pages_and_again_in_its_place(bench):
    written = written_tuning(bench(trials=1))
    names = [Path(file).name for file in written.files]
    assert names == ["tune.json", "tune.md", "tune.html"]
    assert json.loads(Path(written.files[0]).read_bytes())["study"] == written.content.study
    assert written_tuning(bench(trials=2)).files == written.files
