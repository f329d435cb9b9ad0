"""Monitoring a quarter against what was published before it, and recalling how earlier quarters were monitored."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import polars as pl

from models.categories import Category, categories
from models.corporate_graph import CorporateGraph
from models.firm_texts import FirmTexts, firm_texts, text_tables
from models.graph_codec import graph_from_bytes
from models.graph_comparison import ComparedGraph
from models.text_drift import TextMove, text_moves
from monitoring.feature_drift import feature_drift
from monitoring.graph_drift import graph_drift
from monitoring.quarter import monitored_quarter, quarter_measures
from schemas.monitoring import QuarterMonitoring
from schemas.portfolio import PortfolioSpec
from schemas.references import FileRef
from schemas.results import Drift, Judged, Manifest
from schemas.terms import Quarter
from tasks.admission import admitted_file
from tasks.catalogue import PublishedRefresh, open_catalogue
from tasks.lake import (
    published_file,
    published_graph,
    published_manifest,
    read_file,
    read_frame,
    read_json,
    verify_folder,
)
from tasks.settings import settings

JUDGEMENT = "judgement.json"
#: earlier quarters that are looked back on: six years
RECALLED = 24
_FIRST = "no earlier quarter has been published"


class Monitored(NamedTuple):
    """How a quarter was monitored; `quarter` is None where nothing was published before it.

    `earlier` is the monitoring of the quarters before, oldest first.
    """

    features: Drift
    graph: Drift
    quarter: QuarterMonitoring | None
    earlier: tuple[QuarterMonitoring, ...] = ()


def monitored(
    home: Path,
    portfolio: PortfolioSpec,
    graph: CorporateGraph,
    attributes: pl.DataFrame | None = None,
    tables: Mapping[str, FileRef] | None = None,
) -> Monitored:
    """Compare a quarter's graph, published or not, with the quarter published before it, and raise the alarms.

    Parameters
    ----------
    attributes
        ``firm_id`` and the protected attributes, for the homophily of each.
    tables
        The admitted tables of the delivery, for its texts.

    Raises
    ------
    IntegrityError
        If a published file is not what was recorded.
    """
    quarter = Quarter.of(graph.as_of)
    versions = newest_versions(portfolio.name, before=quarter)
    if not versions:
        nothing = Drift(expected_quarter=None, reason=_FIRST)
        return Monitored(nothing, nothing, None)
    verify_folder(home, versions[-1].folder, versions[-1].manifest_sha256)
    expected = _graph(home, versions[-1])
    known = () if attributes is None else categories(graph, attributes, portfolio)
    written = _read_texts(home, portfolio, graph, tables or {})
    moves = _text_moves(portfolio, _published_texts(home, portfolio, versions[-1], expected), written)
    measures = quarter_measures(_compared(expected, portfolio), _compared(graph, portfolio, known), portfolio, moves)
    fixed = feature_drift(expected, graph, portfolio, moves), graph_drift(expected, graph, portfolio.gates)
    earlier = recalled_quarters(home, portfolio, before=quarter)
    return Monitored(*fixed, monitored_quarter(portfolio, quarter, measures, earlier, fixed), tuple(earlier))


def recalled_quarters(home: Path, portfolio: PortfolioSpec, before: Quarter) -> list[QuarterMonitoring]:
    """Return the monitoring of the quarters published before one, oldest first.

    One that was published without being monitored is measured now, without limits of its own. The first published
    quarter has nothing to be compared with.
    """
    versions = newest_versions(portfolio.name, before)[-RECALLED - 1 :]
    found: list[QuarterMonitoring] = []
    for previous, version in pairwise(versions):
        found.append(_kept(home, version) or _measured_again(home, portfolio, previous, version))
    return found


def newest_versions(portfolio: str, before: Quarter) -> list[PublishedRefresh]:
    """Return the version published last of every earlier quarter whose files are there, oldest quarter first."""
    published = open_catalogue(settings().database_url).published_versions(portfolio)
    newest = {one.refresh.quarter: one for one in published if one.pruned_at is None and one.refresh.quarter < before}
    return [newest[quarter] for quarter in sorted(newest)]


def _manifest(home: Path, version: PublishedRefresh) -> Manifest:
    return published_manifest(home, version.folder, version.manifest_sha256)


def _graph(home: Path, version: PublishedRefresh) -> CorporateGraph:
    return graph_from_bytes(read_file(home, published_graph(version.folder, _manifest(home, version))))


def _kept(home: Path, version: PublishedRefresh) -> QuarterMonitoring | None:
    manifest = _manifest(home, version)
    if JUDGEMENT not in {file.path for file in manifest.files}:
        return None
    return read_json(home, published_file(version.folder, manifest, JUDGEMENT), Judged).monitoring


def _measured_again(
    home: Path, portfolio: PortfolioSpec, previous: PublishedRefresh, version: PublishedRefresh
) -> QuarterMonitoring:
    before, after = (_compared(_graph(home, one), portfolio) for one in (previous, version))
    nothing = Drift(expected_quarter=previous.refresh.quarter)
    then, now = (
        _published_texts(home, portfolio, one, compared.graph)
        for one, compared in ((previous, before), (version, after))
    )
    measures = quarter_measures(before, after, portfolio, _text_moves(portfolio, then, now))
    return monitored_quarter(portfolio, version.refresh.quarter, measures, (), (nothing, nothing))


def _published_texts(
    home: Path, portfolio: PortfolioSpec, version: PublishedRefresh, graph: CorporateGraph
) -> tuple[FirmTexts, ...]:
    manifest = _manifest(home, version)
    listed = {file.path for file in manifest.files}
    names = {name: admitted_file(name) for name in text_tables(portfolio)}
    refs = {name: published_file(version.folder, manifest, path) for name, path in names.items() if path in listed}
    return _read_texts(home, portfolio, graph, refs)


def _read_texts(
    home: Path, portfolio: PortfolioSpec, graph: CorporateGraph, tables: Mapping[str, FileRef]
) -> tuple[FirmTexts, ...]:
    """Return the texts of a quarter's firms; none where a table of them was not delivered then."""
    wanted = text_tables(portfolio)
    if not wanted or not set(wanted) <= tables.keys():
        return ()
    frames = {name: read_frame(home, tables[name]) for name in wanted}
    return firm_texts(frames, graph.firms, portfolio, graph.as_of)


def _text_moves(
    portfolio: PortfolioSpec, before: tuple[FirmTexts, ...], after: tuple[FirmTexts, ...]
) -> tuple[TextMove, ...]:
    return text_moves(before, after, rows=portfolio.gates.drift_rows)


def _compared(graph: CorporateGraph, portfolio: PortfolioSpec, known: tuple[Category, ...] = ()) -> ComparedGraph:
    return ComparedGraph.of(graph, portfolio.graph, known)
