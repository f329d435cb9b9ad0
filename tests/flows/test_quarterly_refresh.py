"""A refresh of a portfolio that somebody else wrote: published whole, said once, and always the same."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
import yaml

from schemas.errors import IntegrityError, RefreshBusy
from schemas.references import FileRef
from schemas.setting_curves import SettingCurve
from schemas.telemetry import TELEMETRY_SWITCHES
from schemas.terms import Quarter, Sample
from tasks.lake import MANIFEST

pytestmark = pytest.mark.flow

METRICS = {"auc", "f1", "accuracy", "mcc", "balanced_accuracy", "precision", "recall"}
STAGES = [
    "receive", "identify", "look up", "admit", "build graph", "split", "fit logistic", "fit lightgbm", "fit forest",
    "fit spread", "fit graphsage", "combine together", "evaluate", "judge", "document", "register", "publish",
]  # fmt: skip


def scores(home, outcome):
    rows = home.query(
        "SELECT firm_id, probability, predicted_class FROM scores WHERE refresh_key = :key", key=outcome.refresh.refresh
    )
    return {firm: (probability, predicted) for firm, probability, predicted in rows}


@pytest.fixture(scope="module")
def reseeded(published, make_home, rheintal, tmp_path_factory):
    """The second quarter again with another seed, and with one setting of its network varied."""
    folder = tmp_path_factory.mktemp("reseeded")
    portfolio = rheintal.deliver(folder / "data")
    text = portfolio.read_text(encoding="utf-8").replace("{threads: 1}", "{threads: 1, seed: 1}")
    curve = "setting_curves: [{candidate: graphsage, setting: layers, values: [1, 2], seeds: 2}]\n"
    portfolio.write_text(text + curve, encoding="utf-8")
    home = make_home(shutil.copytree(published.home.path, folder / "home"))
    return home.refresh(portfolio, "2024Q2", folder / "data")


def identity(refresh):
    return refresh.fingerprint, refresh.content_hashes, refresh.candidates


class TestSomebodyElsesPortfolio:
    def test_it_is_published_whole(self, published):
        home = published.home
        assert home.verify() == {
            "2024Q2": published.second.refresh.refresh,
            "2024Q3": published.third.refresh.refresh,
        }
        assert not published.second.already_published
        for outcome in (published.second, published.third):
            assert list((home.path / "work").glob(f"{outcome.refresh.refresh[:32]}*")) == []
        assert list(home.path.rglob("*.partial")) == []

    def test_ids_that_look_like_numbers_or_nothing_survive_to_the_scores(self, published, rheintal):
        found = scores(published.home, published.third)
        assert set(found) == set(rheintal.firm_ids())
        assert {"00123", "NA", "1e5", "NULL", "nan", "true", "1.0"} <= set(found)
        assert all(0 < probability < 1 for probability, _ in found.values())
        kept = pl.read_parquet(next(path for path in published.third.refresh.files if path.endswith("scores.parquet")))
        assert set(kept["firm_id"]) == set(found)
        assert kept.schema["firm_id"] == pl.String

    def test_firms_with_an_unfavourable_class_are_given_reasons_that_name_no_other(self, published, rheintal):
        files = {Path(path).name: path for path in published.third.refresh.files}
        kept = pl.read_parquet(files["scores.parquet"])
        given = pl.read_parquet(files["reason_codes.parquet"])
        assert set(given["firm_id"]) == set(kept.filter(~pl.col("favourable"))["firm_id"])
        counts = given.group_by("firm_id").len()["len"]
        assert counts.is_between(1, 4).all()
        ordered = given.group_by("firm_id", maintain_order=True).agg("network")["network"].to_list()
        assert all(one == sorted(one) for one in ordered)
        said = " ".join(given["text"].unique().to_list() + given["code"].unique().to_list()).lower()
        assert not {firm for firm in rheintal.firm_ids() if f" {firm.lower()} " in f" {said} "}
        summary = json.loads(Path(files["reason_codes.json"]).read_text())
        assert summary["unfavourable"] == counts.len()
        assert sum(one["firms"] for one in summary["codes"]) == given.height
        card = Path(files["model_card.html"]).read_text()
        assert all(one["code"] in card for one in summary["codes"][:3])

    def test_what_is_printed_has_the_promised_form(self, published):
        printed = published.third.refresh.model_dump(mode="json")
        assert printed["portfolio"] == "rheintal"
        assert printed["quarter"] == "2024Q3"
        assert list(printed["candidates"]) == ["logistic", "lightgbm", "forest", "spread", "graphsage", "together"]
        for samples in printed["candidates"].values():
            assert set(samples) == {"development", "validation", "out_of_community", "out_of_time", "out_of_both"}
            assert all(set(metrics) == METRICS for metrics in samples.values())
            assert all(isinstance(value, float) for metrics in samples.values() for value in metrics.values())
        assert all({"gate", "value", "limit", "verdict"} <= set(gate) for gate in printed["gates"])
        assert {gate["verdict"] for gate in printed["gates"]} <= {"pass", "fail", "not assessable"}
        assert [Path(path).name for path in printed["documents"]] == [
            "embeddings.html", "embeddings.json", "embeddings.md", "fair_lending.html", "fair_lending.json",
            "fair_lending.md", "graph.html", "graph.json", "graph.md", "irb.json", "model_card.html",
            "model_card.md", "monitoring_report.html", "monitoring_report.md", "score_movers.html",
            "score_movers.md", "validation_workbook.xlsx",
        ]  # fmt: skip
        assert all(Path(path).is_absolute() and Path(path).is_file() for path in printed["documents"])
        assert list(printed["stages"]) == STAGES
        assert all(seconds >= 0 for seconds in printed["stages"].values())
        json.dumps(printed, allow_nan=False)

    def test_failed_gates_are_a_published_verdict(self, published):
        verdict, gates = published.third.refresh.verdict, published.third.refresh.gates
        failed = {gate.gate for gate in gates if gate.verdict == "fail"}
        assert verdict.outcome == "failed"
        assert failed == {"feature drift: share of drifted columns", "graph drift: largest shift"}
        assert all(name in verdict.summary for name in failed)

    def test_the_first_quarter_has_nothing_to_drift_from_and_says_so(self, published):
        drift = [gate for gate in published.second.refresh.gates if "drift" in gate.gate]
        assert [(gate.verdict, gate.value) for gate in drift] == [("not assessable", None)] * 2
        assert all("no earlier quarter has been published" in gate.reason for gate in drift)

    def test_an_owner_of_the_register_counts_in_each_quarter_until_it_is_struck_off(self, published):
        statistics = {
            quarter: json.loads(text)
            for quarter, text in published.home.query("SELECT quarter, statistics FROM graphs ORDER BY quarter")
        }
        edges = {
            quarter: {relation["relation"]: relation["edges"] for relation in found["relations"]}
            for quarter, found in statistics.items()
        }
        # Village 0's entry ended on 31 May, before the end of either quarter.
        assert edges["2024Q2"]["shareholding"] == edges["2024Q3"]["shareholding"] == 11

    def test_the_graph_page_compares_with_the_quarter_published_before(self, published):
        second, third = (
            json.loads(next(Path(path) for path in one.refresh.documents if path.endswith("graph.json")).read_text())
            for one in (published.second, published.third)
        )
        assert second["diff"] is None
        assert second["before"] is None
        assert (third["diff"]["before"]["quarter"], third["diff"]["after"]["quarter"]) == ("2024Q2", "2024Q3")
        assert third["diff"]["after"]["fingerprint"] == published.third.refresh.fingerprint
        assert third["before"]["structure"]["spectral_head"][0] == 1
        communities = third["communities"]
        assert sum(one["firms"] for one in communities["largest"]) <= communities["firms"]
        assert sum(one["outcomes"] for one in communities["largest"]) > 0
        page = next(Path(path) for path in published.third.refresh.documents if path.endswith("graph.md")).read_text()
        assert published.third.refresh.fingerprint in page
        assert "Since 2024Q2" in page

    def test_documents_name_fingerprint_and_audit_head(self, published):
        card = next(Path(path) for path in published.third.refresh.documents if path.endswith("model_card.md"))
        text = card.read_text(encoding="utf-8")
        assert published.third.refresh.fingerprint in text
        assert "Sparkasse Rheintal" in text
        # The head that a card prints is the one before the publication it belongs to.
        heads = [found for (found,) in published.home.query("SELECT hash FROM audit_log")]
        assert any(head in text for head in heads)


class TestAgain:
    def test_the_same_refresh_again_changes_nothing_and_returns_what_was_published(self, published):
        home = published.home

        def state():
            files = {path: path.stat().st_mtime_ns for path in (home.path / "lake" / "rheintal").rglob("*")}
            versions = {v.version: v.aliases for v in home.registry.search_model_versions("name LIKE 'creditnet-%'")}
            return files, versions, home.catalogue.audit_head(), home.query("SELECT count(*) FROM decisions")

        before = state()
        for quarter, first in (("2024Q2", published.second), ("2024Q3", published.third), (None, published.third)):
            again = home.refresh(published.portfolio, quarter, published.data_dir)
            assert again.already_published
            assert again.refresh == first.refresh
        assert state() == before

    def test_two_runs_from_scratch_have_the_same_fingerprint_and_the_same_models(self, published, home, delivered):
        again = home.refresh(delivered.portfolio, "2024Q2", delivered.data_dir)
        assert not again.already_published
        assert identity(again.refresh) == identity(published.second.refresh)
        assert again.refresh.refresh == published.second.refresh.refresh
        assert scores(home, again) == scores(published.home, published.second)

    def test_another_seed_gives_the_same_graph_and_another_network(self, published, reseeded):
        assert reseeded.refresh.fingerprint == published.second.refresh.fingerprint
        assert reseeded.refresh.content_hashes["graphsage"] != published.second.refresh.content_hashes["graphsage"]

    def test_settings_that_the_portfolio_has_varied_are_on_the_embeddings_page(self, reseeded):
        documents = {
            Path(path).name: Path(path).read_text(encoding="utf-8")
            for path in reseeded.refresh.documents
            if path.endswith(("html", "json"))
        }
        curve = SettingCurve.model_validate_json(documents["curve-graphsage-layers.json"])
        assert [point.value for point in curve.points] == [1, 2]
        assert curve.own == 2
        assert "layers of graphsage" in documents["embeddings.html"]
        assert f"{curve.points[0].mean(Sample.VALIDATION):.4f}" in documents["embeddings.html"]
        assert "vary layers of graphsage" in reseeded.refresh.stages

    def test_the_order_of_rows_changes_neither_graph_nor_models(self, published, published_copy, delivered):
        for path in sorted(delivered.folder.iterdir()):
            delivered.change(path.name, random.Random(0).shuffle)
        shuffled = published_copy.refresh(delivered.portfolio, "2024Q2", delivered.data_dir)
        assert not shuffled.already_published
        assert identity(shuffled.refresh) == identity(published.second.refresh)

    def test_one_other_number_gives_another_graph_which_takes_the_place_of_the_first(
        self, published, published_copy, delivered
    ):
        delivered.change("bilanzen_2024Q2.csv", lambda rows: rows[5].update(Mitarbeiter="401"))
        corrected = published_copy.refresh(delivered.portfolio, "2024Q2", delivered.data_dir)
        assert corrected.refresh.fingerprint != published.second.refresh.fingerprint
        assert published_copy.verify()["2024Q2"] == corrected.refresh.refresh
        assert (published_copy.path / "lake/rheintal/2024Q2" / published.second.refresh.refresh[:16]).is_dir()
        old, new = published.second.refresh.refresh[:12], corrected.refresh.refresh[:12]
        diff = published_copy.path / f"lake/rheintal/diffs/2024Q2-2024Q2-{old}-{new}"
        assert {path.name for path in diff.iterdir()} == {"diff.json", "diff.md", "diff.html", "manifest.json"}


class TestOtherSources:
    def test_parquet_gives_the_same_graph_and_models_as_csv(self, published, published_copy, delivered):
        for path in delivered.folder.glob("*.csv"):
            frame = pl.read_csv(path, infer_schema=False)
            numbers = [name for name in ("Bilanzsumme", "Eigenkapital", "Jahresüberschuss") if name in frame.columns]
            whole = [name for name in ("Mitarbeiter", "Umsatz_TEUR") if name in frame.columns]
            dates = [name for name in ("Eintragung", "Löschung") if name in frame.columns]
            frame.with_columns(
                pl.col(numbers).cast(pl.Float64), pl.col(whole).cast(pl.Int64), pl.col(dates).str.to_date()
            ).write_parquet(path.with_suffix(".parquet"))
            path.unlink()
        text = delivered.portfolio.read_text(encoding="utf-8").replace(".csv", ".parquet")
        delivered.portfolio.write_text(text, encoding="utf-8")
        found = published_copy.refresh(delivered.portfolio, "2024Q2", delivered.data_dir)
        assert not found.already_published
        assert identity(found.refresh) == identity(published.second.refresh)

    def test_a_database_gives_the_same_graph_and_models_as_csv(
        self, published, published_copy, delivered, tmp_path, monkeypatch
    ):
        with closing(sqlite3.connect(tmp_path / "bank.db")) as bank, bank:
            for path in delivered.folder.glob("*.csv"):
                rows = delivered.rows(path.name)
                columns = ", ".join(f'"{name}"' for name in rows[0])
                bank.execute(f'CREATE TABLE "{path.stem}" ({columns})')
                marks = ", ".join("?" * len(rows[0]))
                values = [[value or None for value in row.values()] for row in rows]
                bank.executemany(f'INSERT INTO "{path.stem}" VALUES ({marks})', values)
        monkeypatch.setenv("RHEINTAL_DATABASE", f"sqlite:///{tmp_path}/bank.db")
        content = yaml.safe_load(delivered.portfolio.read_text(encoding="utf-8").replace(".csv", ""))
        content["source"] = {"kind": "sql", "url": "env:RHEINTAL_DATABASE"}
        delivered.portfolio.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        found = published_copy.refresh(delivered.portfolio, "2024Q2")
        assert not found.already_published
        assert identity(found.refresh) == identity(published.second.refresh)


class TestTrouble:
    def test_a_run_that_fails_is_noted_and_the_next_one_keeps_its_finished_stages(
        self, published, home, delivered, monkeypatch
    ):
        def breaks(*_args, **_kwargs):
            raise RuntimeError("the printer is on fire")

        with monkeypatch.context() as patch:
            patch.setattr("flows.quarterly_refresh.document", breaks)
            with pytest.raises(RuntimeError, match="the printer is on fire"):
                home.refresh(delivered.portfolio, "2024Q2", delivered.data_dir)
        assert home.query("SELECT status, error FROM refreshes") == [("failed", "RuntimeError: the printer is on fire")]
        assert home.verify() == {}
        assert not (home.path / "lake" / "rheintal").exists()
        for name in ("fitted_candidate", "fitting_data"):
            monkeypatch.setattr(f"tasks.training.{name}", breaks)
        monkeypatch.setattr("tasks.admission._admitted", breaks)
        monkeypatch.setattr("tasks.evaluation.evaluation", breaks)
        rerun = home.refresh(delivered.portfolio, "2024Q2", delivered.data_dir)
        assert not rerun.already_published
        assert identity(rerun.refresh) == identity(published.second.refresh)
        assert home.verify() == {"2024Q2": rerun.refresh.refresh}

    def test_work_that_was_altered_after_a_failure_is_not_believed(self, home, delivered, monkeypatch):
        def breaks(*_args, **_kwargs):
            raise RuntimeError("the printer is on fire")

        with monkeypatch.context() as patch:
            patch.setattr("flows.quarterly_refresh.document", breaks)
            with pytest.raises(RuntimeError):
                home.refresh(delivered.portfolio, "2024Q2", delivered.data_dir)
        graph = next(home.path.glob("work/*/graphs/2024Q2.safetensors"))
        graph.write_bytes(graph.read_bytes()[:-1] + b"?")
        with pytest.raises(IntegrityError, match="is not the file that was recorded"):
            home.refresh(delivered.portfolio, "2024Q2", delivered.data_dir)
        assert home.verify() == {}

    def test_an_earlier_quarter_with_a_changed_file_is_not_compared_with(self, published, make_home, tmp_path):
        home = make_home(tmp_path / "home")
        home.refresh(published.portfolio, "2024Q2", published.data_dir)
        card = next(home.path.glob("lake/rheintal/2024Q2/*/documents/model_card.md"))
        card.write_text("all is well", encoding="utf-8")
        with pytest.raises(IntegrityError) as caught:
            home.refresh(published.portfolio, "2024Q3", published.data_dir)
        assert str(caught.value) == (
            f"{card.parents[1]} does not match its manifest.\n"
            f"  expected: {len(list(card.parents[1].rglob('*.*'))) - 1} files as listed\n"
            "  found: documents/model_card.md has changed\n"
            "  way out: restore it from a backup, or discard the refresh and run it again"
        )
        assert home.query("SELECT quarter, status FROM refreshes ORDER BY quarter") == [
            ("2024Q2", "published"),
            ("2024Q3", "failed"),
        ]

    def test_a_refresh_that_a_living_process_runs_is_busy(self, published, published_copy, delivered):
        # The other process claims the very refresh that this one would run.
        delivered.change("bilanzen_2024Q3.csv", lambda rows: rows[5].update(Mitarbeiter="402"))
        key = self._key(published_copy, delivered)
        program = (
            "import sys; from schemas.references import RefreshKey; from tasks.catalogue import open_catalogue\n"
            "open_catalogue(sys.argv[1]).claim(RefreshKey.model_validate_json(sys.argv[2]), 'schedule')\n"
            "print('claimed', flush=True); sys.stdin.read()"
        )
        database = f"sqlite:///{published_copy.path}/catalogue.db"
        with subprocess.Popen(
            [sys.executable, "-c", program, database, key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout.readline() == "claimed\n"
            with pytest.raises(RefreshBusy) as caught:
                published_copy.refresh(delivered.portfolio, "2024Q3", delivered.data_dir)
            other.kill()
        message = str(caught.value)
        assert message.startswith("The refresh rheintal 2024Q3 is being run already.\n")
        assert f"process {other.pid} on " in message
        assert "(schedule)" in message
        taken_over = published_copy.refresh(delivered.portfolio, "2024Q3", delivered.data_dir)
        assert not taken_over.already_published
        events = [event for (event,) in published_copy.query("SELECT event FROM audit_log ORDER BY sequence")]
        assert events[-3:] == ["refresh.taken_over", "refresh.published", "pages.written"]  # a corrected delivery

    @staticmethod
    def _key(home, delivered):
        from tasks.identity import refresh_key
        from tasks.portfolios import load_portfolio
        from tasks.receiving import receive

        spec = load_portfolio(str(delivered.portfolio))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CREDITNET_HOME", str(home.path))
            delivery = receive.__wrapped__(spec, Quarter(2024, 3), str(delivered.data_dir))
        return refresh_key(spec, delivery).model_dump_json()


class TestRegistry:
    def test_each_refresh_is_a_version_tagged_with_its_graph(self, published):
        client = published.home.registry
        for outcome in (published.second, published.third):
            (version,) = client.search_model_versions(f"tags.`graph.fingerprint` = '{outcome.refresh.fingerprint}'")
            assert f"{version.name} {version.version}" == outcome.refresh.model_version
            assert version.tags["creditnet.refresh"] == outcome.refresh.refresh
            assert version.tags["content_hash"] == outcome.refresh.content_hashes[outcome.refresh.verdict.chosen]

    def test_the_first_that_passes_is_champion_and_the_newest_is_challenger(self, published):
        client = published.home.registry
        assert published.second.refresh.verdict.outcome == "passed"
        aliases = {
            alias: str(client.get_model_version_by_alias("creditnet-rheintal", alias).version)
            for alias in ("champion", "challenger")
        }
        assert aliases == {"champion": "1", "challenger": "2"} == published.home.catalogue.aliases("rheintal")

    def test_the_registered_files_are_the_published_ones_and_hold_no_pickle(self, published):
        client = published.home.registry
        version = client.get_model_version_by_alias("creditnet-rheintal", "challenger")
        folder = Path(client.get_run(version.run_id).info.artifact_uri.removeprefix("file://"))
        kept = {path.name: path for path in folder.rglob("*") if path.is_file()}
        assert not [name for name in kept if name.endswith((".pkl", ".pickle", ".joblib"))]
        lake = published.home.path / "lake/rheintal/2024Q3" / published.third.refresh.refresh[:16]
        chosen = lake / "models/community" / published.third.refresh.verdict.chosen
        for name in ("spec.json", "weights.safetensors"):
            assert kept[name].read_bytes() == (chosen / name).read_bytes()


def test_a_kept_model_gives_the_published_probabilities_again(published):
    from models.graph_codec import graph_from_bytes
    from tasks.kept_models import restore
    from tasks.lake import published_graph, read_file, verify_folder
    from tasks.portfolios import load_portfolio

    current = published.home.catalogue.current("rheintal", Quarter(2024, 3))
    manifest = verify_folder(published.home.path, current.folder, current.manifest_sha256)
    graph = graph_from_bytes(read_file(published.home.path, published_graph(current.folder, manifest)))
    for spec in load_portfolio(str(published.portfolio)).candidates:
        files = [f for f in manifest.files if f.path.startswith(f"models/community/{spec.name}/")]
        files = [FileRef(path=f"{current.folder}/{file.path}", sha256=file.sha256) for file in files]
        by_name = {file.path.split(f"/{spec.name}/", 1)[1]: file for file in files}
        ref = _model_ref(spec, by_name)
        found = restore(published.home.path, ref, spec).probabilities(graph)
        kept = pl.read_parquet(published.home.path / by_name["quarter.parquet"].path).to_numpy()
        assert found == pytest.approx(kept, abs=1e-9)


def _model_ref(spec, by_name):
    from schemas.references import ModelRef
    from schemas.terms import Scheme

    own = tuple(file for name, file in by_name.items() if not name.endswith(".parquet"))
    return ModelRef(
        name=spec.name,
        scheme=Scheme.COMMUNITY,
        content_hash="",
        description=by_name["spec.json"],
        files=own,
        panel_probabilities=by_name["panel.parquet"],
        quarter_probabilities=by_name["quarter.parquet"],
    )


def test_the_manifest_lists_every_file_and_is_hashed_in_the_catalogue(published):
    folder = published.home.path / "lake/rheintal/2024Q3" / published.third.refresh.refresh[:16]
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    assert {file["path"] for file in manifest["files"]} == files - {MANIFEST}
    assert {str(folder / name) for name in files} == set(published.third.refresh.files)


def test_the_telemetry_of_every_library_is_off():
    assert {name: os.environ.get(name) for name in TELEMETRY_SWITCHES} == TELEMETRY_SWITCHES
