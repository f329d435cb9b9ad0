"""Gathering what fair lending is measured on, and recalling how groups fared in the quarters published before."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from models.corporate_graph import FloatMatrix
from models.evaluation import Contest
from models.network_part import without_partners
from monitoring.fair_lending_measures import ScoredQuarter, fair_lending
from schemas.candidates import CandidateSpec
from schemas.fair_lending import FairLending
from schemas.portfolio import PortfolioSpec
from schemas.references import Evidence, RefreshRun
from schemas.results import Evaluation, GraphStatistics
from schemas.terms import Quarter
from tasks.graphs import read_graph
from tasks.kept_models import restore
from tasks.lake import published_file, published_manifest, read_frame, read_json
from tasks.monitored_quarters import RECALLED, newest_versions
from tasks.panels import attributes_of

#: the file of a refresh with every number of its fair-lending report
FAIR_LENDING = "fair_lending.json"


def measured_fair_lending(
    run: RefreshRun, evidence: Evidence, contest: Contest, evaluation: Evaluation, statistics: GraphStatistics
) -> FairLending | None:
    """Measure a refresh; None if the portfolio has no protected and no watched attribute."""
    home, panel = Path(run.home), evidence.panel
    graph = read_graph(home, panel.current)

    def edges_removed(spec: CandidateSpec) -> tuple[FloatMatrix, FloatMatrix]:
        model = restore(home, evidence.model(spec.name, contest.primary), spec)
        of_quarter, of_panel = (
            model.probabilities(without_partners(one, run.portfolio.graph)) for one in (graph, contest.rows.graph)
        )
        return of_quarter, of_panel

    quarter = ScoredQuarter(
        firms=graph.firms,
        attributes=read_frame(home, panel.attributes).filter(pl.col("quarter") == str(run.quarter)),
        probabilities={
            model.name: read_frame(home, model.quarter_probabilities).to_numpy()
            for model in evidence.models
            if model.scheme is contest.primary
        },
    )
    homophily = statistics.structure.homophily if statistics.structure else ()
    return fair_lending(
        contest, evaluation, quarter, attributes_of(home, panel, contest.rows), homophily, edges_removed
    )


def earlier_fair_lending(home: Path, portfolio: PortfolioSpec, before: Quarter) -> list[tuple[Quarter, FairLending]]:
    """Return what was measured in the quarters published before one, oldest first; those without it are left out."""
    found = []
    for version in newest_versions(portfolio.name, before)[-RECALLED:]:
        manifest = published_manifest(home, version.folder, version.manifest_sha256)
        path = f"documents/{FAIR_LENDING}"
        if path not in {file.path for file in manifest.files}:
            continue
        kept: FairLending | None = read_json(
            home,
            published_file(version.folder, manifest, path),
            FairLending | None,  # type: ignore[arg-type]
        )
        if kept is not None:
            found.append((version.refresh.quarter, kept))
    return found
