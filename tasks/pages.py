"""Writing something to the lake for programs and for people: JSON and the pages made of it, in one step."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from schemas.base import Frozen
from schemas.references import FileRef
from schemas.results import Manifest
from schemas.terms import Quarter
from tasks.catalogue import open_catalogue
from tasks.contents import written_index
from tasks.lake import discard, publish_folder, rebased, write_file, write_json
from tasks.settings import settings

Content = TypeVar("Content", bound=Frozen)


def written_pages(
    home: Path,
    kind: str,
    content: Content,
    pages: Mapping[str, Callable[[Content], str]],
    *,
    portfolio: str,
    quarter: Quarter,
    fingerprint: str,
    name: str = "",
) -> tuple[str, ...]:
    """Write ``<kind>.json`` and its pages below ``lake/<portfolio>/<kind>s`` and return their full paths.

    One that was written under the same name before is replaced. The audit log notes what the manifest hashes to.

    Parameters
    ----------
    pages
        By file name, what writes the page.
    fingerprint
        Of the graph it is about.
    name
        Of the folder; after quarter and content if none is given, so that the same content again changes nothing.
    """
    stage = f"work/{kind}-{uuid.uuid4().hex}"
    try:
        files = [write_json(home, f"{stage}/{kind}.json", content)]
        files += [write_file(home, f"{stage}/{file}", make(content).encode()) for file, make in pages.items()]
        name = name or f"{quarter}-{files[0].sha256[:16]}"
        about = Manifest(refresh=name, portfolio=portfolio, quarter=quarter, fingerprint=fingerprint, files=())
        folder = recorded_folder(home, stage, files, f"lake/{portfolio}/{kind}s/{name}", about)
    finally:
        discard(home, stage)
    return tuple(str(home / folder / file) for file in (f"{kind}.json", *pages))


def recorded_folder(home: Path, stage: str, files: Sequence[FileRef], folder: str, about: Manifest) -> str:
    """Put the files of a stage in their place in the lake, note it in the audit log, and return the folder.

    Parameters
    ----------
    about
        The manifest but for its files.
    """
    listed = tuple(sorted((rebased(file, stage) for file in files), key=lambda file: file.path))
    digest = publish_folder(home, stage, folder, about.model_copy(update={"files": listed}), replace=True)
    open_catalogue(settings().database_url).record_pages(folder, digest)
    written_index()
    return folder
