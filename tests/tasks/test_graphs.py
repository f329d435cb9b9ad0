"""From a delivery's files to the stored graph and its statistics, for every kind of relation."""

import pytest

from models.admission import QUARANTINE_SCHEMA
from schemas.errors import DeliveryRefused, NotEnoughData
from schemas.results import AdmissionResult, GraphStatistics
from tasks.admission import admit
from tasks.graphs import build_graph, read_graph
from tasks.lake import read_frame, read_json

#: NA owes most of what the others lent
TOTALS = "no,lent,borrowed\n00123,4,0\nNA,0,9\n1e5,3,0\nd,2,1\ne,1,0\n"
PERSONS = "no,who,since\n00123,anna,2023-01-01\nNA,anna,2023-01-01\nd,ben,2024-05-01\n"


@pytest.fixture
def built(kontor):
    """Receive, admit and build; what came out: the graph, its statistics, the evidence of admission."""

    def build(*relations, **changes):
        run = kontor.run(kontor.spec(relations=list(relations), **changes))
        admission = admit.__wrapped__(run)
        panel = build_graph.__wrapped__(run, admission)
        assert read_frame(kontor.home, admission.quarantine).schema == QUARANTINE_SCHEMA
        return (
            read_graph(kontor.home, panel.current),
            read_json(kontor.home, panel.statistics, GraphStatistics),
            read_json(kontor.home, admission.evidence, AdmissionResult),
        )

    return build


def write(kontor, name, text):
    for quarter in ("2024Q1", "2024Q2"):
        kontor.write(f"{name}_{quarter}.csv", text)


def test_your_own_graph_is_two_columns_of_source_and_destination(kontor, built):
    write(kontor, "links", "src,dst\n00123,NA\nNA,1e5\n1e5,00123\nd,e\n")
    graph, statistics, _ = built({"name": "links", "file": "links_{quarter}.csv", "source": "src", "target": "dst"})
    assert graph.relations["links"].matrix().toarray()[graph.firms.tolist().index("00123")].sum() == 1
    (links,) = statistics.relations
    assert (links.edges, links.weight_total, links.isolated_firms) == (4, 4.0, 0)
    assert (links.rows, links.cyclic_groups, links.largest_cyclic_group) == (4, 1, 3)


def test_policies_are_counted_in_evidence_and_statistics(kontor, built):
    write(kontor, "pay", "src,dst\n00123,NA\n00123,NA\nNA,00123\nd,d\nd,elsewhere\n")
    relation = {"name": "pay", "file": "pay_{quarter}.csv", "source": "src", "target": "dst", "repeated": "sum"}
    relation |= {"self_loops": "drop", "unknown_firms": "drop", "reciprocal": "net"}
    _, statistics, evidence = built(relation)
    (pay,) = statistics.relations
    assert (pay.rows, pay.unknown_firms, pay.self_loops, pay.repeated_rows, pay.reciprocal_pairs) == (5, 1, 1, 1, 1)
    assert (pay.edges, pay.weight_total) == (1, 1.0)
    handled = next(table.handled for table in evidence.tables if table.table == "relations:pay")
    assert handled == {
        "unknown firms, dropped": 2,
        "self-loops, dropped": 2,
        "repeated pairs, merged by sum": 4,
    }


def test_persons_are_nodes_of_the_stored_graph(kontor, built):
    kontor.write("persons.csv", PERSONS)
    persons = {"name": "board", "kind": "partner_nodes", "node_type": "person", "file": "persons.csv"}
    persons |= {"firm_id": "no", "partner": "who", "published_on": "since"}
    graph, statistics, _ = built(persons, kontor.spec().relations[0].model_dump(mode="json"))
    assert graph.nodes["person"].tolist() == ["anna", "ben"]
    assert graph.partners["board"].matrix().sum() == 3
    assert statistics.nodes == {"person": 2}
    assert {"nodes:person", "partners:board"} <= statistics.digests.keys()


@pytest.mark.parametrize("method", ["maximum_entropy", "minimum_density"])
def test_exposures_are_reconstructed_and_their_error_reported(kontor, built, method):
    write(kontor, "totals", TOTALS)
    relation = {"name": "interbank", "kind": "reconstructed", "file": "totals_{quarter}.csv", "method": method}
    _, statistics, _ = built(relation | {"firm_id": "no", "lent": "lent", "borrowed": "borrowed"})
    (interbank,) = statistics.relations
    assert interbank.weight_total == pytest.approx(10)
    assert interbank.margin_error < 1e-6
    assert interbank.margin_mismatch == 0


def test_totals_that_do_not_agree_refuse_the_delivery(kontor, built):
    write(kontor, "totals", TOTALS.replace("NA,0,9", "NA,0,5"))
    relation = {"name": "interbank", "kind": "reconstructed", "file": "totals_{quarter}.csv"}
    relation |= {"method": "minimum_density", "firm_id": "no", "lent": "lent", "borrowed": "borrowed"}
    with pytest.raises(DeliveryRefused, match="what was lent is not what was borrowed"):
        built(relation)


def test_the_rows_of_a_file_with_several_kinds_are_told_apart(kontor, built):
    kontor.write("persons.csv", "no,who,role\n00123,anna,director\nNA,anna,owner\nd,ben,owner\n")
    own = {"kind": "partner_nodes", "node_type": "person", "file": "persons.csv", "firm_id": "no", "partner": "who"}
    with pytest.raises(ValueError, match="need `published_on`"):
        kontor.spec(relations=[own | {"name": "owners"}])
    write(kontor, "persons", "no,who,role\n00123,anna,director\nNA,anna,owner\nd,ben,owner\n")
    own |= {"file": "persons_{quarter}.csv"}
    graph, _, _ = built(*({**own, "name": f"{role}s", "where": {"role": role}} for role in ("director", "owner")))
    assert {name: edges.links for name, edges in graph.partners.items()} == {"directors": 1, "owners": 2}


def test_a_graph_without_an_edge_is_refused_unless_it_is_meant(kontor, built):
    write(kontor, "links", "src,dst\n")
    links = {"name": "links", "file": "links_{quarter}.csv", "source": "src", "target": "dst"}
    with pytest.raises(NotEnoughData, match="at least one edge of links"):
        built(links)
    graph, statistics, _ = built(links, graph={"allow_no_edges": True})
    assert graph.union().nnz == 0
    assert (statistics.edges, statistics.communities, statistics.components) == (0, 5, 5)


def test_all_firms_in_one_community_is_a_graph_like_any_other(kontor, built):
    ids = ["00123", "NA", "1e5", "d", "e"]
    rows = "".join(f"{a},{b}\n" for a in ids for b in ids if a < b)
    write(kontor, "links", "src,dst\n" + rows)
    _, statistics, _ = built(
        {"name": "links", "file": "links_{quarter}.csv", "source": "src", "target": "dst", "directed": False}
    )
    assert (statistics.communities, statistics.components, statistics.edges) == (1, 1, 10)
