"""What the graph page says of relations, in words a validator can check against the portfolio file."""

import pytest
from pydantic import TypeAdapter

from monitoring.graph_page import _policies, _tails
from schemas.portfolio import AnyRelation
from schemas.portrait import GraphPortrait, Tail

SUPPLY = {"kind": "table", "name": "supply", "file": "supply.csv", "source": "a", "target": "b", "weight": "share"}
BOARDS = {"kind": "shared_partner", "name": "boards", "file": "seats.csv", "firm_id": "firm", "partner": "person"}


def policy(world, relation):
    spec = TypeAdapter(AnyRelation).validate_python(relation)
    ((name, kind, settings),) = _policies(world.portfolio().model_copy(update={"relations": (spec,)}))
    assert (name, kind) == (relation["name"], relation["kind"].replace("_", " "))
    return settings.split("; ")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "directed: yes"),
        ({"directed": False}, "directed: no"),
        ({"repeated": "sum"}, "repeated: sum"),
        ({"self_loops": "drop"}, "self loops: drop"),
        ({"cap": 200}, "cap: 200"),
        ({"weight_between": [0, 1]}, "weight between: 0 to 1"),
        ({"weight_between": [None, 5]}, "weight between: −∞ to 5"),
        ({"where": {"type": "loan"}}, "where: type = loan"),
    ],
)
def test_each_policy_of_a_table_is_told(world, change, told):
    assert told in policy(world, SUPPLY | change)


def test_policies_leave_out_what_is_not_set_and_where_the_rows_are(world):
    told = policy(world, SUPPLY | {"tolerance": 0.2, "rows_between": [1, 9], "ignore": ["x"]})
    assert told == [
        "unknown firms: refuse",
        "weight: share",
        "directed: yes",
        "repeated: refuse",
        "self loops: refuse",
        "reciprocal: keep",
        "weight between: 0 to ∞",
    ]


def test_the_settings_of_a_projection_are_told(world):
    assert policy(world, BOARDS | {"window_days": 90}) == [
        "unknown firms: refuse",
        "window days: 90",
        "partner cap: 50",
        "weighting: count",
    ]


def test_both_directions_of_a_relation_share_a_chart_and_one_without_edges_has_none():
    names = ("all relations: partners", "idle: partners out", "supply: partners out", "supply: partners in")
    tails = tuple(Tail(name=n, values=() if "idle" in n else (1,), shares=() if "idle" in n else (1.0,)) for n in names)
    found = _tails(GraphPortrait(degrees=tails, ages=(), communities=None))
    assert [(name, [one.name for one in both]) for name, both in found] == [
        ("all relations", ["partners"]),
        ("supply", ["partners out", "partners in"]),
    ]
