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
from schemas.errors import NotEnoughData
from schemas.references import DeliveryRef, RefreshKey
from schemas.reproduction import Provenance
from schemas.results import CandidateResult, Evaluation, GraphHelp, Interval, Manifest
from schemas.terms import Family, Quarter, Scheme
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


@pytest.fixture
def published(world, graphs, home, empty_catalogue):
    """A refresh of 120 firms, of which only what explaining reads was written."""
    shutil.copy(empty_catalogue, home / "catalogue.db")
    data, portfolio, work = graphs.learnable(missing=0.0), world.portfolio(candidates=[TREES]), "work/it"
    [spec] = portfolio.single_candidates
    model = fitted_candidate(spec, data)
    found = model.probabilities(data.graph)
    finding = Finding(model.content(), model.inputs, model.notes, 1.0, found, found)
    kept = keep_model(home, f"{work}/models/community/logistic", spec, Scheme.COMMUNITY, finding)
    firms = data.graph.firms
    sample = np.where(data.development, "development", np.where(data.validation, "validation", "out_of_community"))
    dealt = pl.DataFrame({"scheme": "community", "quarter": str(QUARTER), "firm_id": firms, "sample": sample})
    dealt = dealt.with_columns(community=pl.Series(data.communities), group=pl.Series(data.communities))
    names = pl.DataFrame({"firm_id": firms, "name": [f"Firm <b>{firm}</b>" for firm in firms]})
    dated = names.with_columns(
        published_on=pl.lit("2022-12-01").str.to_date(), valid_until=pl.lit(None, dtype=pl.Date), row=pl.int_range(120)
    )
    result = CandidateResult(
        name="logistic", kind="lightgbm", family=Family.NEIGHBOUR, content_hash="c", fit_seconds=1, inputs=3,
        threshold=0.4, notes={}, samples={},
    )  # fmt: skip
    evaluation = Evaluation(
        candidates=(result,), chosen="logistic", best_on_validation="logistic", choice_reason="alone",
        graph=GraphHelp(helped="no", reason=""), leakage_gap=Interval(value=None),
    )  # fmt: skip
    provenance = Provenance(
        key=KEY, portfolio=portfolio, code={}, packages={}, environment={},
        delivery=DeliveryRef(portfolio="small_world", quarter=QUARTER, fingerprint="i", tables={}),
    )  # fmt: skip
    outcomes = pl.DataFrame({"vintage": str(QUARTER), "firm_id": firms, "outcome": data.truth})
    files = [
        *kept.files,
        kept.panel_probabilities,
        kept.quarter_probabilities,
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
    return data, model, portfolio


def test_a_published_score_is_explained_and_written_down_once(published, home):
    data, model, portfolio = published
    written = written_explanation("small_world", "f007", None)
    content = written.content
    expected = unfavourable_probability(model.probabilities(data.graph), portfolio.target)[7]
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
        ("elsewhere", "f007", None, "no published refresh"),
    ],
)
def test_what_has_no_score_is_refused(published, portfolio, firm, quarter, problem):
    with pytest.raises(NotEnoughData, match=re.escape(problem)) as refused:
        written_explanation(portfolio, firm, quarter)
    assert refused.value.exit_code == 6


def test_the_command_prints_one_object_or_lines(published, capfd):
    asked = ["explain", "f007", "--portfolio", "small_world"]
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert "Small world, 2023Q1: f007 (Firm <b>f007</b>)" in capfd.readouterr().out
    assert CliRunner().invoke(app, [*asked, "--json"]).exit_code == 0
    printed = json.loads(capfd.readouterr().out)
    assert printed["firm"] == "f007"
    assert len(printed["files"]) == 3


def test_help_has_an_example():
    shown = CliRunner().invoke(app, ["explain", "--help"])
    assert "creditnet explain F00017" in shown.output


def test_ids_make_safe_and_different_folders():
    names = ["F1", "../../etc", "a/b", "a_b", "a b", ".", "ü", "x" * 500, "NUL\x00", ""]
    folders = [folder_name(name) for name in names]
    assert len(set(folders)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", folder) for folder in folders)
    assert folders[0] == "F1"
