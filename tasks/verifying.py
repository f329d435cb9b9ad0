"""Holding a whole home against its records: every delivery, published refresh and page, the registry's copies, the log.

The chain: the audit log holds the hash of each manifest, the catalogue holds it too, the manifest holds the hash of
each file. A byte that was changed anywhere breaks one link, and the report names where.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

from schemas.errors import IntegrityError
from schemas.references import DeliveryRef, FileRef
from schemas.reproduction import Damage, Provenance, VerifyReport
from schemas.results import Judged, Manifest
from tasks.auditing import verify_audit
from tasks.catalogue import Catalogue, PublishedRefresh, RecordedDelivery, open_catalogue
from tasks.contents import INDEX, index_bytes
from tasks.lake import MANIFEST, folder_differences, published_file, read_file, read_frame, read_json
from tasks.provenance import PROVENANCE
from tasks.settings import settings

_SCORES, _JUDGEMENT = "scores.parquet", "judgement.json"


def verified_home(*, registry: bool = True) -> VerifyReport:
    """Check every file that the home's records name, and that the records agree with each other.

    Parameters
    ----------
    registry
        Whether to compare the model registry's copies and heads too, which takes some seconds.

    Returns
    -------
    VerifyReport
        With everything that does not fit, not only the first.

    Raises
    ------
    IntegrityError
        If a row of the catalogue cannot even be read.
    """
    chosen = settings()
    catalogue = open_catalogue(chosen.database_url)
    home, published = chosen.home, catalogue.published_versions()
    check = _Checked(home)
    manifests = [check.refresh(catalogue, one) for one in published]
    deliveries = catalogue.deliveries()
    for delivery in deliveries:
        check.files(delivery.tables.values())
    try:
        audit = verify_audit(registry=registry)
    except IntegrityError as error:
        audit = None
        check.damages.append(Damage(where="audit log", problem=_told(error)))
    pages = catalogue.recorded_pages() if audit else {}  # a broken log vouches for nothing
    for folder, digest in pages.items():
        check.folder(folder, digest)
    if registry:
        for one, manifest in zip(published, manifests, strict=True):
            if manifest is not None and one.pruned_at is None:
                check.registered(one, manifest)
    check.index(catalogue if audit else None)
    named = {one.folder for one in published} | pages.keys()
    return VerifyReport(
        refreshes=len(published),
        pruned=sum(one.pruned_at is not None for one in published),
        deliveries=len(deliveries),
        pages=len(pages),
        files=check.read,
        damages=tuple(check.damages),
        unrecorded=tuple(_unrecorded(home, named, {ref.path for one in deliveries for ref in one.tables.values()})),
        audit=audit,
    )


class _Checked:
    """Collects what does not fit; every method goes on where another function would raise."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.read = 0
        self.damages: list[Damage] = []

    def refresh(self, catalogue: Catalogue, one: PublishedRefresh) -> Manifest | None:
        """Check one published refresh; of a pruned one only the manifest is left."""
        if one.pruned_at is not None:
            return self._manifest(one.folder, one.manifest_sha256)
        manifest, before = self.folder(one.folder, one.manifest_sha256), len(self.damages)
        if manifest is None:
            return None
        told = (one.key, one.refresh.portfolio, one.refresh.quarter, one.graph_fingerprint)
        if told != (manifest.refresh, manifest.portfolio, manifest.quarter, manifest.fingerprint):
            self._note(f"catalogue, refresh {one.key}", f"is another refresh than the manifest of {one.folder} says")
        if len(self.damages) == before:
            self._row(catalogue, one, manifest)
        return manifest

    def folder(self, folder: str, manifest_sha256: str) -> Manifest | None:
        """Check every file of a folder against its manifest, and that against the hash that was recorded of it."""
        manifest = self._manifest(folder, manifest_sha256)
        if manifest is not None:
            self.read += len(manifest.files)
            for name, problem in folder_differences(self.home, folder, manifest):
                self._note(f"{folder}/{name}", problem)
        return manifest

    def files(self, refs: Iterable[FileRef]) -> None:
        """Check single files."""
        for ref in refs:
            self.read += 1
            try:
                read_file(self.home, ref)
            except IntegrityError as error:
                self._note(ref.path, f"{error.found} instead of {error.expected}")

    def registered(self, one: PublishedRefresh, manifest: Manifest) -> None:
        """Check the registry's copies of the model and the documents of a published refresh."""
        from mlflow.exceptions import MlflowException

        from tasks.registry import registry_client

        client, name = registry_client(), f"{one.model_name} {one.model_version}"
        try:
            run_id = client.get_model_version(str(one.model_name), str(one.model_version)).run_id
            root = client.get_run(run_id).info.artifact_uri if run_id else ""
        except MlflowException as error:
            self._note(f"registry, {name}", error.message.splitlines()[0])
            return
        # Artifacts of a server elsewhere are under that server's own control.
        if not root or urlparse(root).scheme not in ("", "file"):
            return
        folder = Path(unquote(urlparse(root).path))
        if not folder.is_dir():
            self._note(f"registry, {name}", f"its files are not at {folder}")
            return
        known = {file.sha256 for file in manifest.files}
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            self.read += 1
            if hashlib.sha256(path.read_bytes()).hexdigest() not in known:
                self._note(f"registry, {name}: {path}", "is no file of the published refresh")

    def index(self, catalogue: Catalogue | None) -> None:
        """Compare the index page with the one that the catalogue gives, if there is one and the log is whole."""
        path = self.home / INDEX
        if catalogue is not None and path.is_file():
            self.read += 1
            if path.read_bytes() != index_bytes(self.home, catalogue):
                self._note(INDEX, "is not what the catalogue gives; `creditnet index` writes it anew")

    def _manifest(self, folder: str, manifest_sha256: str) -> Manifest | None:
        self.read += 1
        try:
            return read_json(self.home, FileRef(path=f"{folder}/{MANIFEST}", sha256=manifest_sha256), Manifest)
        except IntegrityError as error:
            self._note(f"{folder}/{MANIFEST}", f"{error.found} instead of {error.expected}")
            return None

    def _row(self, catalogue: Catalogue, one: PublishedRefresh, manifest: Manifest) -> None:
        """Compare what the catalogue says of a refresh with its files, which are whole."""
        listed = {file.path for file in manifest.files}
        where = f"catalogue, refresh {one.key}"
        if _SCORES in listed:
            frame = read_frame(self.home, published_file(one.folder, manifest, _SCORES))
            columns = ("firm_id", "unfavourable_probability", "predicted_class")
            expected = {firm: (probability, name) for firm, probability, name in frame.select(columns).iter_rows()}
            held = catalogue.scores(one.key)
            for firm in sorted(expected.keys() | held.keys()):
                if expected.get(firm) != held.get(firm):
                    self._note(
                        where, f"the score of firm {firm} is {held.get(firm)}, published was {expected.get(firm)}"
                    )
        if _JUDGEMENT in listed:
            judged = read_json(self.home, published_file(one.folder, manifest, _JUDGEMENT), Judged)
            # The gate on the documents is added when they have been written.
            if (one.refresh.verdict, one.refresh.gates[: len(judged.gates)]) != (judged.verdict, judged.gates):
                self._note(where, f"verdict or gates are not those of {one.folder}/{_JUDGEMENT}")

        if PROVENANCE in listed:
            made_from = read_json(self.home, published_file(one.folder, manifest, PROVENANCE), Provenance).delivery
            held_of_it = [row for row in catalogue.deliveries(one.refresh.portfolio) if _is(row, made_from)]
            if [row.tables for row in held_of_it] != [made_from.tables]:
                self._note(where, f"its delivery is not the one that {one.folder}/{PROVENANCE} names")

    def _note(self, where: str, problem: str) -> None:
        self.damages.append(Damage(where=where, problem=problem))


def _unrecorded(home: Path, folders: set[str], files: set[str]) -> Iterator[str]:
    """Name every file of the lake that is neither in a recorded folder nor recorded itself."""
    for path in sorted((home / "lake").rglob("*")):
        name = path.relative_to(home).as_posix()
        within = {parent.as_posix() for parent in path.relative_to(home).parents}
        if (path.is_symlink() or not path.is_dir()) and name not in files and not within & folders:
            yield name


def _is(row: RecordedDelivery, delivery: DeliveryRef) -> bool:
    return (row.quarter, row.fingerprint) == (delivery.quarter, delivery.fingerprint)


def _told(error: IntegrityError) -> str:
    return " ".join(filter(None, [error.problem, error.found and f"found {error.found};", error.expected]))
