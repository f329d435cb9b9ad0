"""The registry shows what the catalogue decided, also after a death in between."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from schemas.references import (
    AdmissionRef,
    DocumentRef,
    Evidence,
    FileRef,
    GraphRef,
    JudgementRef,
    ModelRef,
    PanelRef,
    SplitRef,
)
from schemas.results import (
    CandidateResult,
    Drift,
    Evaluation,
    GraphHelp,
    GraphStatistics,
    Interval,
    Judged,
    Refresh,
    SampleResult,
    Verdict,
)
from schemas.terms import Family, Sample, Scheme
from tasks.lake import write_file, write_json
from tasks.leases import already_published
from tasks.registry import alias_decisions, register, registered_name, registry_client, sync_aliases

NAME = "creditnet-kontor"
NOWHERE = FileRef(path="nowhere", sha256="00")


@pytest.fixture
def client(home, empty_registry):
    shutil.copy(empty_registry, home / "mlflow" / "mlflow.db")
    return registry_client()


def refreshed(kontor, name="kontor", outcome="passed"):
    """Return (run, evidence, judgement, documents) as a refresh of the bank hands them to the registry."""
    run = kontor.run(kontor.spec(title=name))
    home, work = kontor.home, run.work
    description = write_json(home, f"{work}/models/community/logistic/spec.json", {"spec": {"kind": "logistic"}})
    weights = write_file(home, f"{work}/models/community/logistic/weights.safetensors", b"weights")
    deeper = write_file(home, f"{work}/models/community/logistic/predictor/trees/one.txt", b"tree")
    model = ModelRef(
        name="logistic",
        scheme=Scheme.COMMUNITY,
        content_hash="c0ffee",
        description=description,
        files=(weights, description, deeper),
        panel_probabilities=NOWHERE,
        quarter_probabilities=NOWHERE,
    )
    panel = PanelRef(
        current=GraphRef(quarter=run.quarter, file=NOWHERE, fingerprint="9raf"),
        vintages=(),
        outcomes=NOWHERE,
        attributes=NOWHERE,
        statistics=NOWHERE,
        out_of_time=None,
        out_of_time_missing="",
    )
    evidence = Evidence.model_construct(
        admission=AdmissionRef(tables={}, quarantine=NOWHERE, evidence=NOWHERE),
        panel=panel,
        split=SplitRef(file=NOWHERE, summary=NOWHERE),
        models=(model,),
    )
    judgement = JudgementRef(
        evaluation=write_json(home, f"{work}/evaluation.json", evaluation()),
        judged=write_json(home, f"{work}/judgement.json", judged(outcome)),
        scores=NOWHERE,
        reasons=NOWHERE,
        reason_summary=NOWHERE,
    )
    card = write_file(home, f"{work}/documents/model_card.md", b"# Card")
    return run, evidence, judgement, [DocumentRef(title="Model card", file=card)]


def evaluation():
    metrics = {"auc": Interval(value=0.75, low=0.7, high=0.8), "f1": Interval(value=None)}
    validation = SampleResult(sample=Sample.VALIDATION, firm_quarters=5, communities=2, metrics=metrics)
    candidate = CandidateResult(
        name="logistic",
        kind="logistic",
        family=Family.TABULAR,
        content_hash="c0ffee",
        fit_seconds=1,
        inputs=2,
        threshold=0.5,
        notes={},
        samples={Sample.VALIDATION: validation},
    )
    return Evaluation(
        candidates=(candidate,),
        chosen="logistic",
        best_on_validation="logistic",
        choice_reason="alone",
        graph=GraphHelp(helped="no", reason=""),
        leakage_gap=Interval(value=None),
    )


def judged(outcome="passed"):
    return Judged(
        fairness=(),
        feature_drift=Drift(expected_quarter=None),
        graph_drift=Drift(expected_quarter=None),
        gates=(),
        verdict=Verdict(outcome=outcome, chosen="logistic", summary="so", graph_helped="no"),
    )


def publish(kontor, run, version, outcome="passed"):
    """Publish in the catalogue, and nothing else: as if the process died right after."""
    kontor.catalogue.claim(run.key, "test")
    kontor.catalogue.publish(
        run.key.key,
        refresh=Refresh(
            portfolio="kontor",
            quarter=run.quarter,
            fingerprint="9raf",
            refresh=run.key.key,
            candidates={},
            verdict=judged(outcome).verdict,
            gates=(),
            documents=(),
            stages={},
            model_version=f"{NAME} {version}",
            content_hashes={},
            files=(),
        ),
        folder="lake/x",
        manifest_sha256=run.key.key,
        graph_statistics=GraphStatistics(
            quarter=run.quarter,
            firms=5,
            edges=4,
            features=2,
            fingerprint="9raf",
            digests={},
            relations=(),
            components=1,
            largest_component=5,
            clustering=0,
            largest_core=1,
            degree_quantiles={},
            communities=1,
            modularity=0,
        ),
        scores=[],
        decisions=alias_decisions(run, judged(outcome), version),
        model_name=NAME,
        model_version=version,
    )


def aliases(client):
    return {alias: str(version) for alias, version in client.get_registered_model(NAME).aliases.items()}


def registered(kontor, name="kontor", outcome="passed"):
    run, *rest = refreshed(kontor, name, outcome)
    return run, register.__wrapped__(run, *rest)


class TestRegistering:
    def test_a_version_is_found_by_the_fingerprint_of_its_graph(self, kontor, client):
        run, ref = registered(kontor)
        assert (ref.model, ref.version) == (NAME, "1") == (registered_name("kontor"), ref.version)
        (version,) = client.search_model_versions("tags.`graph.fingerprint` = '9raf'")
        assert version.tags == {
            "creditnet.refresh": run.key.key,
            "graph.fingerprint": "9raf",
            "quarter": "2024Q2",
            "candidate": "logistic",
            "content_hash": "c0ffee",
            "input_fingerprint": run.key.input_fingerprint,
            "code_digest": run.key.code_digest,
            "verdict": "passed",
        }

    def test_the_files_and_documents_go_along_unchanged(self, kontor, client):
        _, ref = registered(kontor)
        logged = client.get_run(ref.run_id)
        folder = Path(logged.info.artifact_uri.removeprefix("file://"))
        assert folder.is_relative_to(kontor.home)
        assert (folder / "model/weights.safetensors").read_bytes() == b"weights"
        assert (folder / "model/predictor/trees/one.txt").read_bytes() == b"tree"
        assert (folder / "documents/model_card.md").read_bytes() == b"# Card"
        assert client.get_model_version(NAME, "1").source == f"{logged.info.artifact_uri}/model"

    def test_metrics_without_a_value_are_left_out(self, kontor, client):
        _, ref = registered(kontor)
        logged = client.get_run(ref.run_id)
        assert logged.data.metrics == {"logistic/validation/auc": 0.75}
        assert logged.info.status == "FINISHED"

    def test_it_has_no_alias_before_it_is_published(self, kontor, client):
        registered(kontor)
        assert aliases(client) == {}

    def test_a_rerun_finds_the_version_of_the_run_that_died(self, kontor, client):
        _, first = registered(kontor)
        _, second = registered(kontor)
        assert first == second
        assert len(client.search_model_versions(f"name = '{NAME}'")) == 1

    def test_a_death_before_the_version_is_made_leaves_none(self, kontor, client, monkeypatch):
        from mlflow import MlflowClient

        def dies(*_args, **_kwargs):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(MlflowClient, "create_model_version", dies)
            with pytest.raises(KeyboardInterrupt):
                registered(kontor)
        assert client.search_model_versions(f"name = '{NAME}'") == []
        _, ref = registered(kontor)
        assert ref.version == "1"

    def test_another_refresh_is_another_version(self, kontor, client):
        assert [registered(kontor, name)[1].version for name in ("one", "two")] == ["1", "2"]

    def test_a_file_that_was_changed_is_not_registered(self, kontor, client):
        from schemas.errors import IntegrityError

        run, *rest = refreshed(kontor)
        (kontor.home / run.work / "models/community/logistic/weights.safetensors").write_bytes(b"other")
        with pytest.raises(IntegrityError):
            register.__wrapped__(run, *rest)
        assert client.search_model_versions(f"name = '{NAME}'") == []


class TestDecisions:
    def test_the_first_that_passes_is_challenger_and_champion(self, kontor):
        decisions = alias_decisions(kontor.run(), judged(), "1")
        assert [(d.alias, d.model_version, d.made_by) for d in decisions] == [
            ("challenger", "1", "system"),
            ("champion", "1", "system"),
        ]
        assert "nobody has approved it" in decisions[1].reason

    def test_one_that_fails_gates_is_never_champion(self, kontor):
        assert [d.alias for d in alias_decisions(kontor.run(), judged("failed"), "1")] == ["challenger"]

    def test_a_champion_stays_when_another_version_passes(self, kontor, client):
        run, ref = registered(kontor)
        publish(kontor, run, ref.version)
        assert [d.alias for d in alias_decisions(kontor.run(), judged(), "2")] == ["challenger"]


class TestAliases:
    def test_after_a_death_between_publishing_and_aliases_the_next_run_repairs_them(self, kontor, client):
        run, ref = registered(kontor)
        publish(kontor, run, ref.version)
        assert aliases(client) == {}
        assert kontor.catalogue.registry_lags("kontor")
        found = already_published.__wrapped__(run)
        assert found.refresh == run.key.key
        assert aliases(client) == {"challenger": "1", "champion": "1"}
        assert not kontor.catalogue.registry_lags("kontor")

    def test_a_death_between_the_two_aliases_is_repaired_too(self, kontor, client):
        run, ref = registered(kontor)
        publish(kontor, run, ref.version)
        client.set_registered_model_alias(NAME, "challenger", "1")
        already_published.__wrapped__(run)
        assert aliases(client) == {"challenger": "1", "champion": "1"}

    def test_the_catalogue_decides_when_the_two_differ(self, kontor, client):
        for name in ("one", "two"):
            run, ref = registered(kontor, name)
            publish(kontor, run, ref.version)
            sync_aliases("kontor")
        assert aliases(client) == {"challenger": "2", "champion": "1"}
        client.set_registered_model_alias(NAME, "champion", "2")
        client.delete_registered_model_alias(NAME, "challenger")
        sync_aliases("kontor")
        assert aliases(client) == kontor.catalogue.aliases("kontor") == {"challenger": "2", "champion": "1"}

    def test_a_refresh_that_is_not_published_has_nothing_to_repair(self, kontor, client):
        run, _ = registered(kontor)
        assert already_published.__wrapped__(run) is None
        assert aliases(client) == {}

    def test_the_work_folder_of_a_published_refresh_goes(self, kontor, client):
        run, ref = registered(kontor)
        publish(kontor, run, ref.version)
        assert (kontor.home / run.work).is_dir()
        already_published.__wrapped__(run)
        assert list((kontor.home / "work").iterdir()) == []
