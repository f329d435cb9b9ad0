"""A portfolio is one frozen thing; combinations that cannot be die when it is made."""

import copy
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from schemas.portfolio import ColumnSpec, PortfolioSpec, RelationSpec, SqlSource, TargetSpec
from schemas.terms import Family, Kind, Role

BUNDLED = sorted((Path(__file__).parents[2] / "schemas" / "bundled").glob("*.yaml"))


@pytest.fixture
def described(world):
    """The small world's portfolio as the plain data of a YAML file."""
    return copy.deepcopy(world.portfolio().model_dump(mode="json"))


def refused(described, message):
    with pytest.raises(ValidationError) as error:
        PortfolioSpec.model_validate(described)
    assert message in str(error.value)


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_every_bundled_portfolio_is_possible_and_survives_json(path):
    spec = PortfolioSpec.model_validate(yaml.safe_load(path.read_text()))
    assert spec.name == path.stem
    assert PortfolioSpec.model_validate_json(spec.model_dump_json()) == spec


def test_a_portfolio_cannot_be_changed(world):
    with pytest.raises(ValidationError, match="frozen"):
        world.portfolio().title = "other"


def test_features_come_from_firms_first_and_only_by_role(world):
    spec = world.portfolio()
    assert [column.name for column in spec.feature_columns] == ["industry", "profit"]
    assert [column.name for column in spec.protected_columns] == ["region"]
    assert spec.split_column is None


def test_declared_columns_are_the_source_names_of_all_that_is_read_once(world):
    spec = world.portfolio()
    assert spec.firms.declared_columns() == ("id", "called", "industry", "region", "known_from", "gone_on")
    assert spec.filings.declared_columns() == ("id", "period", "total assets", "debt", "profit", "filed_on")
    assert spec.relations[0].declared_columns() == ("seller", "buyer", "volume", "known_from")
    assert spec.outcomes.declared_columns() == ("id", "defaulted", "quarter")


def test_a_file_with_a_quarter_in_its_name_is_quarterly(described):
    assert not PortfolioSpec.model_validate(described).firms.quarterly
    described["firms"]["file"] = "{quarter}/firms"
    assert PortfolioSpec.model_validate(described).firms.quarterly


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "category"}, "a category needs `values`"),
        ({"kind": "text"}, "a feature is a number, an integer or a category, not text"),
        ({"kind": "date"}, "a feature is a number, an integer or a category, not date"),
        ({"role": "protected"}, "a protected column is a category with its `values`"),
        ({"role": "split"}, "a split column is a category with its `values`"),
        ({"kind": "category", "role": "protected", "values": ["u", "r"]}, "a protected attribute needs `reference`"),
        (
            {"kind": "category", "role": "protected", "values": ["u", "r"], "reference": "x"},
            "one of its values (u, r); found 'x'",
        ),
        ({"kind": "category", "values": ["s", "l"], "reference": "x"}, "`reference` is one of the values (s, l)"),
        ({"reference": "x"}, "`reference` is one of the values (a category has them)"),
        ({"kind": "category", "values": ["a"], "minimum": 0}, "minimum, maximum and mean_between are for numbers"),
        ({"kind": "text", "role": "note", "maximum": 0}, "minimum, maximum and mean_between are for numbers"),
        ({"kind": "date", "role": "note", "mean_between": [0, 1]}, "are for numbers"),
        ({"name": "Total Assets"}, "String should match pattern"),
        ({"completeness": 1.5}, "less than or equal to 1"),
    ],
)
def test_an_impossible_column_is_refused(settings, message):
    with pytest.raises(ValidationError) as error:
        ColumnSpec.model_validate({"name": "x"} | settings)
    assert message in str(error.value)


