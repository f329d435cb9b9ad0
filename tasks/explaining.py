"""Explaining one firm's score of a published refresh, with the refresh's own models and graph, and writing it down.

Nothing here starts or imports Prefect: it reads one published refresh and writes one folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.contributions import Development
from models.corporate_graph import CorporateGraph, block_diagonal
from models.firm_explanation import ScoredGraph, firm_explanation
from models.graph_codec import graph_from_bytes
from models.knowledge import newest_firms
from models.panel import UNKNOWN
from monitoring.explanation_page import explanation_html, explanation_markdown
from schemas.base import Frozen
from schemas.errors import NotEnoughData, SettingsError, examples, nearest
from schemas.explanations import FirmExplanation
from schemas.portfolio import PortfolioSpec
from schemas.references import FileRef
from schemas.results import CandidateResult, Evaluation, Manifest
from schemas.terms import Quarter, Sample
from tasks.catalogue import PublishedRefresh, open_catalogue
from tasks.kept_models import restore_published
from tasks.lake import published_file, published_graph, published_manifest, read_file, read_frame, read_json
from tasks.pages import written_pages
from tasks.panels import samples_of
from tasks.provenance import read_provenance
from tasks.settings import settings
from tasks.versions import published_quarter, unpruned_version

#: firms whose ids are looked through for one that resembles an unknown id
_LOOKED_THROUGH = 5000
_WRITERS: dict[str, Callable[[FirmExplanation], str]] = {
    "explanation.md": explanation_markdown,
    "explanation.html": explanation_html,
}


class WrittenExplanation(Frozen):
    """An explanation and the files that hold it, by their full paths."""

    content: FirmExplanation
    files: tuple[str, ...]


def written_explanation(
    portfolio: str,
    firm: str,
    quarter: Quarter | None = None,
    candidate: str | None = None,
    methods: Sequence[str] = (),
    version: str | None = None,
) -> WrittenExplanation:
    """Explain a firm's score of a published refresh and write it to the lake; the same again changes nothing.

    Parameters
    ----------
    portfolio
        The name under which it is in the catalogue.
    quarter
        The newest published one if None, or that of the version.
    candidate
        Another of the refresh's candidates; the one whose scores were published if None.
    methods
        Names of further methods to ask, or ``all`` that can explain the candidate.
    version
        The one that the quarter has now if None.

    Raises
    ------
    SettingsError
        If the refresh has no such candidate, or a method cannot explain it.
    NotEnoughData
        If nothing is published, the refresh kept no settings, or the firm is not in its graph.
    IntegrityError
        If a published file is not what was recorded.
    """
    home = settings().home
    published = _published(portfolio, quarter, version)
    source = _Source(home, published)
    row = _row_of(source.graph(), firm)
    scored = source.scored(candidate)
    with threadpool_limits(scored.portfolio.training.threads, user_api="blas"):
        content = firm_explanation(scored, row, methods)
    files = written_pages(
        home,
        "explanation",
        content,
        _WRITERS,
        portfolio=portfolio,
        quarter=content.quarter,
        fingerprint=content.fingerprint,
        name=_written_under(content),
    )
    return WrittenExplanation(content=content, files=files)


def _written_under(content: FirmExplanation) -> str:
    """Name the folder of an explanation: different ones never replace each other, the same one always does."""
    name = f"{content.quarter}-{folder_name(content.firm)}-{content.refresh[:12]}"
    if not content.decided:
        name += f"-{folder_name(content.candidate)}"
    if content.methods:
        name += "-by-" + "-".join(one.method for one in content.methods)
    return name


def folder_name(firm: str) -> str:
    """Return a firm's id as a part of a folder's name: as it is where that is safe, else with a digest of it."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", firm):
        return firm
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", firm)[:32].strip("_-")
    return f"{plain or 'firm'}_{hashlib.sha256(firm.encode()).hexdigest()[:16]}"


def _published(portfolio: str, quarter: Quarter | None, version: str | None) -> PublishedRefresh:
    catalogue = open_catalogue(settings().database_url)
    if version is not None:
        named = unpruned_version(catalogue, portfolio, version)
        if quarter not in (None, named.refresh.quarter):
            raise NotEnoughData(
                f"Version {version} of {portfolio} is not of {quarter}: there is no score to explain.",
                expected=f"a version that was published for {quarter}",
                found=f"it was published for {named.refresh.quarter}",
                way_out="name the version alone, or see `creditnet refreshes`",
            )
        return named
    return published_quarter(
        catalogue, portfolio, quarter, lacking="score to explain", otherwise="name a published quarter"
    )


