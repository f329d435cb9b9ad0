"""Packing a published version into one archive that a validator checks without this software."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version as installed_version
from importlib.resources import files as packaged
from pathlib import Path, PurePosixPath
from typing import Any

from monitoring.embeddings_page import EMBEDDINGS
from monitoring.score_movers_page import MOVERS
from schemas.errors import IntegrityError, SettingsError
from schemas.packages import Distribution, Package
from schemas.reproduction import Provenance
from schemas.results import AdmissionResult, Manifest
from tasks.catalogue import PublishedRefresh, open_catalogue
from tasks.distributions import distributions_of
from tasks.identity import LOCK
from tasks.lake import MANIFEST, published_file, read_file, read_json, verify_folder
from tasks.printing import pdf_pages, required_chromium
from tasks.provenance import PROVENANCE, read_provenance
from tasks.reasons import REASON_SUMMARY
from tasks.sbom import bill_of_materials
from tasks.settings import Settings, settings
from tasks.signing import Signer, read_signer
from tasks.versions import unpruned_version
from tasks.workbook import WORKBOOK

SUMS, SIGNATURE, PUBLIC_KEY, README = "SHA256SUMS", "SHA256SUMS.sig", "public_key.pem", "README.txt"
#: files of a refresh that are no tables of firms
_AGGREGATES = (
    *("admission.json", "evaluation.json", "graph_statistics.json", "judgement.json", "split.json", REASON_SUMMARY),
    *(PROVENANCE, LOCK),
)
#: rows of firms: who may read a model need not be allowed to read these
_ROWS = ("panel.parquet", "quarter.parquet", EMBEDDINGS, WORKBOOK, f"{MOVERS}.html", f"{MOVERS}.md")


def packed(portfolio: str, version: str, target: Path | None = None, *, with_pdf: bool = False) -> Package:
    """Write a published version into a tar.gz and say what is in it.

    The same version, audit log, software and key give the same bytes. Deliveries, graphs, scores and other tables
    with a row a firm stay where they are: the data manifest says what they hash to.

    Parameters
    ----------
    target
        The archive; in the home's folder `packs` by default. One that is there is replaced.
    with_pdf
        Whether the documents are in it as PDF too; the same browser prints the same bytes.

    Raises
    ------
    NotEnoughData
        If there is no such version, its files were pruned, or it was published before provenance was kept.
    IntegrityError
        If a published file is not what was recorded.
    SettingsError
        If the signing key cannot be used, there is no browser for the PDFs, or the archive cannot be written.
    """
    chosen = settings()
    chromium = required_chromium() if with_pdf else None
    signer = read_signer(chosen.signing_key) if chosen.signing_key else None
    published = unpruned_version(open_catalogue(chosen.database_url), portfolio, version)
    manifest = verify_folder(chosen.home, published.folder, published.manifest_sha256)
    provenance = read_provenance(chosen.home, published, manifest)
    contents = dict(_contents(chosen, published, manifest, provenance))
    if chromium is not None:
        pages = pdf_pages(contents, chromium=chromium, moment=published.published_at)
        contents |= {f"pdf/{name}": content for name, content in pages}
    contents |= _sealed(contents, signer)
    name = f"{portfolio}-{manifest.quarter}-version-{version}"
    archive = _archive(name, contents, int(published.published_at.timestamp()))
    file = (target or chosen.home / "packs" / f"{name}.tar.gz").absolute()
    _write(file, archive, own_folder=target is None)
    return Package(
        portfolio=portfolio,
        version=version,
        refresh=published.key,
        file=str(file),
        sha256=hashlib.sha256(archive).hexdigest(),
        files=len(contents),
        bytes=len(archive),
        signed_by=signer.fingerprint if signer else None,
    )


def _contents(
    chosen: Settings, published: PublishedRefresh, manifest: Manifest, provenance: Provenance
) -> Iterator[tuple[str, bytes]]:
    for file in manifest.files:
        path = PurePosixPath(file.path)
        if (path.parts[0] in ("documents", "models") and path.name not in _ROWS) or file.path in _AGGREGATES:
            yield file.path, read_file(chosen.home, published_file(published.folder, manifest, file.path))
    # As published, byte by byte: the audit excerpt names its hash.
    yield MANIFEST, (chosen.home / published.folder / MANIFEST).read_bytes()
    yield "data_manifest.json", _json(_data_manifest(chosen.home, published, manifest, provenance))
    excerpt = open_catalogue(chosen.database_url).audit_excerpt(published.key)
    yield "audit_excerpt.json", _json(excerpt.model_dump(mode="json"))
    distributions = distributions_of(provenance.packages)
    others = [one for one in distributions if one.name != "creditnet"]
    yield "sbom.cdx.json", _json(bill_of_materials("creditnet", installed_version("creditnet"), others))
    yield from _licences(others)


def _data_manifest(
    home: Path, published: PublishedRefresh, manifest: Manifest, provenance: Provenance
) -> dict[str, Any]:
    """Say what data the version was made from, and what each table and graph hashes to."""
    admission = read_json(home, published_file(published.folder, manifest, "admission.json"), AdmissionResult)
    rows = {table.table: table for table in admission.tables}
    delivery = provenance.delivery
    return {
        "portfolio": manifest.portfolio,
        "quarter": str(manifest.quarter),
        "delivery_fingerprint": delivery.fingerprint,
        "history": [str(quarter) for quarter in delivery.history],
        "graph_fingerprint": manifest.fingerprint,
        "delivered": [
            {
                "table": name,
                "file": ref.path,
                "sha256": ref.sha256,
                "rows_received": rows[name].received,
                "rows_admitted": rows[name].admitted,
            }
            for name, ref in sorted(delivery.tables.items())
        ],
        "derived": [
            {"file": f"{published.folder}/{file.path}", "sha256": file.sha256}
            for file in manifest.files
            if PurePosixPath(file.path).suffix in (".parquet", ".safetensors") and not file.path.startswith("models/")
        ],
    }


def _licences(distributions: Sequence[Distribution]) -> Iterator[tuple[str, bytes]]:
    listed = []
    for one in distributions:
        paths = [f"licences/texts/{one.name}/{_plain(text.path)}" for text in one.texts]
        listed.append(one.model_dump(include={"name", "version", "licence", "licence_source"}) | {"texts": paths})
        yield from zip(paths, (text.text.encode() for text in one.texts), strict=True)
    yield "licences/licences.json", _json(listed)


def _sealed(contents: Mapping[str, bytes], signer: Signer | None) -> dict[str, bytes]:
    """Add the README, the sums of everything, and the signature of the sums."""
    form = packaged("tasks") / ("package_signed.txt" if signer else "package_unsigned.txt")
    signing = form.read_text(encoding="utf-8").format(fingerprint=signer.fingerprint if signer else "")
    readme = (packaged("tasks") / "package_readme.txt").read_text(encoding="utf-8").replace("{signing}\n", signing)
    sealed = {README: readme.encode()} | ({PUBLIC_KEY: signer.public_pem} if signer else {})
    everything = {**contents, **sealed}
    sums = "".join(
        f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(everything.items())
    ).encode()
    return sealed | {SUMS: sums} | ({SIGNATURE: signer.signature(sums)} if signer else {})


def _archive(name: str, contents: Mapping[str, bytes], moment: int) -> bytes:
    """Return a tar.gz whose bytes depend on nothing but its arguments."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, data in sorted(contents.items()):
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size, entry.mtime, entry.mode = len(data), moment, 0o644
            tar.addfile(entry, io.BytesIO(data))
    outer = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=outer, mode="wb", compresslevel=6, mtime=moment) as zipped:
        zipped.write(inner.getvalue())
    return outer.getvalue()


def _write(file: Path, data: bytes, *, own_folder: bool) -> None:
    try:
        if own_folder:
            file.parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as partial:
            partial.write(data)
        Path(partial.name).replace(file)
    except OSError as error:
        raise SettingsError(
            "The archive cannot be written.",
            expected=f"a folder {file.parent} that can be written to",
            found=f"{file}: {error.strerror or error}",
            way_out="name another file with --to",
        ) from error


def _plain(path: str) -> str:
    """Keep a path that `sha256sum` writes and reads unchanged; others cannot be listed plainly."""
    if "\\" in path or not path.isprintable():
        raise IntegrityError(
            "A distribution ships a licence under a name that cannot be listed.",
            expected="a plain name",
            found=repr(path),
        )
    return path


def _json(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False).encode()