def test_a_column_is_called_the_same_in_the_delivery_unless_told():
    assert ColumnSpec(name="assets").source_name == "assets"
    assert ColumnSpec(name="assets", column="Total assets").source_name == "Total assets"
    assert ColumnSpec(name="founded", kind=Kind.DATE, role=Role.NOTE).kind is Kind.DATE


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": ["0", "0"]}, "classes repeat: 0, 0"),
        ({"classes": ["0", "1", "2"]}, "a binary target has two classes; found 3"),
        ({"kind": "ordinal"}, "an ordinal target has three classes or more; found 2"),
        ({"favourable": []}, "`favourable` names some of the classes"),
        ({"favourable": ["0", "1"]}, "`favourable` names some of the classes"),
        ({"favourable": ["2"]}, "found 2"),
        ({"horizon_quarters": -1}, "greater than or equal to 0"),
    ],
)
def test_an_impossible_target_is_refused(settings, message):
    possible = {"kind": "binary", "classes": ["0", "1"], "favourable": ["0"], "horizon_quarters": 4, "label": "d"}
    TargetSpec.model_validate(possible)
    with pytest.raises(ValidationError) as error:
        TargetSpec.model_validate(possible | settings)
    assert message in str(error.value)


def test_a_password_in_a_database_url_is_refused():
    with pytest.raises(ValidationError, match="the URL holds a password"):
        SqlSource(kind="sql", url="postgresql://clerk:secret@host/db")
    assert SqlSource(kind="sql", url="env:BANK_URL").url == "env:BANK_URL"
    assert SqlSource(kind="sql", url="postgresql://clerk@host:5432/db")


def test_names_that_repeat_are_refused(described):
    described["candidates"] *= 2
    described["relations"].append(described["relations"][0])
    described["derived"].append({"name": "profit", "expression": "debt"})
    refused(described, "candidates: names must differ, these repeat: logistic")
    refused(described, "relations: names must differ, these repeat: supply")
    refused(described, "columns and derived features: names must differ, these repeat: profit")


def test_a_portfolio_without_candidates_is_refused(described):
    described["candidates"] = []
    refused(described, "at least 1 item")


def test_a_portfolio_without_features_is_refused(described):
    described["derived"] = []
    for column in described["firms"]["columns"] + described["filings"]["columns"]:
        if column["role"] == "feature":
            column["role"] = "note"
    refused(described, "no column has the role `feature`: there is nothing to predict from")


def test_a_protected_column_among_the_filings_is_refused(described):
    described["filings"]["columns"].append(
        {"name": "owner", "kind": "category", "role": "protected", "values": ["m", "f"], "reference": "m"}
    )
    refused(described, "protected, watched and split columns belong to firms, not to filings: owner")


def test_a_category_of_firms_with_a_reference_is_watched_and_stays_a_feature(described):
    described["firms"]["columns"][0]["reference"] = "steel"
    portfolio = PortfolioSpec.model_validate(described)
    assert [column.name for column in portfolio.watched_columns] == ["industry"]
    assert "industry" in [column.name for column in portfolio.feature_columns]
    assert "industry" not in [column.name for column in portfolio.protected_columns]


def test_a_watched_column_among_the_filings_is_refused(described):
    described["filings"]["columns"].append({"name": "rank", "kind": "category", "values": ["s", "l"], "reference": "l"})
    refused(described, "protected, watched and split columns belong to firms, not to filings: rank")


SPLIT = {"schemes": ["published"], "published": {"development": ["tr"], "validation": ["va"], "published_test": ["te"]}}


def closed(described):
    """Turn the portfolio into one without quarters."""
    described["quarter"] = "2023Q1"
    described["target"]["horizon_quarters"] = 0
    return described


def test_a_published_split_needs_its_column(described):
    closed(described)["split"] = SPLIT
    refused(described, "split.published needs a column of firms with the role `split`")


def test_a_published_split_names_values_that_the_column_can_hold(described):
    closed(described)["split"] = SPLIT
    column = {"name": "part", "kind": "category", "role": "split", "values": ["tr", "va", "test"]}
    described["firms"]["columns"].append(column)
    refused(described, "split.published names values that column 'part' cannot hold: te")
    column["values"] = ["tr", "va", "te", "rest"]
    spec = PortfolioSpec.model_validate(described)
    assert spec.split_column is not None
    assert spec.split_column.name == "part"


