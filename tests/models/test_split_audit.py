"""The audit of a split finds what it is there to find, and nothing in clean data."""

import dataclasses
import datetime as dt
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.corporate_graph import CorporateGraph
from models.edges import RelationEdges, edges_from_sorted
from models.split_audit import AuditRows, clustering_in_order, separation, split_audit
from schemas.terms import Sample, Scheme

SIZE = 400
RNG = np.random.default_rng(5)


def relation(pairs):
    both = sorted({(a, b) for a, b in pairs} | {(b, a) for a, b in pairs})
    sources, targets = (np.array(side, dtype=np.int64) for side in zip(*both, strict=True))
    return edges_from_sorted(sources, targets, np.ones(len(both)), size=SIZE, directed=False)


def rows(**changes):
    """Clean data: nothing tells the outcome, odd firms are tested, even ones learnt from."""
    even = [(i, i + 2) for i in range(0, SIZE - 2, 2)]
    odd = [(i, i + 2) for i in range(1, SIZE - 2, 2)]
    graph = CorporateGraph(
        as_of=dt.date(2024, 12, 31),
        firms=np.array([f"f{i:04d}" for i in range(SIZE)]),
        relations=changes.pop("relations", {"supply": relation(even + odd)}),
        features=changes.pop("features", RNG.normal(size=(SIZE, 2))),
        feature_names=("x", "y"),
    )
    samples = np.where(np.arange(SIZE) % 2 == 0, str(Sample.DEVELOPMENT), str(Sample.OUT_OF_COMMUNITY))
    clean = {
        "unfavourable": RNG.random(SIZE) < 0.3,
        "known": np.ones(SIZE, dtype=bool),
        "vintages": np.full(SIZE, "2023Q4"),
        "delivered_rows": RNG.permutation(SIZE).astype(float),
        "samples": {Scheme.COMMUNITY: samples},
    }
    return AuditRows(graph=graph, **{**clean, **changes})


def beyond(audit):
    return {(finding.check, finding.subject) for finding in audit if finding.beyond}


def test_clean_data_has_no_finding_beyond_its_limit():
    audit = split_audit(rows())
    assert beyond(audit) == set()
    assert {finding.check for finding in audit} == {
        "separating feature",
        "order that tells",
        "outcomes that stand together",
        "edges that cross",
        "near-duplicates",
    }


@pytest.mark.parametrize("role", ["relations", "noted"])
def test_a_relation_that_contains_the_outcome_is_found_whether_models_know_it_or_not(role):
    bad = np.arange(SIZE) % 5 == 0
    clean = rows(unfavourable=bad)
    telling = {"loans": relation([(i, i + 5) for i in range(0, SIZE - 5, 5)])}
    known = {**getattr(clean.graph, role), **telling}
    audit = split_audit(dataclasses.replace(clean, graph=dataclasses.replace(clean.graph, **{role: known})))
    assert ("relation that tells", "loans") in beyond(audit)


def test_a_feature_that_contains_the_outcome_is_found():
    bad = RNG.random(SIZE) < 0.3
    features = np.stack([RNG.normal(size=SIZE), -3.0 * bad + RNG.normal(size=SIZE) * 0.5], axis=1)
    assert ("separating feature", "y") in beyond(split_audit(rows(features=features, unfavourable=bad)))


def test_a_feature_that_is_missing_for_one_outcome_is_found():
    bad = RNG.random(SIZE) < 0.3
    features = np.stack([np.where(bad, np.nan, 1.0), RNG.normal(size=SIZE)], axis=1)
    assert ("separating feature", "x") in beyond(split_audit(rows(features=features, unfavourable=bad)))


def test_rows_delivered_in_the_order_of_their_outcome_are_found():
    bad = np.arange(SIZE) >= 280
    audit = split_audit(rows(unfavourable=bad, delivered_rows=np.arange(SIZE, dtype=float)))
    assert ("order that tells", "row of the delivery") in beyond(audit)


def test_a_relation_that_only_defaulters_have_is_found():
    bad = np.zeros(SIZE, dtype=bool)
    bad[:40] = True
    bad[100:160] = True
    loans = relation([(i, i + 1) for i in range(39)])
    audit = split_audit(rows(unfavourable=bad, relations={"loans": loans}))
    assert ("relation that tells", "loans") in beyond(audit)


