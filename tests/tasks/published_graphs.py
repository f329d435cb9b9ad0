"""Graphs published in a home as a refresh would publish them, without running one."""

from collections.abc import Sequence

from models.corporate_graph import CorporateGraph
from models.fingerprint import exact_root, part_digests
from models.graph_codec import graph_bytes
from schemas.references import FileRef, RefreshKey
from schemas.results import GraphStatistics, Manifest, Refresh, Verdict
from schemas.terms import Quarter
from tasks.catalogue import open_catalogue
from tasks.lake import publish_folder, rebased, write_file
from tasks.settings import Settings, prepare_environment


def publish_graph(
    chosen: Settings,
    graph: CorporateGraph,
    key: str,
    portfolio: str = "small_world",
    delivery: str = "i",
    beside: Sequence[FileRef] = (),
) -> str:
    """Publish a refresh of the graph's quarter that consists of the graph and files beside it; return its folder."""
    prepare_environment(chosen)
    quarter, root = Quarter.of(graph.as_of), exact_root(part_digests(graph))
    file = write_file(chosen.home, f"work/{key}/graphs/{quarter}.safetensors", graph_bytes(graph))
    manifest = Manifest(
        refresh=key,
        portfolio=portfolio,
        quarter=quarter,
        fingerprint=root,
        files=tuple(rebased(one, f"work/{key}") for one in (file, *beside)),
    )
    folder = f"lake/{portfolio}/{quarter}/{key[:16]}"
    digest = publish_folder(chosen.home, f"work/{key}", folder, manifest)
    catalogue = open_catalogue(chosen.database_url)
    parts = {"input_fingerprint": delivery, "code_digest": "c", "spec_hash": key}
    catalogue.claim(RefreshKey(portfolio=portfolio, quarter=quarter, key=key, **parts), "test")
    catalogue.publish(
        key,
        refresh=_refresh(portfolio, quarter, root, key),
        folder=folder,
        manifest_sha256=digest,
        graph_statistics=_statistics(graph, quarter, root),
        scores=(),
    )
    return folder


def _refresh(portfolio: str, quarter: Quarter, root: str, key: str) -> Refresh:
    return Refresh(
        portfolio=portfolio,
        quarter=quarter,
        fingerprint=root,
        refresh=key,
        candidates={},
        verdict=Verdict(outcome="passed", chosen="logistic", summary="good", graph_helped="no"),
        gates=(),
        documents=(),
        stages={},
        model_version="1",
        content_hashes={},
        files=(),
    )


def _statistics(graph: CorporateGraph, quarter: Quarter, root: str) -> GraphStatistics:
    return GraphStatistics(
        quarter=quarter,
        firms=graph.size,
        edges=sum(relation.edges for relation in graph.relations.values()),
        features=1,
        fingerprint=root,
        digests=part_digests(graph),
        relations=(),
        components=1,
        largest_component=1,
        clustering=0.0,
        largest_core=1,
        degree_quantiles={},
        communities=1,
        modularity=0.0,
    )
