"""Measuring how steady scores are when single firms' edges are changed: the chosen candidate, and one beside it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from threadpoolctl import threadpool_limits

from models.corporate_graph import CorporateGraph
from models.edge_stability import Subject, edge_stability
from models.scoring import unfavourable_probability
from models.segments import firm_segments
from schemas.references import Evidence, RefreshRun
from schemas.results import Evaluation
from schemas.stability import EdgeStability
from schemas.terms import Family
from tasks.kept_models import restore
from tasks.lake import read_frame


def measured_edge_stability(
    run: RefreshRun, evidence: Evidence, evaluation: Evaluation, graph: CorporateGraph, attributes: pl.DataFrame
) -> tuple[EdgeStability, ...]:
    """Change edges of the quarter's firms and score them again, with the models of the primary scheme.

    Parameters
    ----------
    graph
        The quarter's.
    attributes
        Protected attributes of its firms, in its order.

    Returns
    -------
    tuple of EdgeStability
        The chosen candidate's; where that reads no edge, then the one of the best candidate that does, which says what
        a choice of it would have cost.
    """
    portfolio = run.portfolio
    if not portfolio.linking_relations:
        return (EdgeStability(candidate=evaluation.chosen, chosen=True, reads_graph=False, of=graph.size),)
    families = {spec.name: portfolio.family_of(spec) for spec in portfolio.candidates}
    names = [evaluation.chosen]
    if families[evaluation.chosen] is Family.TABULAR:
        names += list(dict.fromkeys(gain.graph_candidate for gain in evaluation.graph.gains))
    protected = {column.name: attributes[column.name].to_list() for column in portfolio.protected_columns}
    return tuple(_measured(run, evidence, evaluation, graph, protected, name) for name in names)


def _measured(
    run: RefreshRun,
    evidence: Evidence,
    evaluation: Evaluation,
    graph: CorporateGraph,
    protected: dict[str, list[str | None]],
    name: str,
) -> EdgeStability:
    home, portfolio = Path(run.home), run.portfolio
    spec = next(spec for spec in portfolio.candidates if spec.name == name)
    chosen = name == evaluation.chosen
    if portfolio.family_of(spec) is Family.TABULAR:
        return EdgeStability(candidate=name, chosen=chosen, reads_graph=False, of=graph.size)
    model = evidence.model(name, portfolio.primary_scheme)
    score = unfavourable_probability(read_frame(home, model.quarter_probabilities).to_numpy(), portfolio.target)
    segments = firm_segments(graph, portfolio, protected, score)
    threshold = next(one.threshold for one in evaluation.candidates if one.name == name)
    scorer = restore(home, model, spec).probabilities
    # Once the model's libraries are loaded: a resumed refresh, which fitted nothing, has the same bits.
    with threadpool_limits(portfolio.training.threads):
        return edge_stability(graph, portfolio, Subject(spec, scorer, threshold, segments), chosen=chosen)
