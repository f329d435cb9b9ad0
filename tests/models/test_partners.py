"""Nodes that are no firms: numbered by type, linked by relation, part of the graph's identity."""

import dataclasses
import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.admission import admitted_firms, admitted_relation
from models.communities import detected_communities
from models.corporate_graph import block_diagonal, constructed_graph, corporate_graph
from models.fingerprint import part_digests
from models.graph_codec import graph_bytes, graph_from_bytes
from models.graph_diff import graph_diff
from models.graph_statistics import graph_statistics, node_statistics
from schemas.errors import NotEnoughData
from schemas.specs import GraphSpec
from schemas.terms import Quarter

Q1, Q2, Q3 = (Quarter(2023, number).end for number in (1, 2, 3))
PARTS = {"nodes:bank", "nodes:person", "partners:board", "partners:loans", "partners:owners"}


@pytest.fixture(scope="module")
def tables(world):
    return world.admitted_tables() | world.admitted_partners()


@pytest.fixture(scope="module")
def graph(world, tables):
    return corporate_graph(tables, world.portfolio_with_partners(), Q1)


def links(graph, name):
    edges = graph.partners[name]
    matrix = edges.matrix().tocoo()
    ids = graph.nodes[edges.node_type]
    return {
        (str(graph.firms[firm]), str(ids[node])): float(weight)
        for firm, node, weight in zip(*matrix.coords, matrix.data, strict=True)
    }


def communities(graph):
    return detected_communities(graph.firms, graph.union(), GraphSpec())


def test_relations_of_one_node_type_share_its_nodes(graph):
    assert {name: ids.tolist() for name, ids in graph.nodes.items()} == {
        "bank": ["Sparkasse"],
        "person": ["anna", "ben", "carl"],
    }
    assert links(graph, "board") == {("a1", "anna"): 1.0, ("a1", "ben"): 1.0, ("b1", "anna"): 1.0}
    assert links(graph, "owners") == {("c1", "anna"): 0.25, ("c1", "carl"): 0.75}
    assert graph.node_counts() == {"firm": 29, "bank": 1, "person": 3}
    shapes = {key: matrix.shape for key, matrix in graph.incidences().items()}
    assert shapes == {
        ("firm", "board", "person"): (29, 3),
        ("firm", "loans", "bank"): (29, 1),
        ("firm", "owners", "person"): (29, 3),
    }


def test_links_come_and_go_with_time(world, tables):
    later = corporate_graph(tables, world.portfolio_with_partners(), Q3)
    assert later.nodes["person"].tolist() == ["anna", "carl", "dora"]
    assert links(later, "board") == {("a1", "anna"): 1.0, ("b1", "anna"): 1.0, ("c2", "dora"): 1.0}
    assert ("c7", "carl") in links(later, "owners"), "c7 is founded in May"


def test_the_firms_own_graph_is_the_same_without_them(world, tables, graph):
    alone = corporate_graph(world.admitted_tables(), world.portfolio(), Q1)
    assert (graph.union() != alone.union()).nnz == 0
    assert {part: digest for part, digest in part_digests(graph).items() if part not in PARTS} == part_digests(alone)
    assert part_digests(graph).keys() - part_digests(alone).keys() == PARTS


@pytest.mark.parametrize(("policy", "weight"), [("sum", 0.75), ("max", 0.5), ("mean", 0.375)])
def test_repeated_links_are_one_with_the_declared_weight(world, tables, policy, weight):
    found = corporate_graph(tables, world.portfolio_with_partners(repeated=policy), Q1)
    assert links(found, "owners")["c1", "carl"] == weight


def test_without_a_weight_column_a_link_weighs_one_however_often_it_comes(world, tables):
    found = corporate_graph(tables, world.portfolio_with_partners(weight=None), Q1)
    assert links(found, "owners")["c1", "carl"] == 1.0


def test_a_window_forgets_older_links(world, tables):
    found = corporate_graph(tables, world.portfolio_with_partners(window_days=90), Q1)
    assert links(found, "owners") == {("c1", "carl"): 0.25}
    assert found.nodes["person"].tolist() == ["carl"]
    assert found.node_counts()["bank"] == 0


def test_a_graph_with_partners_comes_back_from_its_bytes(graph):
    back = graph_from_bytes(graph_bytes(graph))
    assert part_digests(back) == part_digests(graph)
    assert graph_bytes(back) == graph_bytes(graph)
    assert links(back, "owners") == links(graph, "owners")
    assert back.node_counts() == graph.node_counts()


@given(st.data())
def test_the_order_of_delivery_changes_nothing(world, data):
    tables = world.admitted_tables() | world.admitted_partners()
    expected = part_digests(corporate_graph(tables, world.portfolio_with_partners(), Q2))
    for name in world.admitted_partners():
        order = data.draw(st.permutations(range(tables[name].height)))
        tables[name] = tables[name][list(order)].rechunk()
    assert part_digests(corporate_graph(tables, world.portfolio_with_partners(), Q2)) == expected


