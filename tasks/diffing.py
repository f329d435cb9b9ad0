"""Comparing the graphs of two published quarters and writing what changed.

Nothing here starts or imports Prefect: it reads two published refreshes and writes one folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from models.communities import Communities, detected_communities
from models.corporate_graph import CorporateGraph
from models.graph_codec import graph_from_bytes
from models.graph_diff import graph_diff
from monitoring.diff_document import graph_diff_html, graph_diff_markdown
from schemas.base import Frozen
from schemas.diffs import DiffSide, QuarterDiff
from schemas.portfolio import PortfolioSpec
from schemas.references import FileRef
from schemas.results import GraphStatistics, Manifest
from schemas.terms import Quarter
from tasks.catalogue import PublishedRefresh, open_catalogue
from tasks.lake import MANIFEST, published_file, published_graph, read_file, read_json
from tasks.pages import written_pages
from tasks.settings import settings
from tasks.versions import published_quarter

#: where a published refresh has its graph's statistics
STATISTICS = "graph_statistics.json"
_WRITERS: dict[str, Callable[[QuarterDiff], str]] = {
    "diff.md": graph_diff_markdown,
    "diff.html": graph_diff_html,
}


class WrittenDiff(Frozen):
    """A difference and the files that hold it, by their full paths."""

    content: QuarterDiff
    files: tuple[str, ...]


def published_diff(portfolio: PortfolioSpec, before: Quarter, after: Quarter) -> WrittenDiff:
    """Compare the newest published refresh of each of two quarters and write the difference to the lake.

    A quarter with itself compares the two versions of it that were published last, the same one twice if there is
    only one.

    Raises
    ------
    NotEnoughData
        If one of the quarters has not been published.
    IntegrityError
        If a published file is not what was recorded.
    """
    catalogue = open_catalogue(settings().database_url)
    sides = [
        published_quarter(
            catalogue, portfolio.name, quarter, lacking="graph to compare", otherwise="compare other quarters"
        )
        for quarter in (before, after)
    ]
    if before == after:
        versions = [one for one in catalogue.published_versions(portfolio.name) if one.refresh.quarter == after]
        there = [one for one in versions if one.pruned_at is None]
        sides = there[-2:] if len(there) > 1 else sides
    return written_diff(portfolio, *sides)


def written_diff(portfolio: PortfolioSpec, before: PublishedRefresh, after: PublishedRefresh) -> WrittenDiff:
    """Compare two published refreshes and write the difference to the lake.

    Raises
    ------
    IntegrityError
        If a published file is not what was recorded.
    """
    chosen, sides = settings(), (before, after)
    manifests = [_manifest(chosen.home, side) for side in sides]
    old, new = (_graph(chosen.home, side, manifest) for side, manifest in zip(sides, manifests, strict=True))
    content = _difference(portfolio, (_side(manifests[0]), old), (_side(manifests[1]), new))
    old_side, new_side = content.before, content.after
    files = written_pages(
        chosen.home,
        "diff",
        content,
        _WRITERS,
        portfolio=content.portfolio,
        quarter=new_side.quarter,
        fingerprint=new_side.fingerprint,
        name=_name(old_side.quarter, new_side.quarter, old_side.refresh, new_side.refresh),
    )
    return WrittenDiff(content=content, files=files)


def correction_shown(home: Path, corrected: PublishedRefresh) -> bool:
    """Tell whether a difference from an earlier version of its quarter to this one is in the lake."""
    quarter = corrected.refresh.quarter
    folder = home / f"lake/{corrected.refresh.portfolio}/diffs"
    return any(folder.glob(_name(quarter, quarter, "*", corrected.key)))


def _name(before: Quarter, after: Quarter, old: str, new: str) -> str:
    return f"{before}-{after}-{old[:12]}-{new[:12]}"


def diff_since(
    home: Path, before: PublishedRefresh, portfolio: PortfolioSpec, after: DiffSide, graph: CorporateGraph
) -> tuple[QuarterDiff, GraphStatistics | None]:
    """Compare a graph that is about to be published with a published one; return that one's statistics too.

    Raises
    ------
    IntegrityError
        If a published file is not what was recorded.
    """
    manifest = _manifest(home, before)
    old = _graph(home, before, manifest)
    return _difference(portfolio, (_side(manifest), old), (after, graph)), _statistics(home, before, manifest)


def _difference(
    portfolio: PortfolioSpec, before: tuple[DiffSide, CorporateGraph], after: tuple[DiffSide, CorporateGraph]
) -> QuarterDiff:
    (old_side, old), (new_side, new) = before, after
    return QuarterDiff(
        portfolio=portfolio.name,
        title=portfolio.title,
        before=old_side,
        after=new_side,
        diff=graph_diff(old, new, _communities(old, portfolio), _communities(new, portfolio)),
    )


def _manifest(home: Path, refresh: PublishedRefresh) -> Manifest:
    return read_json(home, FileRef(path=f"{refresh.folder}/{MANIFEST}", sha256=refresh.manifest_sha256), Manifest)


def _graph(home: Path, refresh: PublishedRefresh, manifest: Manifest) -> CorporateGraph:
    return graph_from_bytes(read_file(home, published_graph(refresh.folder, manifest)))


def _statistics(home: Path, refresh: PublishedRefresh, manifest: Manifest) -> GraphStatistics | None:
    # Refreshes that were published before there were statistics have none.
    if STATISTICS not in {file.path for file in manifest.files}:
        return None
    return read_json(home, published_file(refresh.folder, manifest, STATISTICS), GraphStatistics)


def _side(manifest: Manifest) -> DiffSide:
    return DiffSide(quarter=manifest.quarter, refresh=manifest.refresh, fingerprint=manifest.fingerprint)


def _communities(graph: CorporateGraph, portfolio: PortfolioSpec) -> Communities:
    return detected_communities(graph.firms, graph.union(), portfolio.graph)
