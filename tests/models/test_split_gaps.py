"""The fixed cheap model fares as the truth says it must under each way to split."""

import dataclasses

import numpy as np
import pytest

from models.split_gaps import SplitRows, gap_finding, split_measures
from models.yardstick import Holdout, YardstickRows, held_out_auc
from schemas.specs import TrainingSpec
from schemas.terms import Scheme

TRAINING = TrainingSpec(threads=1)
COMMUNITIES, SIZE = 40, 8


def rows_of(graphs, *, shared="community", quarters=3, seed=0):
    """Firms whose label is their community's, their own, or drawn anew each quarter.

    Features: the place of what shares the label on a line, and honest evidence. In the last quarter, which
    is the newest vintage, the honest evidence has changed its sign.
    """
    rng = np.random.default_rng(seed)
    count = COMMUNITIES * SIZE
    firm = np.tile(np.arange(count), quarters)
    community = firm // SIZE
    quarter = np.repeat(np.arange(quarters), count)
    unit = {"community": community, "firm": firm, "row": np.arange(len(firm))}[shared]
    truth = (rng.random(unit.max() + 1) < 0.5).astype(np.int64)[unit]
    place = rng.normal(size=unit.max() + 1)[unit]
    honest = np.where(quarter == quarters - 1, -1.0, 1.0) * truth + rng.normal(size=len(firm))
    names = [f"{q} f{f:03d}" for q, f in zip(quarter, firm, strict=True)]
    edges = [(names[n], names[n + 1]) for n in range(len(firm) - 1) if community[n] == community[n + 1]]
    graph = graphs.graph_of(names, {"supply": edges}, np.stack([place, honest], axis=1))
    groups = np.array([f"c{one:02d}" for one in community])
    return SplitRows(
        graph=graph,
        evidence=YardstickRows(graph.features, truth, groups),
        unfavourable=truth == 1,
        quarters=quarter.astype(str),
        firms=np.array([f"f{one:03d}" for one in firm]),
        groups=groups,
        learnt=quarter < quarters - 1,
        later=quarter == quarters - 1,
        published=None,
    )


def measured(rows):
    return {measure.scheme: measure for measure in split_measures(rows, TRAINING, draws=60)}


def test_labels_of_communities_flatter_all_but_whole_communities(graphs):
    found = measured(rows_of(graphs, shared="community"))
    assert found[Scheme.RANDOM].auc.value > 0.95
    assert found[Scheme.ENTITY].gap.value < 0.05
    assert found[Scheme.COMMUNITY].gap.low > 0.1
    assert found[Scheme.COMMUNITY].folds == 5


def test_labels_of_firms_flatter_random_rows_only(graphs):
    found = measured(rows_of(graphs, shared="firm"))
    assert found[Scheme.ENTITY].gap.low > 0
    assert found[Scheme.COMMUNITY].gap.low > 0


def test_where_rows_stand_for_themselves_nothing_flatters_but_time_tells(graphs):
    found = measured(rows_of(graphs, shared="row"))
    assert abs(found[Scheme.ENTITY].gap.value) < 0.05
    assert abs(found[Scheme.COMMUNITY].gap.value) < 0.05
    assert found[Scheme.TEMPORAL].gap.low > 0.2, "the evidence has turned round in the newest vintage"


def test_what_is_held_out_has_no_edges_to_what_was_learnt_from(graphs):
    found = measured(rows_of(graphs))
    assert found[Scheme.COMMUNITY].crossing_edges == 0
    assert found[Scheme.RANDOM].crossing_edges > 0.5
    assert found[Scheme.RANDOM].near_duplicates is not None


def test_every_row_of_development_is_held_out_once(graphs):
    rows = rows_of(graphs)
    found = measured(rows)
    for scheme in (Scheme.RANDOM, Scheme.ENTITY, Scheme.COMMUNITY):
        assert found[scheme].tested == rows.learnt.sum()
        assert found[scheme].fitted == pytest.approx(0.8 * rows.learnt.sum(), abs=2)
    assert (found[Scheme.TEMPORAL].fitted, found[Scheme.TEMPORAL].tested) == (rows.learnt.sum(), rows.later.sum())


def test_what_the_data_do_not_allow_says_why(graphs):
    rows = rows_of(graphs)
    alone = dataclasses.replace(rows, groups=np.full(len(rows.groups), "c"), later=np.zeros_like(rows.later))
    found = measured(alone)
    assert found[Scheme.COMMUNITY].reason == "all firms are in one community"
    assert found[Scheme.TEMPORAL].reason == "there is one closed vintage"
    assert found[Scheme.PUBLISHED].reason == "the portfolio names no split of the data set's own"
    assert all(found[s].auc.value is None for s in (Scheme.COMMUNITY, Scheme.TEMPORAL, Scheme.PUBLISHED))
    assert gap_finding(tuple(found.values()), 0.1) is None


def test_a_published_test_is_one_hold_out(graphs):
    rows = rows_of(graphs)
    samples = np.array(["development", "validation", "development", "published_test"])[np.arange(len(rows.firms)) % 4]
    found = measured(dataclasses.replace(rows, published=samples))
    assert (found[Scheme.PUBLISHED].folds, found[Scheme.PUBLISHED].tested) == (1, len(rows.firms) // 4)


@pytest.mark.parametrize(("limit", "beyond"), [(0.05, True), (0.6, False)])
def test_the_gap_is_held_against_the_limit_on_leakage(graphs, limit, beyond):
    finding = gap_finding(split_measures(rows_of(graphs), TRAINING, draws=60), limit)
    assert finding.beyond is beyond


def test_one_class_or_one_community_has_no_auc_or_no_interval(graphs):
    rows = rows_of(graphs)
    holdout = Holdout(rows.learnt, rows.later)
    one_class = dataclasses.replace(rows.evidence, truth=np.where(rows.later, 1, rows.evidence.truth))
    assert held_out_auc(one_class, [holdout], training=TRAINING, draws=20).interval().value is None
    untold = dataclasses.replace(rows.evidence, truth=np.where(rows.learnt, 1, rows.evidence.truth))
    assert held_out_auc(untold, [holdout], training=TRAINING, draws=20).interval().value is None
    together = dataclasses.replace(rows.evidence, communities=np.full(len(rows.firms), "c"))
    found = held_out_auc(together, [holdout], training=TRAINING, draws=20).interval()
    assert found.value is not None
    assert (found.low, found.high) == (None, None)
