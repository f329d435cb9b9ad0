"""Gathering what the graph page of a refresh shows."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from models.admission import relation_table
from models.categories import KNOWN_OUTCOME
from models.community_portraits import community_portraits, panel_firms, telling_category
from models.graph_statistics import degree_tails
from models.panel import panel
from models.relation_ages import relation_age
from schemas.diffs import DiffSide
from schemas.portrait import CommunitiesPortrait, GraphPortrait
from schemas.references import Evidence, RefreshRun
from schemas.results import GraphStatistics
from schemas.terms import Quarter, Scheme
from tasks.catalogue import open_catalogue
from tasks.diffing import diff_since
from tasks.graphs import read_graph
from tasks.lake import read_frame
from tasks.settings import settings


def graph_portrait(home: Path, run: RefreshRun, evidence: Evidence, statistics: GraphStatistics) -> GraphPortrait:
    """Describe the graph of a refresh and compare it with the quarter published before."""
    graph = read_graph(home, evidence.panel.current)
    before = open_catalogue(settings().database_url).latest_published(run.portfolio.name, before=run.quarter)
    side = DiffSide(quarter=run.quarter, refresh=run.key.key, fingerprint=statistics.fingerprint)
    diff, then = diff_since(home, before, run.portfolio, side, graph) if before else (None, None)
    return GraphPortrait(
        degrees=degree_tails(graph),
        ages=tuple(
            relation_age(
                spec.name,
                read_frame(home, evidence.admission.tables[relation_table(spec.name)]),
                run.quarter,
                dated=spec.published_on is not None,
            )
            for spec in run.portfolio.delivered_relations
        ),
        communities=_communities(home, run, evidence, statistics),
        diff=diff,
        before=then,
    )


def _communities(
    home: Path, run: RefreshRun, evidence: Evidence, statistics: GraphStatistics
) -> CommunitiesPortrait | None:
    vintages = [read_graph(home, ref) for ref in evidence.panel.vintages]
    rows = panel(vintages, read_frame(home, evidence.panel.outcomes))
    # Whole communities are dealt under this scheme only; under another one a community is in several samples.
    schemes = run.portfolio.split.schemes
    scheme = Scheme.COMMUNITY if Scheme.COMMUNITY in schemes else schemes[0]
    dealt = read_frame(home, evidence.split.file).filter(pl.col("scheme") == str(scheme))
    firms = panel_firms(vintages, rows, dealt, read_frame(home, evidence.panel.attributes), run.portfolio)
    quarters = [Quarter.of(vintage.as_of) for vintage in vintages]
    return community_portraits(firms, quarters, telling_category(_alike(statistics)))


def _alike(statistics: GraphStatistics) -> dict[str, float | None]:
    """Return of each delivered category the homophily of the relation where it is furthest from chance."""
    found: dict[str, float | None] = {}
    for one in statistics.structure.homophily if statistics.structure else ():
        if one.attribute == KNOWN_OUTCOME:
            continue
        known = [value for value in (found.get(one.attribute), one.value) if value is not None]
        found[one.attribute] = max(known, key=abs, default=None)
    return found