@pytest.mark.parametrize(
    ("changes", "part"),
    [({"weights": np.array([1.0, 1.0, 2.0])}, "board"), ({"indices": np.array([0, 1, 2])}, "board")],
)
def test_a_changed_link_changes_its_part_only(graph, changes, part):
    edges = dataclasses.replace(graph.partners[part], **changes)
    changed = dataclasses.replace(graph, partners={**graph.partners, part: edges})
    one, other = part_digests(graph), part_digests(changed)
    assert {name for name in one if one[name] != other[name]} == {f"partners:{part}"}


def test_graphs_side_by_side_keep_their_nodes_apart(world, tables):
    parts = [corporate_graph(tables, world.portfolio_with_partners(), day) for day in (Q1, Q2, Q3)]
    whole = block_diagonal(parts)
    assert whole.nodes["person"].tolist()[:3] == ["2023-03-31 anna", "2023-03-31 ben", "2023-03-31 carl"]
    for name in parts[0].partners:
        expected = {
            (f"{part.as_of} {firm}", f"{part.as_of} {node}"): weight
            for part in parts
            for (firm, node), weight in links(part, name).items()
        }
        assert links(whole, name) == expected


def test_statistics_count_nodes_links_and_what_was_left_out(world, tables):
    built = constructed_graph(tables, world.portfolio_with_partners(), Q1)
    found = graph_statistics(built.graph, communities(built.graph), notes=built.notes)
    assert found.nodes == {"bank": 1, "person": 3}
    owners = next(one for one in found.partners if one.relation == "owners")
    assert (owners.node_type, owners.links, owners.linked_nodes, owners.largest_node) == ("person", 2, 2, 1)
    assert (owners.rows, owners.unknown_firms, owners.repeated_rows, owners.isolated_firms) == (4, 1, 1, 28)
    board = node_statistics(built.graph)["board: person nodes"]
    assert board[:2].tolist() == [2.0, 0.0]


def test_the_diff_matches_links_by_id(world, tables):
    before, after = (corporate_graph(tables, world.portfolio_with_partners(), day) for day in (Q1, Q3))
    board, _, owners = graph_diff(before, after, communities(before), communities(after)).partners
    assert (board.relation, board.node_type) == ("board", "person")
    assert (board.links_before, board.links_after, board.kept, board.born, board.died) == (3, 3, 2, 1, 1)
    assert board.jaccard == pytest.approx(0.5)
    assert (owners.kept, owners.born, owners.died) == (2, 1, 0)
    alone = corporate_graph(world.admitted_tables(), world.portfolio(), Q1)
    gone = graph_diff(before, alone, communities(before), communities(alone)).partners
    assert [(one.died, one.born) for one in gone] == [(3, 0), (1, 0), (2, 0)]
    assert not graph_diff(alone, alone, communities(alone), communities(alone)).partners


def test_a_graph_of_partners_alone_is_not_empty_and_one_without_links_is(world, tables):
    data = world.portfolio_with_partners().model_dump(mode="json")
    portfolio = type(world.portfolio()).model_validate(
        data | {"relations": [one for one in data["relations"] if one["kind"] == "partner_nodes"]}
    )
    graph = corporate_graph(tables, portfolio, Q1)
    assert (graph.union().nnz, graph.partners["board"].links) == (0, 3)
    nothing = tables | {name: frame.clear() for name, frame in tables.items() if name.startswith("relations")}
    with pytest.raises(NotEnoughData, match="at least one edge of board, loans, owners"):
        corporate_graph(nothing, portfolio, Q1)


def raw(rows):
    names = ["id", "whom", "part", "known_from", "gone_on"]
    return (
        pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
        .with_row_index("row", offset=1)
        .with_columns(pl.col("row").cast(pl.Int64), delivered=pl.lit(None, pl.String))
    )


def test_admission_holds_links_to_their_contract(world):
    portfolio = world.portfolio_with_partners(weight_between=[0, 1])
    spec = next(one for one in portfolio.relations if one.name == "owners")
    firms = admitted_firms(world.raw_tables()["firms"], portfolio).rows
    rows = raw(
        [
            ("a1", "anna", "0.5", "2023-01-01", None),
            ("a1", " ", "0.5", "2023-01-01", None),
            ("zz", "anna", "0.5", "2023-01-01", None),
            ("a1", "anna", "-0.5", "2023-01-01", None),
            ("a1", "anna", "1.5", "2023-01-01", None),
            ("a1", "anna", "nan", "2023-01-01", None),
        ]
    )
    found = admitted_relation(rows, spec, firms, portfolio)
    assert found.rows.select("firm_id", "partner", "weight", "published_on").rows() == [
        ("a1", "anna", 0.5, dt.date(2023, 1, 1))
    ]
    assert [row[1:4] for row in found.quarantine.iter_rows()] == [
        (2, "partner", "is not blank"),
        (3, "firm_id", "firm_id is a known firm"),
        (4, "weight", "weight at least 0"),
        (5, "weight", "weight at most 1"),
        (6, "weight", "is a finite number"),
    ]


def test_the_firms_themselves_are_no_other_node_type(world):
    with pytest.raises(ValueError, match="`node_type: firm` is the firms themselves"):
        world.portfolio_with_partners(node_type="firm")
    with pytest.raises(ValueError, match="weight_between ends"):
        world.portfolio_with_partners(weight_between=[1, 0])