def test_edges_from_test_to_development_firms_are_found():
    ring = relation([(i, (i + 1) % SIZE) for i in range(SIZE)])
    audit = split_audit(rows(relations={"supply": ring}))
    assert ("edges that cross", "supply: community, out_of_community") in beyond(audit)


def test_firms_with_the_same_partners_across_samples_are_found():
    hubs = relation([(i, hub) for i in range(10, SIZE) for hub in (0, 2, 4)])
    audit = split_audit(rows(relations={"supply": hubs}))
    assert ("near-duplicates", "community, out_of_community") in beyond(audit)


def test_findings_beyond_their_limit_come_first():
    ring = relation([(i, (i + 1) % SIZE) for i in range(SIZE)])
    flags = [finding.beyond for finding in split_audit(rows(relations={"supply": ring}))]
    assert flags == sorted(flags, reverse=True)


def test_one_class_of_outcome_is_audited_without_a_crash():
    audit = split_audit(rows(unfavourable=np.zeros(SIZE, dtype=bool)))
    assert "separating feature" not in {finding.check for finding in audit}


def test_separation_ignores_the_direction():
    bad = np.array([True, True, False, False])
    assert separation(np.array([1.0, 2.0, 3.0, 4.0]), bad) == 1.0
    assert separation(np.array([4.0, 3.0, 2.0, 1.0]), bad) == 1.0
    assert separation(np.array([1.0, 1.0, 1.0, 1.0]), bad) == 0.5


@pytest.mark.data
def test_the_row_order_of_corpnet_as_published_is_found():
    folder = os.environ.get("CREDITNET_DATA")
    if not folder:
        pytest.skip("CREDITNET_DATA does not name the reference data")
    nodes = pl.read_parquet(Path(folder) / "corpnet" / "nodes.parquet")
    audit_rows = pl.read_parquet(Path(folder) / "corpnet" / "audit_source_rows.parquet")
    joined = nodes.join(audit_rows, on="firm_id", how="inner")
    order = next(name for name in audit_rows.columns if name != "firm_id")
    bad = (joined["investment_grade"] == 0).to_numpy()
    assert separation(joined[order].cast(pl.Float64).to_numpy(), bad) > 0.99


def test_relations_of_few_firms_are_not_judged():
    few = relation([(0, 1), (2, 3)])
    assert isinstance(few, RelationEdges)
    audit = split_audit(rows(relations={"few": few}))
    assert "relation that tells" not in {finding.check for finding in audit}


def test_an_order_in_blocks_is_found_although_it_has_no_direction():
    bad = np.arange(SIZE) // 40 % 2 == 1
    order = np.arange(SIZE, dtype=float)
    assert separation(order, bad) < 0.65 < 0.9 < clustering_in_order(order, bad)
    audit = split_audit(rows(unfavourable=bad, delivered_rows=order))
    assert ("outcomes that stand together", "row of the delivery") in beyond(audit)


@pytest.mark.parametrize("seed", range(5))
def test_an_order_at_random_has_no_blocks(seed):
    rng = np.random.default_rng(seed)
    assert clustering_in_order(rng.permutation(4000).astype(float), rng.random(4000) < 0.2) == pytest.approx(
        0.5, abs=0.05
    )


def test_the_same_firm_in_two_vintages_is_no_block():
    bad = np.tile(RNG.random(SIZE // 2) < 0.4, 2)
    numbers = np.tile(np.arange(SIZE // 2, dtype=float), 2)
    vintages = np.repeat(["2023Q3", "2023Q4"], SIZE // 2)
    audit = split_audit(rows(unfavourable=bad, delivered_rows=numbers, vintages=vintages))
    assert ("outcomes that stand together", "row of the delivery") not in beyond(audit)


def test_firms_held_out_by_time_are_in_another_vintage_and_cross_nothing():
    later = np.where(np.arange(SIZE) % 2 == 0, str(Sample.DEVELOPMENT), str(Sample.OUT_OF_BOTH))
    checks = {finding.check for finding in split_audit(rows(samples={Scheme.COMMUNITY: later}))}
    assert not checks & {"edges that cross", "near-duplicates"}