def test_a_published_split_is_for_data_with_one_quarter(described):
    described["split"] = SPLIT
    described["firms"]["columns"].append(
        {"name": "part", "kind": "category", "role": "split", "values": ["tr", "va", "te"]}
    )
    refused(described, "the scheme `published` is for data with one quarter: declare `quarter`")


def test_a_declared_quarter_and_no_horizon_go_together(described):
    described["quarter"] = "2023Q1"
    refused(described, "`quarter` and `target.horizon_quarters: 0` go together")
    described["quarter"] = None
    described["target"]["horizon_quarters"] = 0
    refused(described, "`quarter` and `target.horizon_quarters: 0` go together")


@pytest.mark.parametrize(
    ("table", "field", "message"),
    [
        ("outcomes", "vintage", "outcomes need `vintage`, a column with the quarter they were observed from"),
        ("filings", "period", "filings need `period`, a column with the quarter they report on"),
        ("firms", "published_on", "firms need `published_on`, a column with the day each row became known"),
        ("filings", "published_on", "filings need `published_on`, a column with the day each row became known"),
    ],
)
def test_a_table_without_time_is_refused_unless_quarterly_or_closed(described, table, field, message):
    described[table][field] = None
    refused(described, message)
    quarterly = copy.deepcopy(described)
    quarterly[table]["file"] = "{quarter}/file"
    PortfolioSpec.model_validate(quarterly)
    PortfolioSpec.model_validate(closed(described))


def test_a_relation_without_time_is_refused(described):
    described["relations"][1]["published_on"] = None
    refused(described, "relations ownership need `published_on`")


def test_all_mistakes_are_told_at_once(described):
    described["candidates"] *= 2
    described["filings"]["period"] = None
    refused(described, "names must differ, these repeat: logistic; filings need `period`")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"name": "published_on"}, "the name is used for something else"),
        ({"name": "x", "kind": "category", "values": ["a", "a"]}, "`values` repeat"),
        ({"name": "x", "values": ["a"]}, "`values` are for a category, not for number"),
        ({"name": "x", "minimum": 2, "maximum": 1}, "minimum 2 is above maximum 1"),
    ],
)
def test_a_column_that_cannot_be_is_refused(column, message):
    with pytest.raises(ValueError, match=message):
        ColumnSpec.model_validate(column)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"derived": [{"name": "d", "expression": "profit / nothing"}]},
            "names columns that are not declared: nothing",
        ),
        ({"derived": [{"name": "d", "expression": "profit +"}]}, "'d' is not an SQL expression"),
        ({"derived": [{"name": "d", "expression": "'text'"}]}, "'d' must be a number"),
        ({"filings.rules": [{"name": "r", "expression": "profit + 1"}]}, "rule 'r' must be true or false"),
        (
            {"filings.rules": [{"name": "r", "expression": "loss < 1"}]},
            "rule 'r' names columns that are not declared: loss",
        ),
    ],
)
def test_an_expression_is_tried_before_any_data_comes(world, changes, message):
    described = world.portfolio().model_dump(mode="json")
    if "derived" in changes:
        described["derived"] = changes["derived"]
    else:
        described["filings"]["rules"] = changes["filings.rules"]
    with pytest.raises(ValueError, match=message):
        PortfolioSpec.model_validate(described)


def test_a_range_of_weights_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match=r"weight_between ends \(0\) before it begins \(1\)"):
        RelationSpec(name="supply", file="x", source="a", target="b", weight_between=(1, 0))


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"schemes": ["temporal"]}, "the scheme `temporal` is for data with quarters"),
        ({"origins": 2}, "split.origins is for data with quarters"),
    ],
)
def test_data_with_one_quarter_cannot_be_split_by_time(described, split, message):
    closed(described)["split"] = split
    refused(described, message)


