"""A validator computes from the workbook what the card says, without this software's own mathematics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from tests.tasks.test_xlsx import read

pytestmark = pytest.mark.flow


@pytest.fixture(scope="module")
def documents(published) -> Path:
    return Path(published.third.refresh.documents[0]).parent


@pytest.fixture(scope="module")
def sheets(documents):
    return read((documents / "validation_workbook.xlsx").read_bytes())


def records(sheet):
    return [dict(zip(sheet[0], row, strict=True)) for row in sheet[1:]]


def test_every_auc_can_be_computed_again(sheets):
    rows, metrics = records(sheets["Firm-quarters"]), records(sheets["Metrics"])
    checked = [one for one in metrics if one["metric"] == "auc" and one["value"] is not None]
    assert len({one["candidate"] for one in checked}) > 3
    for one in checked:
        of_sample = [row for row in rows if row["sample"] == one["sample"]]
        truth, estimate = ([row[name] for row in of_sample] for name in ("unfavourable", one["candidate"]))
        assert roc_auc_score(truth, estimate) == pytest.approx(one["value"])


def test_every_jeffreys_test_can_be_computed_again(sheets):
    rows, chosen = records(sheets["Firm-quarters"]), dict(sheets["About"])["chosen candidate"]
    grades = [one for one in records(sheets["IRB by grade"]) if one["grade"] != "all"]
    assert grades
    for one in grades:
        firms = [row for row in rows if (row["sample"], row["grade"]) == (one["sample"], one["grade"])]
        defaults, mean = sum(row["unfavourable"] for row in firms), sum(row[chosen] for row in firms) / len(firms)
        assert (len(firms), defaults) == (one["firm_quarters"], one["defaults"])
        expected = stats.beta.cdf(mean, defaults + 0.5, len(firms) - defaults + 0.5)
        assert expected == pytest.approx(one["jeffreys"], abs=1e-9)


def test_ids_and_figures_of_the_other_documents_are_in_it(sheets, documents):
    assert {"00123", "NA", "1e5", "Müller & Söhne"} <= {row["firm_id"] for row in records(sheets["Firm-quarters"])}
    irb = json.loads((documents / "irb.json").read_text())
    assert irb["candidate"] == dict(sheets["About"])["chosen candidate"]
    counts = [[int(count) for count in row[1:]] for row in sheets["Migrations"][1:]]
    assert counts == irb["migration"]["counts"]
    assert f"AUC {irb['auc']['initial']:.3f} on validation" in (documents / "model_card.md").read_text()


def test_shares_of_firms_that_changed_edges_turn_are_those_of_the_judgement(sheets, documents):
    judged = json.loads((documents.parent / "judgement.json").read_text())
    flips = [(found["candidate"], one) for found in judged["edge_stability"] for one in found["flips"]]
    rows = records(sheets["Changed edges"])
    assert rows
    for row, (candidate, one) in zip(rows, flips, strict=True):
        assert (row["candidate"], row["change"], row["edges"]) == (candidate, one["change"], one["edges"])
        assert (row["flipped"], row["flipped_high"]) == (one["flipped"]["value"], one["flipped"]["high"])
    assert judged["edge_stability"][0]["chosen"]
