"""The table of reasons of a refresh: a row a reason, in order, and no other firm in any word of it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from models.candidates import fitted_candidate
from models.contributions import Development, contributions
from models.reason_codes import reasons
from tasks.reasons import reason_rows

CANDIDATES = [
    {
        "name": "trees",
        "kind": "lightgbm",
        "features": "neighbour",
        "rounds": 20,
        "patience": 20,
        "least_rows_a_leaf": 5,
    },
    {"name": "sage", "kind": "graphsage", "hidden": 8, "epochs": 10, "patience": 10},
]


@pytest.mark.parametrize("place", [0, 1])
def test_the_table_holds_up_to_four_reasons_a_firm_and_names_nobody(world, graphs, place):
    data, portfolio = graphs.learnable(), world.portfolio(candidates=CANDIDATES)
    model = fitted_candidate(portfolio.single_candidates[place], data)
    asked = np.flatnonzero(model.probabilities(data.graph)[:, 1] > 0.5)
    found = contributions(model, data.graph, asked, Development(data.graph, data.development), portfolio.target)
    table = reason_rows(data.graph.firms[asked], reasons(found, portfolio))
    assert table["firm_id"].unique(maintain_order=True).to_list() == data.graph.firms[asked].tolist()
    assert table["network"].any()
    for rows in table.partition_by("firm_id"):
        assert rows["place"].to_list() == list(range(1, rows.height + 1))
        assert rows.height <= 4
        assert rows["network"].to_list() == sorted(rows["network"].to_list())
    words = {
        word for column in ("code", "text", "feature") for text in table[column] for word in re.split(r"\W+", text)
    }
    assert not {word.lower() for word in words} & set(data.graph.firms.tolist())


def test_nobody_unfavourable_makes_an_empty_table():
    table = reason_rows(np.array([], dtype=np.str_), [])
    assert table.columns == ["firm_id", "place", "code", "text", "feature", "network", "contribution"]
    assert table.is_empty()