def _row_of(graph: CorporateGraph, firm: str) -> int:
    place = int(np.searchsorted(graph.firms, firm))
    if place < graph.size and graph.firms[place] == firm:
        return place
    near = nearest(firm, graph.firms[:_LOOKED_THROUGH].tolist())
    raise NotEnoughData(
        f"Firm {firm!r} is not in the graph of {graph.as_of}: it has no score.",
        expected=f"the id of one of {graph.size:,} firms, such as {examples(graph.firms[:3].tolist())}",
        found=repr(firm),
        way_out=f"did you mean {near}?" if near else "ask for a firm that was known at the end of the quarter",
    )


def _result_of(evaluation: Evaluation, candidate: str) -> CandidateResult:
    found = {one.name: one for one in evaluation.candidates}
    if candidate in found:
        return found[candidate]
    near = nearest(candidate, list(found))
    raise SettingsError(
        f"The refresh has no candidate {candidate!r}.",
        expected=" or ".join(found),
        found=repr(candidate),
        way_out=f"did you mean {near}?" if near else f"name one of these, or none to explain {evaluation.chosen}",
    )


class _Source:
    """The files of a published refresh, each checked when it is read."""

    def __init__(self, home: Path, published: PublishedRefresh) -> None:
        self.home = home
        self.published = published
        self.manifest: Manifest = published_manifest(home, published.folder, published.manifest_sha256)

    def file(self, name: str) -> FileRef:
        """Find a file in the manifest."""
        return published_file(self.published.folder, self.manifest, name)

    def graph(self) -> CorporateGraph:
        """Return the quarter's graph."""
        return graph_from_bytes(read_file(self.home, published_graph(self.published.folder, self.manifest)))

    def scored(self, candidate: str | None = None) -> ScoredGraph:
        """Return what was scored, by what, and what it said: the chosen candidate, or another one."""
        home, published, manifest = self.home, self.published, self.manifest
        portfolio = read_provenance(home, published, manifest).portfolio
        evaluation = read_json(home, self.file("evaluation.json"), Evaluation)
        result = _result_of(evaluation, evaluation.chosen if candidate is None else candidate)
        spec = next(one for one in portfolio.candidates if one.name == result.name)
        scheme, graph = portfolio.primary_scheme, self.graph()
        return ScoredGraph(
            portfolio=portfolio,
            quarter=manifest.quarter,
            refresh=published.key,
            fingerprint=manifest.fingerprint,
            model_version=f"{published.model_name} {published.model_version}",
            in_use=open_catalogue(settings().database_url).aliases(published.refresh.portfolio).get("champion", ""),
            spec=spec,
            decided_by=evaluation.chosen,
            model=restore_published(home, published.folder, manifest, spec, scheme),
            threshold=result.threshold,
            graph=graph,
            probabilities=read_frame(home, self.file(f"models/{scheme}/{spec.name}/quarter.parquet")).to_numpy(),
            development=self._development(portfolio),
            outcomes=self._outcomes(graph),
            names=self._names(portfolio, graph),
        )

    def _development(self, portfolio: PortfolioSpec) -> Development:
        dealt = read_frame(self.home, self.file("split.parquet"))
        samples, _ = samples_of(dealt, portfolio.primary_scheme)
        vintages = dealt["quarter"].unique(maintain_order=True).to_list()
        files = [self.file(f"graphs/{vintage}.safetensors") for vintage in vintages]
        graphs = [graph_from_bytes(read_file(self.home, file)) for file in files]
        return Development(block_diagonal(graphs), samples == Sample.DEVELOPMENT)

    def _outcomes(self, graph: CorporateGraph) -> NDArray[np.int64]:
        """Return the newest known outcome of each firm, (n,)."""
        outcomes = read_frame(self.home, self.file("outcomes.parquet")).sort("vintage")
        newest = outcomes.unique("firm_id", keep="last").select("firm_id", "outcome")
        firms = pl.DataFrame({"firm_id": graph.firms})
        joined = firms.join(newest, on="firm_id", how="left", maintain_order="left")
        return joined["outcome"].fill_null(UNKNOWN).to_numpy().astype(np.int64)

    def _names(self, portfolio: PortfolioSpec, graph: CorporateGraph) -> dict[str, str]:
        if portfolio.firms.name is None:
            return {}
        rows = newest_firms(read_frame(self.home, self.file("admitted/firms.parquet")), graph.as_of)
        return dict(rows.select("firm_id", pl.col("name").fill_null("")).iter_rows())
