"""Scoring the newest published quarter with the champion, once, into a folder of its own.

A refresh publishes the scores of the candidate that it chose, which may never become champion. What the champion says
of the newest quarter is here. Nothing imports Prefect: an approval on the command line scores too.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
from threadpoolctl import threadpool_limits

from models.corporate_graph import CorporateGraph
from models.graph_codec import graph_from_bytes
from models.rating_scale import grades_of
from models.scoring import favourable, predicted_classes, unfavourable_probability
from schemas.errors import IntegrityError, NotEnoughData, column_diff
from schemas.portfolio import PortfolioSpec
from schemas.results import Evaluation, Manifest
from schemas.scoring import ChampionScores, ScoringOutcome
from tasks.catalogue import Catalogue, PublishedRefresh, open_catalogue
from tasks.kept_models import restore_published
from tasks.lake import (
    discard,
    published_file,
    published_graph,
    published_manifest,
    read_file,
    read_json,
    verify_folder,
    write_frame,
    write_json,
)
from tasks.pages import recorded_folder
from tasks.provenance import read_provenance
from tasks.settings import settings

SCORES, ABOUT = "scores.parquet", "score.json"


class _Published(NamedTuple):
    """A published refresh and the manifest of its files."""

    refresh: PublishedRefresh
    manifest: Manifest


def champion_scores(portfolio: str) -> ScoringOutcome:
    """Score the firms of the newest published quarter with the champion; the same again changes nothing.

    Parameters
    ----------
    portfolio
        The name under which it is in the catalogue.

    Raises
    ------
    NotEnoughData
        If there is no champion, or the quarter's graph lacks something that the champion was fitted on.
    IntegrityError
        If a file is not what was recorded.
    """
    home, catalogue = settings().home, open_catalogue(settings().database_url)
    champion, quarter = _champion(home, catalogue, portfolio), _newest(home, catalogue, portfolio)
    version, of = str(champion.refresh.model_version), quarter.manifest
    folder = f"lake/{portfolio}/scores/{of.quarter}-version-{version}-{of.refresh[:16]}"
    known = catalogue.recorded_pages().get(folder)
    if known is not None:
        about = read_json(home, published_file(folder, verify_folder(home, folder, known), ABOUT), ChampionScores)
        return ScoringOutcome(scores=about, files=_paths(home, folder), already_scored=True)
    spec = read_provenance(home, champion.refresh, champion.manifest).portfolio
    frame, threshold = _scored(home, champion, quarter, spec)
    chosen = champion.refresh.refresh
    about = ChampionScores(
        portfolio=portfolio,
        quarter=of.quarter,
        refresh=of.refresh,
        fingerprint=of.fingerprint,
        model=str(champion.refresh.model_name),
        version=version,
        champion_refresh=champion.refresh.key,
        candidate=chosen.verdict.chosen,
        content_hash=chosen.content_hashes[chosen.verdict.chosen],
        threshold=threshold,
        firms=frame.height,
        columns=tuple(frame.columns),
    )
    stage = f"work/score-{uuid.uuid4().hex}"
    try:
        files = [write_frame(home, f"{stage}/{SCORES}", frame), write_json(home, f"{stage}/{ABOUT}", about)]
        recorded_folder(home, stage, files, folder, of.model_copy(update={"audit_head": None}))
    finally:
        discard(home, stage)
    return ScoringOutcome(scores=about, files=_paths(home, folder))


def _scored(home: Path, champion: _Published, quarter: _Published, spec: PortfolioSpec) -> tuple[pl.DataFrame, float]:
    """Return a row a firm in the order of the graph, and the cut-off."""
    name = champion.refresh.refresh.verdict.chosen
    candidate = next(one for one in spec.candidates if one.name == name)
    graph, own = (_graph(home, one) for one in (quarter, champion))
    _refuse_other_inputs(graph, own, champion)
    model = restore_published(home, champion.refresh.folder, champion.manifest, candidate, spec.primary_scheme)
    with threadpool_limits(spec.training.threads, user_api="blas"):  # as when it was fitted: the same bits
        probabilities = model.probabilities(graph)
    threshold = _threshold(home, champion, name)
    classes = predicted_classes(probabilities, spec.target, threshold)
    probability = unfavourable_probability(probabilities, spec.target)
    grades = [grade.name for grade in spec.master_scale.grades]
    frame = pl.DataFrame(
        {
            "firm_id": graph.firms,
            "unfavourable_probability": probability,
            "predicted_class": [spec.target.classes[index] for index in classes.tolist()],
            "favourable": favourable(classes, spec.target),
            "rating_grade": [grades[index] for index in grades_of(probability, spec.master_scale).tolist()],
        }
    )
    return frame, threshold


def _champion(home: Path, catalogue: Catalogue, portfolio: str) -> _Published:
    decided = catalogue.champion(portfolio)
    refresh = None if decided is None else catalogue.published_refresh(decided.refresh_key)
    if refresh is None:
        raise NotEnoughData(
            f"{portfolio} has no champion to score with.",
            expected="a version in use",
            found="no champion",
            way_out="refresh a quarter, then approve its version; see `creditnet proposals`",
        )
    return _Published(refresh, verify_folder(home, refresh.folder, refresh.manifest_sha256))


def _newest(home: Path, catalogue: Catalogue, portfolio: str) -> _Published:
    refresh = catalogue.latest_published(portfolio)
    assert refresh is not None, "the champion's own quarter is published, and retention keeps it"
    return _Published(refresh, published_manifest(home, refresh.folder, refresh.manifest_sha256))


def _graph(home: Path, one: _Published) -> CorporateGraph:
    return graph_from_bytes(read_file(home, published_graph(one.refresh.folder, one.manifest)))


def _threshold(home: Path, champion: _Published, name: str) -> float:
    file = published_file(champion.refresh.folder, champion.manifest, "evaluation.json")
    evaluation = read_json(home, file, Evaluation)
    found = [one.threshold for one in evaluation.candidates if one.name == name]
    if not found:
        raise IntegrityError(
            f"{file.path} does not know the candidate that was registered.",
            expected=name,
            found=", ".join(one.name for one in evaluation.candidates),
            way_out="refresh the quarter again",
        )
    return found[0]


def _refuse_other_inputs(graph: CorporateGraph, own: CorporateGraph, champion: _Published) -> None:
    """Refuse a quarter whose columns or relations are not those that the champion was fitted on."""
    expected, found = _inputs(own), _inputs(graph)
    if expected != found:
        raise NotEnoughData(
            f"Version {champion.refresh.model_version} cannot score {graph.as_of}: the graph has other inputs by now.",
            expected=f"the {len(expected)} inputs of {own.as_of}",
            found=f"these differences (- missing, + new):{column_diff(expected, found)}",
            way_out="approve a version that was refreshed with the portfolio as it is now",
        )


def _inputs(graph: CorporateGraph) -> Sequence[str]:
    return [
        *(f"feature {name}" for name in graph.feature_names),
        *(f"relation {name}" for name in graph.relations),
        *(f"partners {name}" for name in graph.partners),
        *(f"{group} {name}" for group, columns in graph.computed.items() for name in columns.names),
    ]


def _paths(home: Path, folder: str) -> tuple[str, ...]:
    return tuple(str(home / folder / name) for name in (SCORES, ABOUT))
