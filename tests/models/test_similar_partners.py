"""Firms with similar partners: cosines by hand, the settings, and how a portfolio names it."""

import numpy as np
import pytest
from pydantic import ValidationError

from models.corporate_graph import corporate_graph
from models.similar_partners import similar_partner_edges
from schemas.portfolio import PortfolioSpec
from schemas.relation_kinds import SimilarPartnersSpec
from schemas.terms import Quarter


def spec(**settings):
    return SimilarPartnersSpec(kind="similar_partners", name="alike", **settings)


@pytest.fixture
def relations(graphs):
    # a and b share both customers, c has one of them, d is related to e alone.
    supply = [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("c", "y")]
    graph = graphs.graph_of(["a", "b", "c", "d", "e", "x", "y"], {"supply": supply, "owns": [("d", "e"), ("c", "e")]})
    return graph.relations


def weights(relations, one):
    matrix = similar_partner_edges(relations, one).matrix().tocoo()
    names = "abcdexy"
    pairs = zip(matrix.row.tolist(), matrix.col.tolist(), matrix.data.tolist(), strict=True)
    return {names[i] + names[j]: value for i, j, value in pairs if i < j}


def test_the_weight_is_the_cosine_of_who_is_related_with_oneself_among_them(relations):
    found = weights(relations, spec(neighbours=6))
    assert found["ab"] == pytest.approx(2 / 3), "x and y of {a, x, y} and {b, x, y}"
    assert found["ac"] == pytest.approx(1 / 3), "y of {a, x, y} and {c, e, y}"
    assert "ad" not in found


def test_a_power_thins_out_weak_similarity(relations):
    assert weights(relations, spec(neighbours=6, power=3))["ac"] == pytest.approx(1 / 27)


def test_each_firm_chooses_its_nearest_and_either_choice_counts(relations):
    few, many = weights(relations, spec(neighbours=1)), weights(relations, spec(neighbours=6))
    assert set(few) < set(many)
    assert {firm for pair in few for firm in pair} == set("abcdexy")


def test_relations_can_be_narrowed_down(relations):
    found = weights(relations, spec(neighbours=6, relations=("owns",)))
    assert set(found) == {"cd", "ce", "de"}


def described(world, **relation):
    plain = world.portfolio().model_dump(mode="json")
    plain["relations"].append({"name": "alike", "kind": "similar_partners"} | relation)
    return plain


def test_a_portfolio_file_can_name_it_and_it_is_computed_for_each_quarter(world):
    portfolio = PortfolioSpec.model_validate(described(world, neighbours=2))
    assert "alike" not in {relation.name for relation in portfolio.delivered_relations}
    graph = corporate_graph(world.admitted_tables(), portfolio, Quarter.parse("2023Q2").end)
    assert list(graph.relations) == sorted(graph.relations)
    assert graph.relations["alike"].edges > 0
    expected = similar_partner_edges(
        {name: edges for name, edges in graph.relations.items() if name != "alike"}, spec(neighbours=2)
    )
    np.testing.assert_array_equal(graph.relations["alike"].indices, expected.indices)


def test_partners_come_from_delivered_relations(world):
    with pytest.raises(ValidationError, match="partners come from relations between firms that have a table"):
        PortfolioSpec.model_validate(described(world, relations=["friendship"]))
    alone = described(world)
    alone["relations"] = alone["relations"][-1:]
    with pytest.raises(ValidationError, match="there are none"):
        PortfolioSpec.model_validate(alone)
