"""Grades behind the classes: learnt as classes, predicted as classes, masked as outcomes."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from models.admission import admitted_outcomes
from models.candidates import fitted_candidate, restored_candidate
from models.corporate_graph import corporate_graph
from models.fitted import Grades, ModelContent
from models.panel import panel
from schemas.candidates import GraphSageSpec, KrigingSpec, LightGBMSpec, LogisticSpec
from schemas.portfolio import PortfolioSpec
from schemas.terms import Quarter

GRADES = {"0": ["low", "fair"], "1": ["poor", "lost"]}
CLASS_OF = (0, 0, 1, 1)
SPECS = [
    LogisticSpec(name="logistic", kind="logistic", grades=True, calibration="platt"),
    LightGBMSpec(name="trees", kind="lightgbm", rounds=20, least_rows_a_leaf=5, grades=True, ordered=True),
    KrigingSpec(name="kriging", kind="kriging", grades=True),
    GraphSageSpec(name="sage", kind="graphsage", hidden=8, epochs=8, grades=True, ordered=True, label_inputs=0.5),
]


def graded(graphs):
    """Return data with two classes, each of two grades."""
    finer = graphs.learnable(classes=4, firms=240)
    grades = Grades(finer.truth, CLASS_OF)
    return dataclasses.replace(finer, truth=grades.classes(), classes=2, grades=grades)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_class_is_as_probable_as_its_grades_together(graphs, spec):
    data = graded(graphs)
    fitted = fitted_candidate(spec, data)
    found = fitted.probabilities(data.graph)
    assert found.shape == (240, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    again = restored_candidate(spec, ModelContent.from_files(fitted.content().files()), "")
    np.testing.assert_array_equal(again.probabilities(data.graph), found)
    assert again.inputs == fitted.inputs
    if spec.calibration == "none":
        plain = spec.model_copy(update={"grades": False})
        finer = dataclasses.replace(data, truth=data.grades.truth, classes=4, grades=None)
        of_grades = fitted_candidate(plain, finer).probabilities(data.graph)
        np.testing.assert_allclose(found[:, 1], of_grades[:, 2] + of_grades[:, 3], atol=1e-12)
        assert fitted.notes["grades"] == 4


@pytest.mark.parametrize("spec", SPECS[2:], ids=lambda spec: spec.name)
def test_grades_change_what_is_learnt(graphs, spec):
    data = graded(graphs)
    plain = spec.model_copy(update={"grades": False, "ordered": False})
    one, other = (fitted_candidate(some, data).probabilities(data.graph) for some in (spec, plain))
    assert np.abs(one - other).max() > 1e-3


def test_grades_must_be_those_of_the_outcomes_and_masked_with_them(graphs):
    data = graded(graphs)
    held = ~(data.development | data.validation)
    for rows in (held, data.development):
        told = np.where(rows, 3 - np.maximum(data.grades.truth, 0), data.grades.truth)
        with pytest.raises(ValueError, match="masked where they are"):
            dataclasses.replace(data, grades=Grades(told, CLASS_OF))


def test_a_candidate_that_asks_for_grades_needs_them(graphs):
    with pytest.raises(ValueError, match="candidate kriging learns from grades, and the data has none"):
        fitted_candidate(SPECS[2], graphs.learnable())


def portfolio(world, **target):
    described = world.portfolio().model_dump(mode="json")
    described["outcomes"]["grade"] = "stage"
    described["target"] |= {"grades": GRADES} | target
    return PortfolioSpec.model_validate(described)


def test_an_outcome_without_a_grade_of_its_class_is_set_aside(world):
    firms = world.admitted_tables()["firms"]
    raw = world.raw_tables()["outcomes"]
    right = pl.when(pl.col("defaulted") == "1").then(pl.lit("lost")).otherwise(pl.lit("fair"))
    given = pl.when(pl.col("row") == 1).then(pl.lit("lost")).when(pl.col("row") == 2).then(None).otherwise(right)
    found = admitted_outcomes(raw.with_columns(stage=given), firms, portfolio(world))
    assert raw.filter(pl.col("row") == 1)["defaulted"].item() == "0"
    assert set(found.quarantine["row"]) == {1, 2}
    assert "the grade is one of its class" in set(found.quarantine["rule"])
    assert set(found.rows["grade"]) == {"lost", "fair"}


def test_a_panel_carries_the_grades_of_known_outcomes_only(world):
    spec, labels = world.portfolio(), world.labels().with_columns(grade=pl.col("outcome") * 2)
    graphs = [corporate_graph(world.admitted_tables(), spec, Quarter.parse(q).end) for q in ("2023Q1", "2023Q2")]
    rows = panel(graphs, labels)
    np.testing.assert_array_equal(rows.grades, np.where(rows.truth >= 0, rows.truth * 2, -1))
    assert panel(graphs, world.labels()).grades is None
