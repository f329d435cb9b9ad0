"""What a refresh was made from, written beside its results: settings, delivery, code, lock, packages, machine."""

from __future__ import annotations

from importlib.metadata import distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from schemas.errors import IntegrityError, NotEnoughData
from schemas.references import FileRef, RefreshRun
from schemas.reproduction import Provenance
from schemas.results import Manifest
from tasks.catalogue import PublishedRefresh
from tasks.environment import environment
from tasks.identity import LOCK, code_files, code_root
from tasks.lake import published_file, read_json, write_file, write_json

PROVENANCE = "provenance.json"


def written_provenance(run: RefreshRun) -> tuple[FileRef, FileRef]:
    """Write a refresh's provenance and a copy of the lock into its work folder.

    Raises
    ------
    IntegrityError
        If the lock was changed while the refresh ran.
    """
    home, code = Path(run.home), code_files()
    lock = write_file(home, f"{run.work}/{LOCK}", (code_root() / LOCK).read_bytes())
    if lock.sha256 != code[LOCK]:
        raise IntegrityError(
            f"{LOCK} was changed while the refresh ran.",
            expected=f"SHA-256 {code[LOCK]}",
            found=f"SHA-256 {lock.sha256}",
            way_out="run the refresh again: with another lock it is another refresh",
        )
    provenance = Provenance(
        key=run.key,
        portfolio=run.portfolio,
        delivery=run.delivery,
        code=code,
        packages=installed_packages(),
        environment=environment(run.portfolio),
    )
    return write_json(home, f"{run.work}/{PROVENANCE}", provenance), lock


def read_provenance(home: Path, published: PublishedRefresh, manifest: Manifest) -> Provenance:
    """Read what a published refresh was made from.

    Raises
    ------
    NotEnoughData
        If it was published before provenance was kept.
    IntegrityError
        If the file is not what was recorded.
    """
    if PROVENANCE not in {file.path for file in manifest.files}:
        raise NotEnoughData(
            f"{published.folder} was published before a refresh kept what it was made from.",
            expected=f"{PROVENANCE} among its files",
            found=f"{len(manifest.files)} other files",
            way_out="refresh the quarter again: the new version keeps it",
        )
    return read_json(home, published_file(published.folder, manifest, PROVENANCE), Provenance)


def installed_packages() -> dict[str, str]:
    """Return the version of each installed distribution, by normalised name."""
    found = {canonicalize_name(one.metadata["Name"]): one.version for one in distributions() if one.metadata["Name"]}
    return dict(sorted(found.items()))
