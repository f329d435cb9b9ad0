"""Keeping the home's index page, a view of the catalogue that is written anew whenever what it shows changes."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from monitoring.index_page import index_html
from schemas.contents import HomeContents, Link, ListedPages, ListedRefresh
from schemas.terms import Judgement
from tasks.catalogue import Catalogue, PublishedRefresh, open_catalogue
from tasks.lake import write_file
from tasks.settings import settings

INDEX = "index.html"
#: what people open; the same in Markdown and JSON lies beside it
_OPENED = (".html", ".xlsx")
_FIRST = "model_card.html"


def written_index() -> Path:
    """Write the index of the home as the catalogue is now and return its path."""
    chosen = settings()
    write_file(chosen.home, INDEX, index_bytes(chosen.home, open_catalogue(chosen.database_url)))
    return chosen.home / INDEX


def index_bytes(home: Path, catalogue: Catalogue) -> bytes:
    """Return the index that the catalogue gives; the same catalogue and files give the same bytes."""
    published = catalogue.published_versions()
    aliases = {name: catalogue.aliases(name) for name in {one.refresh.portfolio for one in published}}
    newest_first = sorted(published, key=lambda one: (one.refresh.quarter, one.sequence), reverse=True)
    contents = HomeContents(
        refreshes=tuple(_listed(one, aliases[one.refresh.portfolio]) for one in newest_first),
        pages=tuple(_pages(home, folder) for folder in sorted(catalogue.recorded_pages())),
    )
    return index_html(contents).encode()


def _listed(one: PublishedRefresh, aliases: dict[str, str]) -> ListedRefresh:
    refresh, folder = one.refresh, PurePosixPath(one.folder) / "documents"
    opened = {path.name for path in map(PurePosixPath, refresh.documents) if path.suffix in _OPENED}
    there = sorted(opened, key=lambda name: (name != _FIRST, name)) if one.pruned_at is None else []
    return ListedRefresh(
        portfolio=refresh.portfolio,
        quarter=refresh.quarter,
        version=one.model_version or "",
        refresh=one.key,
        verdict=refresh.verdict.outcome,
        chosen=refresh.verdict.chosen,
        graph_helped=refresh.verdict.graph_helped,
        failed_gates=sum(gate.verdict is Judgement.FAIL for gate in refresh.gates),
        aliases=tuple(sorted(f"@{alias}" for alias, version in aliases.items() if version == one.model_version)),
        published_at=one.published_at,
        documents=tuple(Link(title=_title(name), path=str(folder / name)) for name in there),
    )


def _pages(home: Path, folder: str) -> ListedPages:
    path = PurePosixPath(folder)
    kind = path.parent.name.removesuffix("s")
    documents = [f"{kind}.html", f"{kind}.md", f"{kind}.json"]
    return ListedPages(
        portfolio=path.parent.parent.name,
        kind=kind,
        name=path.name,
        documents=tuple(
            Link(title=name.rpartition(".")[2], path=f"{folder}/{name}")
            for name in documents
            if (home / folder / name).is_file()
        ),
    )


def _title(name: str) -> str:
    return PurePosixPath(name).stem.replace("_", " ")
