"""Settings: closed, frozen, and refused where they contradict themselves."""

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.candidates import (
    AutoGluonSpec,
    CandidateSpec,
    CorrectAndSmoothSpec,
    EnsembleSpec,
    GraphKernelSpec,
    GraphSageSpec,
    KrigingSpec,
    LabelPropagationSpec,
    LightGBMSpec,
    LogisticSpec,
    RandomForestSpec,
    SvmSpec,
)
from schemas.specs import EvaluationSpec, GatesSpec, GraphSpec, StabilitySpec, TrainingSpec
from schemas.splits import SplitSpec
from schemas.terms import Family

PARTITION = {"file": "folds.csv", "firm_id": "firm", "group": "fold"}
PUBLISHED = {"development": ["train"], "validation": ["valid"], "published_test": ["test"]}
MINIMAL = {
    GraphSpec: {},
    SplitSpec: {},
    LogisticSpec: {"name": "one", "kind": "logistic"},
    LightGBMSpec: {"name": "one", "kind": "lightgbm"},
    AutoGluonSpec: {"name": "one", "kind": "autogluon"},
    GraphSageSpec: {"name": "one", "kind": "graphsage"},
    SvmSpec: {"name": "one", "kind": "svm"},
    RandomForestSpec: {"name": "one", "kind": "random_forest"},
    LabelPropagationSpec: {"name": "one", "kind": "label_propagation"},
    CorrectAndSmoothSpec: {"name": "one", "kind": "correct_and_smooth", "base": {"kind": "logistic"}},
    GraphKernelSpec: {"name": "one", "kind": "graph_kernel"},
    KrigingSpec: {"name": "one", "kind": "kriging"},
    EnsembleSpec: {"name": "one", "kind": "ensemble", "members": ["a", "b"]},
    TrainingSpec: {},
    EvaluationSpec: {},
    GatesSpec: {},
    StabilitySpec: {},
}


@pytest.mark.parametrize("kind", MINIMAL)
def test_defaults_are_possible_frozen_and_survive_json(kind):
    spec = kind.model_validate(MINIMAL[kind])
    assert kind.model_validate_json(spec.model_dump_json()) == spec
    with pytest.raises(ValidationError, match="frozen"):
        setattr(spec, next(iter(kind.model_fields)), "other")


@pytest.mark.parametrize("kind", MINIMAL)
def test_a_misspelt_setting_is_an_error(kind):
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        kind.model_validate(MINIMAL[kind] | {"learning_rat": 0.1})


@pytest.mark.parametrize("kind", [kind for kind, minimal in MINIMAL.items() if "kind" in minimal])
def test_the_kind_decides_which_candidate_is_read(kind):
    assert type(TypeAdapter(CandidateSpec).validate_python(MINIMAL[kind])) is kind


def test_an_unknown_kind_of_candidate_is_refused():
    with pytest.raises(ValidationError, match="does not match any of the expected tags"):
        TypeAdapter(CandidateSpec).validate_python({"name": "one", "kind": "forest"})


def test_a_candidate_belongs_to_the_family_of_what_it_sees():
    assert LogisticSpec(name="a", kind="logistic").family is Family.TABULAR
    assert LightGBMSpec(name="a", kind="lightgbm", features="neighbour").family is Family.NEIGHBOUR
    assert AutoGluonSpec(name="a", kind="autogluon", features="neighbour").family is Family.NEIGHBOUR
    assert GraphSageSpec(name="a", kind="graphsage").family is Family.GNN
    for kind in (LabelPropagationSpec, CorrectAndSmoothSpec, GraphKernelSpec):
        assert kind.model_validate(MINIMAL[kind]).family is Family.NEIGHBOUR


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (SvmSpec, {"kernel": "linear", "gamma": 1.0}, "shape the rbf kernel"),
        (SvmSpec, {"kernel": "linear", "landmarks": 7}, "shape the rbf kernel"),
        (LabelPropagationSpec, {"alpha": 1.0}, "take less than 1, or clamp"),
        (LabelPropagationSpec, {"relations": {"supply": 0.0}}, "greater than 0"),
        (GraphKernelSpec, {"feature_weight": 0, "gamma": 1.0}, "`feature_weight: 0` leaves out"),
        (GraphKernelSpec, {"feature_weight": 0, "features": "neighbour"}, "`feature_weight: 0` leaves out"),
        (CorrectAndSmoothSpec, {"base": {"kind": "autogluon"}}, "does not match any of the expected tags"),
        (CorrectAndSmoothSpec, {"base": {"kind": "logistic", "ordered": True}}, "belong to the candidate itself"),
        (CorrectAndSmoothSpec, {"base": {"kind": "logistic", "grades": True}}, "belong to the candidate itself"),
        (EnsembleSpec, {"members": ["a"]}, "at least 2 items"),
        (EnsembleSpec, {"members": ["a", "b", "a"]}, "these repeat: a"),
        (EnsembleSpec, {"ordered": True}, "Extra inputs are not permitted"),
    ],
)
def test_settings_of_a_candidate_that_contradict_themselves_are_refused(kind, settings, message):
    with pytest.raises(ValidationError) as error:
        kind.model_validate(MINIMAL[kind] | settings)
    assert message in str(error.value)


