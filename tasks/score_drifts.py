"""Comparing a quarter's scores with those published before, and asking the model that gave those why they moved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from models.corporate_graph import CorporateGraph
from models.graph_codec import graph_from_bytes
from models.measures import Measured
from models.mixed_graph import heard_apart, unlike
from models.score_shift import EarlierModel, ShiftParts
from monitoring.score_drift import score_drift, score_measures
from monitoring.scored_quarters import ComparedScores, Scored, firm_shifts
from schemas.candidates import EnsembleSpec, NetworkSpec
from schemas.errors import CreditnetError, IntegrityError, NotEnoughData
from schemas.portfolio import PortfolioSpec
from schemas.results import Manifest
from schemas.score_drift import ScoreDrift
from schemas.terms import Quarter
from tasks.catalogue import PublishedRefresh
from tasks.kept_models import restore_published
from tasks.lake import published_file, published_graph, published_manifest, read_file, read_frame
from tasks.monitored_quarters import newest_versions
from tasks.provenance import read_provenance

#: every firm's score then and now, and why it moved
SCORE_DRIFT = "score_drift.parquet"
SCORES = "scores.parquet"
#: scores that an earlier model gives again may differ by this much from those it gave
_AGAIN = 1e-6


@dataclass(frozen=True)
class ScoreComparison:
    """What comparing with the earlier scores found; `firms` has a row a firm, None where nothing was compared."""

    drift: ScoreDrift
    measures: tuple[Measured, ...] = ()
    firms: pl.DataFrame | None = None


def compared_scores(
    home: Path, portfolio: PortfolioSpec, graph: CorporateGraph, scores: pl.DataFrame, chosen: str
) -> ScoreComparison:
    """Compare a quarter's scores with those of the quarter published before it.

    Parameters
    ----------
    graph
        Of the quarter.
    scores
        As they are published: ``firm_id``, ``unfavourable_probability``, ``predicted_class``.
    chosen
        The candidate that gave them.

    Raises
    ------
    IntegrityError
        If a published file is not what was recorded.
    """
    quarter = Quarter.of(graph.as_of)
    versions = newest_versions(portfolio.name, before=quarter)
    if not versions:
        return ScoreComparison(ScoreDrift(reason="no earlier quarter has been published"))
    try:
        earlier = _Earlier.of(home, versions[-1])
    except NotEnoughData as error:
        return ScoreComparison(ScoreDrift(reason=f"{versions[-1].refresh.quarter}: {error.problem}"))
    if earlier.portfolio.target.asked != portfolio.target.asked:
        reason = f"what is predicted was declared otherwise in {versions[-1].refresh.quarter}"
        return ScoreComparison(ScoreDrift(reason=reason))
    compared = ComparedScores(earlier.scored(home), Scored.of(quarter, chosen, scores), portfolio)
    with threadpool_limits(portfolio.training.threads, user_api="blas"):
        parts, reason = _parts(home, earlier, graph, compared)
    return ScoreComparison(
        drift=score_drift(compared, parts, reason),
        measures=score_measures(compared, parts),
        firms=firm_shifts(compared, parts),
    )


@dataclass(frozen=True)
class _Earlier:
    """A published refresh and the portfolio it was made for."""

    version: PublishedRefresh
    manifest: Manifest
    portfolio: PortfolioSpec

    @classmethod
    def of(cls, home: Path, version: PublishedRefresh) -> _Earlier:
        manifest = published_manifest(home, version.folder, version.manifest_sha256)
        if SCORES not in {file.path for file in manifest.files}:
            raise NotEnoughData(
                "its scores were not kept.", expected=SCORES, found=f"{len(manifest.files)} other files"
            )
        return cls(version, manifest, read_provenance(home, version, manifest).portfolio)

    @property
    def chosen(self) -> str:
        return self.version.refresh.verdict.chosen

    def scored(self, home: Path) -> Scored:
        rows = read_frame(home, published_file(self.version.folder, self.manifest, SCORES))
        return Scored.of(self.version.refresh.quarter, self.chosen, rows)

    def graph(self, home: Path) -> CorporateGraph:
        return graph_from_bytes(read_file(home, published_graph(self.version.folder, self.manifest)))


def _parts(
    home: Path, earlier: _Earlier, graph: CorporateGraph, compared: ComparedScores
) -> tuple[ShiftParts | None, str]:
    """Take the shifts apart as far as the earlier model allows, and say what it does not allow."""
    before = earlier.graph(home)
    differing = unlike(before, graph)
    if differing:
        return None, f"{differing}, so that the earlier model cannot score this one"
    spec = next(one for one in earlier.portfolio.candidates if one.name == earlier.chosen)
    members = (
        tuple(one for one in earlier.portfolio.single_candidates if one.name in spec.members)
        if isinstance(spec, EnsembleSpec)
        else ()
    )
    together = heard_apart(spec, members)
    try:
        fitted = restore_published(
            home, earlier.version.folder, earlier.manifest, spec, earlier.portfolio.primary_scheme
        )
    except IntegrityError:
        raise
    except CreditnetError as error:
        return None, f"{earlier.chosen} of {compared.before.quarter} cannot be loaded: {error.problem}"
    if any(isinstance(one, NetworkSpec) for one in (spec, *members)):
        import torch

        # A network's last digits depend on them, and a process that fitted none has not set them.
        torch.set_num_threads(compared.portfolio.training.threads)
    model = EarlierModel(fitted, before, graph, compared.portfolio.target, apart=not together)
    off = float(np.abs(model.rescored() - compared.before.scores).max())
    if off > _AGAIN:
        quarter = compared.before.quarter
        return None, f"{earlier.chosen} of {quarter} no longer gives the scores of {quarter}: one differs by {off:.2g}"
    return model.parts(*compared.shared()), together