@pytest.mark.parametrize(
    ("grades", "column", "message"),
    [
        ({"0": ["a"]}, "stage", "`grades` splits every class: expected 0, 1; found 0"),
        ({"0": ["a", "b"], "1": ["b"]}, "stage", "a grade belongs to one class, these repeat: b"),
        ({"0": ["a"], "1": ["b"]}, None, "go together"),
        ({}, "stage", "go together"),
    ],
)
def test_grades_split_every_class_and_have_a_column(described, grades, column, message):
    described["target"]["grades"] = grades
    described["outcomes"]["grade"] = column
    refused(described, message)


def test_grades_stand_in_the_order_of_the_classes_and_may_be_ordered(described):
    described["target"]["grades"] = {"1": ["d"], "0": ["a", "b"]}
    described["outcomes"]["grade"] = "stage"
    described["candidates"] = [PLAIN | {"grades": True, "ordered": True}]
    target = PortfolioSpec.model_validate(described).target
    assert target.every_grade == ("a", "b", "d")
    assert target.class_of_grade == (0, 0, 1)


LIGHT = {"name": "light", "kind": "lightgbm"}
PLAIN = {"name": "plain", "kind": "logistic"}
BOTH = {"name": "both", "kind": "ensemble", "members": ["plain", "light"]}


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([PLAIN | {"ordered": True}], "candidate plain: `ordered` is for an ordinal target"),
        ([PLAIN | {"grades": True}], "candidate plain: `grades` needs `target.grades`"),
        ([PLAIN | {"features": "structure"}], "asks for structure, which `graph.structure` would have to describe"),
        ([PLAIN | {"features": "history"}], "asks for history, which `graph.history` would have to describe"),
        (
            [{"name": "cs", "kind": "correct_and_smooth", "base": {"kind": "logistic", "features": "embedding"}}],
            "candidate cs: `features` asks for embedding",
        ),
        (
            [{"name": "gk", "kind": "graph_kernel", "features": "structure"}],
            "candidate gk: `features` asks for structure",
        ),
        (
            [{"name": "lp", "kind": "label_propagation", "relations": {"friendship": 1.0}}],
            "candidate lp: `relations` names what is no relation: friendship",
        ),
        ([PLAIN, BOTH, LIGHT], "(plain); found light"),
        ([PLAIN, LIGHT, BOTH, BOTH | {"name": "all", "members": ["plain", "both"]}], "found both"),
    ],
)
def test_candidates_that_the_portfolio_cannot_carry_are_refused(described, candidates, message):
    refused(described | {"candidates": candidates}, message)


def test_an_ensemble_knows_what_the_richest_of_its_members_knows(described):
    near = LIGHT | {"features": "neighbour"}
    sage = {"name": "sage", "kind": "graphsage"}
    for second, family in ((LIGHT, Family.TABULAR), (near, Family.NEIGHBOUR), (sage, Family.GNN)):
        both = BOTH | {"members": ["plain", second["name"]]}
        spec = PortfolioSpec.model_validate(described | {"candidates": [PLAIN, second, both]})
        assert spec.family_of(spec.candidates[2]) is family
        assert [one.name for one in spec.single_candidates] == ["plain", second["name"]]
        assert spec.ensembles == (spec.candidates[2],)


@pytest.mark.parametrize(
    ("firms_from", "primary"), [(None, "entity"), ("known_communities", "entity"), ("unseen_communities", "community")]
)
def test_whom_the_scores_are_for_decides_which_scheme_chooses(described, firms_from, primary):
    described["split"] = {"schemes": ["entity", "community", "random"]}
    described["use"] = {"firms_from": firms_from} if firms_from else None
    assert PortfolioSpec.model_validate(described).primary_scheme == primary


def test_scores_for_firms_that_no_scheme_validates_on_are_refused(described):
    described["split"] = {"schemes": ["community", "random"]}
    described["use"] = {"firms_from": "known_communities"}
    refused(described, "needs a scheme that validates on such firms: `published`, `temporal` or `entity`")
    described["split"] = {"schemes": ["entity"]}
    described["use"] = {"firms_from": "unseen_communities"}
    refused(described, "needs a scheme that validates on such firms: `community`")