def test_a_linear_machine_survives_json():
    spec = SvmSpec(name="one", kind="svm", kernel="linear")
    assert SvmSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schemes": []}, "schemes must name one or more different schemes"),
        ({"schemes": ["community", "community"]}, "schemes must name one or more different schemes"),
        ({"schemes": ["published"]}, "go together: give both or neither"),
        ({"published": PUBLISHED}, "go together: give both or neither"),
        ({"validation_share": 0.5, "out_of_community_share": 0.5}, "must lie between 0 and 1"),
        ({"validation_share": 0, "out_of_community_share": 0}, "selection and early stopping need a sample"),
        ({"validation_share": 1.2}, "less than or equal to 1"),
        ({"development_vintages": 0}, "greater than or equal to 1"),
        ({"vintage_step": 0}, "greater than or equal to 1"),
        ({"origins": -1}, "greater than or equal to 0"),
        ({"development_vintages": 2, "validation_vintages": 3}, "not more than those; found 3 of 2"),
        ({"schemes": ["random"]}, "the scheme `random` flatters every candidate"),
        ({"schemes": ["entity"], "partition": PARTITION}, "name that scheme too"),
        ({"partition": PARTITION | {"file": "{quarter}/folds.csv"}}, "a partition is one for all vintages"),
        ({"partition": PARTITION | {"published_on": "day"}}, "a partition is one for all vintages"),
        ({"partition": PARTITION | {"validation": ["1", "2"], "out_of_community": ["2"]}}, "both name 2"),
    ],
)
def test_an_impossible_split_is_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        SplitSpec.model_validate(settings)


def test_a_published_split_is_possible_with_its_mapping():
    spec = SplitSpec.model_validate({"schemes": ["published", "community"], "published": PUBLISHED})
    assert spec.published is not None
    assert spec.published.development == ("train",)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (GraphSpec, {"community_resolution": 0}),
        (LogisticSpec, {"inverse_penalty": 0}),
        (LogisticSpec, {"name": "Upper Case"}),
        (LogisticSpec, {"features": "all"}),
        (LightGBMSpec, {"rounds": 0}),
        (LightGBMSpec, {"leaves": 1}),
        (LightGBMSpec, {"row_share": 0}),
        (AutoGluonSpec, {"folds": 1}),
        (GraphSageSpec, {"dropout": 1}),
        (GraphSageSpec, {"layers": 0}),
        (GraphSageSpec, {"learning_rate": 0}),
        (TrainingSpec, {"threads": 0}),
        (EvaluationSpec, {"threshold": "best"}),
        (EvaluationSpec, {"threshold": 1.5}),
        (EvaluationSpec, {"bootstrap_draws": 5}),
        (GatesSpec, {"minimum_auc": 1.1}),
        (GatesSpec, {"feature_drift_limit": 0}),
        (GatesSpec, {"score_drift_limit": 0}),
        (GatesSpec, {"least_group_size": 0}),
        (GatesSpec, {"least_group_outcomes": 0}),
    ],
)
def test_a_setting_out_of_its_range_is_refused(kind, settings):
    with pytest.raises(ValidationError):
        kind.model_validate(MINIMAL[kind] | settings)


def test_a_cut_off_is_a_number_or_sought_on_validation():
    assert EvaluationSpec(threshold=0.3).threshold == 0.3
    assert EvaluationSpec(threshold="f1_on_validation").threshold == "f1_on_validation"


@pytest.mark.parametrize("changes", [[], [2, 5], [1, 5, 2], [1, 1, 2]])
def test_numbers_of_changed_edges_rise_from_one(changes):
    with pytest.raises(ValidationError, match="rises from 1"):
        StabilitySpec(changes=changes)
