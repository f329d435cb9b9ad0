"""The known answer: whether an explanation names the relation along which the risk of a simulated firm came.

A network is trained on one simulated economy, on whether a firm's true 12-month PD is among the highest quarter, which
is fair here: what is tested is the explanation, not what a network can learn from outcomes. On other economies, drawn
from other seeds, each firm that owes more than half of its true hazard to its neighbours and has ten relations or more
is explained; the relation that carried most of it (`models.economy.carrying_edges`) has to be among the first three.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import TypeAdapter

from models.admission import relation_table
from models.candidates import fitted_candidate
from models.corporate_graph import CorporateGraph, block_diagonal, corporate_graph
from models.economy import Economy, EconomySpec, carrying_edges, contagion_shares, simulate_economy, true_pds
from models.explain.attribution import Attribution
from models.explain.networks import ExplainedNetwork, OpenedNetwork
from models.fitted import FittingData
from models.fitting import FittedGnn
from models.panel import UNKNOWN
from schemas.candidates import CandidateSpec
from schemas.portfolio import PortfolioSpec
from schemas.specs import TrainingSpec
from schemas.terms import Quarter
from tasks.portfolios import load_portfolio

#: the economy to learn from, and those to explain
LEARNT, EXPLAINED = 101, (102, 103, 104)
LEARNT_QUARTERS = tuple(Quarter(year, 4) for year in range(2017, 2022))
QUARTER = Quarter(2022, 4)
#: above this share of the true PDs of the learnt quarters, and below
CUT = 0.75
VALIDATION_SHARE = 0.2
FIRST, LEAST_EDGES, LEAST_SHARE = 3, 10, 0.5
#: of each economy at its beginning
FIRMS = 2400
#: firms of each economy that are explained
CASES = 150


@dataclass(frozen=True)
class Case:
    """A firm whose risk came along a known relation.

    Attributes
    ----------
    row
        Of the graph.
    neighbour, channel
        Who pressed most on it, and by which relation.
    edges
        Number of its relations.
    """

    row: int
    neighbour: str
    channel: str
    edges: int


def graph_of(economy: Economy, portfolio: PortfolioSpec, quarter: Quarter) -> CorporateGraph:
    """Return what a bank would know at the quarter's end; an economy's own tables break no rule of admission."""
    tables = {"firms": economy.firms.rename({"exited_on": "valid_until"}), "filings": economy.filings}
    for one in portfolio.relations:
        named = {one.source: "source", one.target: "target", one.weight: "weight", "ended_on": "valid_until"}
        tables[relation_table(one.name)] = getattr(economy, one.file).rename(named)
    return corporate_graph(tables, portfolio, quarter.end)


def learnt_network(
    settings: Mapping[str, object], *, firms: int = FIRMS, quarters: Sequence[Quarter] = LEARNT_QUARTERS, seed: int = 0
) -> FittedGnn:
    """Return a network that was trained on some quarters of the economy to learn from."""
    economy, portfolio = simulate_economy(EconomySpec(seed=LEARNT, firms=firms)), load_portfolio("simulated")
    graphs = [graph_of(economy, portfolio, quarter) for quarter in quarters]
    pds = np.concatenate(
        [_of_firms(graph, true_pds(economy, quarter)) for graph, quarter in zip(graphs, quarters, strict=True)]
    )
    known = np.isfinite(pds)
    truth = np.where(known, pds > np.quantile(pds[known], CUT), UNKNOWN).astype(np.int64)
    validation = known & (np.random.default_rng(seed).random(len(pds)) < VALIDATION_SHARE)
    data = FittingData(
        graph=block_diagonal(graphs),
        truth=truth,
        development=known & ~validation,
        validation=validation,
        communities=np.full(len(pds), "all"),
        classes=2,
        training=TrainingSpec(seed=seed, threads=1),
    )
    spec = TypeAdapter(CandidateSpec).validate_python({"name": str(settings["kind"]), **settings})
    fitted = fitted_candidate(spec, data)
    assert isinstance(fitted, FittedGnn)
    return fitted


def known_cases(economy: Economy, graph: CorporateGraph, *, at_most: int = CASES, seed: int = 0) -> list[Case]:
    """Return at most so many firms that more than half of the hazard came to from others, in random order."""
    shares = _of_firms(graph, contagion_shares(economy, QUARTER).select("firm_id", "contagion_share"))
    pressing = carrying_edges(economy, QUARTER).sort("pressure_logit", descending=True)
    most = {row[0]: row for row in pressing.unique("firm_id", keep="first", maintain_order=True).iter_rows()}
    edges = edges_of(graph)
    rows = [
        row
        for row in np.flatnonzero((shares > LEAST_SHARE) & (edges >= LEAST_EDGES)).tolist()
        if graph.firms[row] in most  # what presses may all be wounds of partners that have left
    ]
    chosen = np.random.default_rng(seed).permutation(rows)[:at_most].tolist()
    named = {row: most[str(graph.firms[row])] for row in chosen}
    return [Case(row, named[row][2], named[row][1], int(edges[row])) for row in chosen]


def edges_of(graph: CorporateGraph) -> NDArray[np.int64]:
    """Return the number of relations of each firm, (n,), each relation and direction by itself."""
    found = np.zeros(graph.size, dtype=np.int64)
    for relation in graph.relations.values():
        found += np.diff(relation.indptr)
        if relation.directed:
            found += np.bincount(relation.indices, minlength=graph.size)
    return found


def found(case: Case, told: Attribution) -> bool:
    """Tell whether the relation that carried the risk is among the first of the firm's own."""
    own = [one for one in told.edges if one.edge.hop == 0]
    first = sorted(own, key=lambda one: -one.weight)[:FIRST]
    return any(
        one.edge.partner_of(told.firm) == case.neighbour and case.channel in one.edge.relation.split(" + ")
        for one in first
    )


def by_chance(case: Case) -> float:
    """Return the probability that a random order of the firm's relations finds it."""
    return min(1.0, FIRST / case.edges)


def shares_found(
    fitted: FittedGnn,
    methods: Mapping[str, Callable[[ExplainedNetwork], Attribution]],
    seeds: Sequence[int],
    *,
    firms: int = FIRMS,
    at_most: int = CASES,
) -> dict[str, list[float]]:
    """Return by method the share of cases in which it finds the relation, one number an economy; and by chance."""
    portfolio = load_portfolio("simulated")
    shares: dict[str, list[float]] = {name: [] for name in (*methods, "random", "cases")}
    for seed in seeds:
        economy = simulate_economy(EconomySpec(seed=seed, firms=firms))
        graph = graph_of(economy, portfolio, QUARTER)
        cases, door = known_cases(economy, graph, at_most=at_most), OpenedNetwork(fitted, graph, (1,))
        for name, method in methods.items():
            hits = [found(case, method(door.about(case.row))) for case in cases]
            shares[name].append(float(np.mean(hits)))
        shares["random"].append(float(np.mean([by_chance(case) for case in cases])))
        shares["cases"].append(float(len(cases)))
    return shares


def _of_firms(graph: CorporateGraph, rows: pl.DataFrame) -> NDArray[np.float64]:
    """Return the second column by the firms of a graph, (n,); NaN for a firm without a row."""
    values = dict(rows.select(rows.columns[:2]).iter_rows())
    return np.array([values.get(firm, np.nan) for firm in graph.firms.tolist()], dtype=np.float64)
