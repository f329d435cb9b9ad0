"""A firm's past as inputs: by hand in the small world, and never what was not known yet."""

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from models.candidates import fitted_candidate
from models.corporate_graph import block_diagonal, corporate_graph, knowledge_dates
from models.fitted import FittingData
from models.history import history_columns
from models.inputs import design_matrix, with_inputs
from schemas.candidates import Group, LogisticSpec
from schemas.history import HistorySpec
from schemas.specs import TrainingSpec
from schemas.terms import Family, Quarter


def history(world, quarter, **asked):
    """Return the columns of one quarter of the small world by name, each by firm."""
    portfolio, tables = world.portfolio(), world.admitted_tables()
    graph = corporate_graph(tables, portfolio, quarter.end)
    found = history_columns(graph, tables, portfolio, HistorySpec(**asked))
    assert found.values.shape == (graph.size, len(found.names))
    return {
        name: dict(zip(graph.firms.tolist(), found.values[:, place].tolist(), strict=True))
        for place, name in enumerate(found.names)
    }


def test_the_last_outcomes_are_those_of_closed_vintages(world):
    # At the end of 2023Q3 the vintages 2023Q2 and 2023Q1 are closed: a7 failed after the second, a6 after the first.
    found = history(world, Quarter(2023, 3), outcomes=2)
    assert list(found) == [f"outcome {back} quarters before: {value}" for back in (1, 2) for value in "01"]
    failed = {back: found[f"outcome {back} quarters before: 1"] for back in (1, 2)}
    assert [failed[1]["a7"], failed[2]["a7"], failed[1]["a6"], failed[2]["a6"]] == [1, 0, 0, 1]
    assert found["outcome 1 quarters before: 0"]["a7"] == 0
    # c7 was founded after 2023Q1: what became of it then is not known, which is not the same as nothing.
    assert np.isnan(failed[2]["c7"])


def test_an_outcome_whose_window_is_still_open_is_not_known(world):
    # In 2023Q2 the own outcome of 2023Q2 will be known a quarter later; that of 2023Q1 is published on the last day.
    found = history(world, Quarter(2023, 2), outcomes=1)
    assert [found["outcome 1 quarters before: 1"][firm] for firm in ("a6", "a7")] == [1, 0]
    first = history(world, Quarter(2023, 1), outcomes=1)
    assert all(np.isnan(list(column.values())).all() for column in first.values())


def test_changes_are_between_what_was_known_at_both_ends(world):
    found = history(world, Quarter(2023, 2), outcomes=0, changes=[1])
    assert list(found) == [f"{name}: change over 1 quarters" for name in ("profit", "leverage")]
    profit = found["profit: change over 1 quarters"]
    # 2022Q4's filing was known at the end of 2023Q1, 2023Q1's at the end of 2023Q2: profit fell by 1.
    assert profit["a1"] == -1
    # d2's restatement of 2022Q4 came in April: at the end of 2023Q1 its profit was still 20, and is 20 again.
    assert profit["d2"] == 0
    # c2's filing for 2022Q4 came late: there was nothing to compare with.
    assert np.isnan(profit["c2"])
    assert np.isnan(profit["c7"])


def test_a_distance_is_counted_in_quarters(world):
    found = history(world, Quarter(2023, 3), outcomes=0, changes=[1, 2])
    assert [found[f"profit: change over {back} quarters"]["a1"] for back in (1, 2)] == [-1, -2]


def test_an_outcome_that_is_corrected_later_counts_as_it_was_known(world):
    tables, quarter = world.admitted_tables(), Quarter(2023, 2)
    portfolio = world.portfolio(graph={"history": {"outcomes": 1}})
    row = tables["outcomes"].filter((pl.col("firm_id") == "a1") & (pl.col("vintage") == "2023Q1"))
    later = row.with_columns(outcome=pl.lit("1"), published_on=pl.lit(quarter.shifted(1).start))
    corrected = tables | {"outcomes": pl.concat([tables["outcomes"], later])}
    for as_of, known in ((quarter, 0), (quarter.shifted(1), None)):
        graph = corporate_graph(tables, portfolio, as_of.end)
        one, other = (
            with_inputs(graph, some, portfolio).computed[Group.HISTORY].values for some in (tables, corrected)
        )
        place = graph.firms.tolist().index("a1")
        np.testing.assert_array_equal(one, other)
        if known is not None:
            assert one[place, 1] == known


def test_candidates_see_it_when_they_ask(world):
    portfolio = world.portfolio(graph={"history": {"outcomes": 1, "changes": [1]}})
    tables = world.admitted_tables()
    graphs = [
        with_inputs(corporate_graph(tables, portfolio, quarter.end), tables, portfolio)
        for quarter in (Quarter(2023, 2), Quarter(2023, 3))
    ]
    graph = block_diagonal(graphs)
    last = np.nan_to_num(design_matrix(graph, (Group.HISTORY,))[0][:, 1]).astype(np.int64)
    rows = np.arange(graph.size) % 4 > 0
    data = FittingData(graph, np.where(rows, last, -1), rows, ~rows & False, graph.firms, 2, TrainingSpec(threads=1))
    own, more = (
        fitted_candidate(LogisticSpec(name="one", kind="logistic", features=groups, inverse_penalty=10.0), data)
        for groups in ("own", "history")
    )
    assert more.inputs > own.inputs
    right = [((one.probabilities(graph)[:, 1] > 0.5) == last)[rows].mean() for one in (own, more)]
    assert right[0] < 0.9
    assert right[1] == 1


def test_a_firms_own_past_is_no_neighbour():
    assert LogisticSpec(name="one", kind="logistic", features="history").family is Family.TABULAR
    assert LogisticSpec(name="one", kind="logistic", features=["history", "neighbour"]).family is Family.NEIGHBOUR


def test_each_firm_quarter_has_its_own_knowledge_date(world):
    tables, portfolio = world.admitted_tables(), world.portfolio()
    graphs = [corporate_graph(tables, portfolio, quarter.end) for quarter in world.QUARTERS]
    found = knowledge_dates(block_diagonal(graphs))
    assert [str(day) for day in dict.fromkeys(found.tolist())] == ["2023-03-31", "2023-06-30", "2023-09-30"]
    assert {str(day) for day in knowledge_dates(graphs[1])} == {"2023-06-30"}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"outcomes": 0}, "asks for nothing"),
        ({"changes": [4, 1]}, "must differ and ascend"),
        ({"changes": [1, 1]}, "must differ and ascend"),
        ({"changes": [0]}, "greater than or equal to 1"),
    ],
)
def test_an_impossible_history_is_refused(asked, message):
    with pytest.raises(ValidationError, match=message):
        HistorySpec(**asked)


def test_data_of_one_quarter_have_no_history(world):
    spec = world.portfolio(graph={"history": {"outcomes": 1}})
    described = spec.model_dump(mode="json")
    described["target"] = described["target"] | {"horizon_quarters": 0}
    with pytest.raises(ValidationError, match=r"graph\.history is for data with quarters"):
        type(spec).model_validate(described | {"quarter": "2023Q1"})


def test_how_far_back_it_reaches():
    assert HistorySpec(outcomes=2, changes=(1, 4)).reach(4) == (1, 4, 5)
