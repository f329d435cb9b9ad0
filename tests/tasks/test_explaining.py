"""Explaining from what a refresh published: its model, its graph, its settings."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from deployments.cli import app
from models.candidates import fitted_candidate
from models.graph_codec import graph_bytes
from models.scoring import unfavourable_probability
from schemas.errors import NotEnoughData, SettingsError
from schemas.references import DeliveryRef, RefreshKey
from schemas.reproduction import Provenance
from schemas.results import CandidateResult, Evaluation, GraphHelp, Interval, Manifest
from schemas.terms import Quarter, Scheme
from tasks.catalogue import open_catalogue
from tasks.explaining import folder_name, written_explanation
from tasks.kept_models import Finding, keep_model
from tasks.lake import publish_folder, rebased, write_file, write_frame, write_json
from tasks.settings import settings
from tasks.verifying import verified_home
from tests.tasks.published_versions import _refresh, _statistics

QUARTER = Quarter(2023, 1)
KEY = RefreshKey(
    portfolio="small_world", quarter=QUARTER, input_fingerprint="i", code_digest="c", spec_hash="s", key="4d" * 32
)
TREES = {
    "name": "logistic", "kind": "lightgbm", "features": "neighbour", "rounds": 20, "patience": 20,
    "least_rows_a_leaf": 5,
}  # fmt: skip


NETWORK = {"name": "sage", "kind": "graphsage", "hidden": 8, "epochs": 20, "patience": 20}


@pytest.fixture
def published(world, graphs, home, empty_catalogue):
    """A refresh of 120 firms, of which only what explaining reads was written."""
    shutil.copy(empty_catalogue, home / "catalogue.db")
    data, portfolio, work = graphs.learnable(missing=0.0), world.portfolio(candidates=[TREES, NETWORK]), "work/it"
    models, kept, results = {}, [], []
    for spec in portfolio.single_candidates:
        models[spec.name] = model = fitted_candidate(spec, data)
        found = model.probabilities(data.graph)
        finding = Finding(model.content(), model.inputs, model.notes, 1.0, found, found)
        files = keep_model(home, f"{work}/models/community/{spec.name}", spec, Scheme.COMMUNITY, finding)
        kept += [*files.files, files.panel_probabilities, files.quarter_probabilities]
        family = portfolio.family_of(spec)
        results.append(
            CandidateResult(
                name=spec.name, kind=spec.kind, family=family, content_hash="c", fit_seconds=1, inputs=3,
                threshold=0.4 if spec.name == "logistic" else 0.3, notes={}, samples={},
            )
        )  # fmt: skip
    firms = data.graph.firms
    sample = np.where(data.development, "development", np.where(data.validation, "validation", "out_of_community"))
    dealt = pl.DataFrame({"scheme": "community", "quarter": str(QUARTER), "firm_id": firms, "sample": sample})
    dealt = dealt.with_columns(community=pl.Series(data.communities), group=pl.Series(data.communities))
    names = pl.DataFrame({"firm_id": firms, "name": [f"Firm <b>{firm}</b>" for firm in firms]})
    dated = names.with_columns(
        published_on=pl.lit("2022-12-01").str.to_date(), valid_until=pl.lit(None, dtype=pl.Date), row=pl.int_range(120)
    )
    evaluation = Evaluation(
        candidates=tuple(results), chosen="logistic", best_on_validation="logistic", choice_reason="alone",
        graph=GraphHelp(helped="no", reason=""), leakage_gap=Interval(value=None),
    )  # fmt: skip
    provenance = Provenance(
        key=KEY, portfolio=portfolio, code={}, packages={}, environment={},
        delivery=DeliveryRef(portfolio="small_world", quarter=QUARTER, fingerprint="i", tables={}),
    )  # fmt: skip
    outcomes = pl.DataFrame({"vintage": str(QUARTER), "firm_id": firms, "outcome": data.truth})
    files = [
        *kept,
        write_file(home, f"{work}/graphs/{QUARTER}.safetensors", graph_bytes(data.graph)),
        write_frame(home, f"{work}/split.parquet", dealt),
        write_frame(home, f"{work}/outcomes.parquet", outcomes.filter(pl.col("outcome") >= 0)),
        write_frame(home, f"{work}/admitted/firms.parquet", dated),
        write_json(home, f"{work}/evaluation.json", evaluation),
        write_json(home, f"{work}/provenance.json", provenance),
    ]
    catalogue = open_catalogue(settings().database_url)
    catalogue.claim(KEY, "test")
    manifest = Manifest(
        refresh=KEY.key, portfolio="small_world", quarter=QUARTER, fingerprint="g1",
        files=tuple(rebased(file, work) for file in files), audit_head=catalogue.audit_head(),
    )  # fmt: skip
    folder = f"lake/small_world/{QUARTER}/it"
    digest = publish_folder(home, work, folder, manifest)
    catalogue.publish(
        KEY.key, refresh=_refresh("small_world", QUARTER, KEY.key, 1, (), ()), folder=folder, manifest_sha256=digest,
        graph_statistics=_statistics(QUARTER, 1), scores=(), model_name="creditnet-small_world", model_version="1",
    )  # fmt: skip
    return data, models, portfolio


def test_a_published_score_is_explained_and_written_down_once(published, home):
    data, models, portfolio = published
    written = written_explanation("small_world", "f007", None)
    content = written.content
    expected = unfavourable_probability(models["logistic"].probabilities(data.graph), portfolio.target)[7]
    assert content.standing.probability == pytest.approx(expected)
    assert (content.firm, content.name, content.quarter) == ("f007", "Firm <b>f007</b>", QUARTER)
    assert content.threshold == 0.4
    assert len(content.partners) == 2
    assert [path.rsplit("/", 1)[1] for path in written.files] == [
        "explanation.json", "explanation.md", "explanation.html",
    ]  # fmt: skip
    assert "Firm &lt;b&gt;f007&lt;/b&gt;" in (home / written.files[2]).read_text()
    rows = len(open_catalogue(settings().database_url).audit_entries())
    assert written_explanation("small_world", "f007", QUARTER) == written
    assert len(open_catalogue(settings().database_url).audit_entries()) == rows
    report = verified_home(registry=False)
    assert report.pages == 1
    assert not [one for one in report.damages if "explanations" in one.where]


@pytest.mark.parametrize(
    ("portfolio", "firm", "quarter", "problem"),
    [
        ("small_world", "f0O7", None, "did you mean f"),
        ("small_world", "nobody at all", None, "is not in the graph of 2023-03-31"),
        ("small_world", "f007", Quarter(2024, 1), "the newest published quarter is 2023Q1"),
        ("small_world", "f007", Quarter(2024, 1), "run `creditnet refresh --portfolio small_world --quarter 2024Q1`"),
        ("small_world", "f007", Quarter(2024, 1), "2024Q1 of small_world has not been published"),
        ("elsewhere", "f007", None, "no published refresh"),
    ],
)
def test_what_has_no_score_is_refused(published, portfolio, firm, quarter, problem):
    with pytest.raises(NotEnoughData, match=re.escape(problem)) as refused:
        written_explanation(portfolio, firm, quarter)
    assert refused.value.exit_code == 6


def test_another_candidate_is_explained_as_itself_and_beside_the_one_that_decided(published, home):
    data, models, portfolio = published
    decided = written_explanation("small_world", "f007", None)
    other = written_explanation("small_world", "f007", None, "sage")
    expected = unfavourable_probability(models["sage"].probabilities(data.graph), portfolio.target)[7]
    assert other.content.standing.probability == pytest.approx(expected)
    assert (other.content.candidate, other.content.decided_by, other.content.decided) == ("sage", "logistic", False)
    assert other.content.threshold == 0.3
    assert other.content.reasons == ()
    assert not set(other.files) & set(decided.files)
    assert written_explanation("small_world", "f007", None, "logistic") == decided
    assert "not the model that decided" in (home / other.files[2]).read_text()


def test_a_version_is_explained_by_its_number(published):
    assert written_explanation("small_world", "f007", version="1") == written_explanation("small_world", "f007")
    with pytest.raises(NotEnoughData, match="Version 7 of small_world has not been published"):
        written_explanation("small_world", "f007", version="7")
    with pytest.raises(NotEnoughData, match="Version 1 of small_world is not of 2024Q1"):
        written_explanation("small_world", "f007", Quarter(2024, 1), version="1")


def test_every_method_that_fits_is_asked(published, home):
    trees = written_explanation("small_world", "f007", None, methods=["all"])
    network = written_explanation("small_world", "f007", None, "sage", ["all"])
    assert {"leave_one_out", "shap"} <= {one.method for one in trees.content.methods}
    asked = [one.method for one in network.content.methods]
    assert {"integrated_gradients", "gnn_explainer", "leave_one_out", "dist_shift"} <= set(asked)
    assert len(network.content.agreement) == len(asked) * (len(asked) - 1) // 2
    assert any(one.edges for one in network.content.methods)
    for one in network.content.methods:
        weights = [abs(edge.weight) for edge in one.edges]
        assert weights == sorted(weights, reverse=True)
    assert "By other methods" in (home / network.files[2]).read_text()
    one = written_explanation("small_world", "f007", None, "sage", ["leave_one_out", "leave_one_out"])
    assert [told.method for told in one.content.methods] == ["leave_one_out"]
    assert len({written.files[2] for written in (trees, network, one)}) == 3


@pytest.mark.parametrize(
    ("candidate", "method", "problem"),
    [
        ("sagge", "all", "did you mean sage?"),
        ("sage", "leave_one", "did you mean leave_one_out?"),
        ("sage", "shap", "cannot explain this candidate"),
        (None, "attention", "cannot explain this candidate"),
    ],
)
def test_a_candidate_or_method_that_does_not_fit_is_refused(published, candidate, method, problem):
    with pytest.raises(SettingsError, match=re.escape(problem)) as refused:
        written_explanation("small_world", "f007", None, candidate, [method])
    assert refused.value.exit_code == 9


def test_the_command_prints_one_object_or_lines(published, capfd):
    asked = ["explain", "f007", "--portfolio", "small_world"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert "Small world, 2023Q1: f007 (Firm <b>f007</b>)" in capfd.readouterr().out
    assert CliRunner().invoke(app, [*asked, "--json"]).exit_code == 0
    printed = json.loads(capfd.readouterr().out)
    assert printed["firm"] == "f007"
    assert len(printed["files"]) == 3
    by_method = [*asked, "--candidate", "sage", "--method", "leave_one_out", "--method", "integrated_gradients"]
    assert CliRunner().invoke(app, by_method).exit_code == 0
    lines = capfd.readouterr().out
    assert "note         not the model that decided: logistic did" in lines
    assert len(re.findall(r"^  method  .*reliable: ", lines, re.MULTILINE)) == 2


def test_help_has_an_example():
    shown = CliRunner().invoke(app, ["explain", "--help"])
    assert "creditnet explain F00017" in shown.output


def test_ids_make_safe_and_different_folders():
    names = ["F1", "../../etc", "a/b", "a_b", "a b", ".", "ü", "x" * 500, "NUL\x00", ""]
    folders = [folder_name(name) for name in names]
    assert len(set(folders)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", folder) for folder in folders)
    assert folders[0] == "F1"
