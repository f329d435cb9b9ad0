"""Files below the home folder: written whole or not at all, checked before anything reads them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from schemas.errors import CreditnetError, IntegrityError, examples
from schemas.references import FileRef
from schemas.results import Manifest

if TYPE_CHECKING:
    import polars

Content = TypeVar("Content")

MANIFEST = "manifest.json"
_PARTIAL = ".partial"
_RESTORE = "restore it from a backup, or discard the refresh and run it again"


def write_file(home: Path, relative_path: str, data: bytes) -> FileRef:
    """Write a file below `home` so that a reader sees the old bytes or the new, never half."""
    target = _inside(home, relative_path)
    with _disk_errors(target):
        _make_folder(target.parent)
        _write_whole(target, data)
    return FileRef(path=PurePosixPath(relative_path).as_posix(), sha256=hashlib.sha256(data).hexdigest())


def read_file(home: Path, ref: FileRef) -> bytes:
    """Return the bytes of a file; `IntegrityError` unless their SHA-256 is the recorded one."""
    try:
        data = _inside(home, ref.path).read_bytes()
    except OSError as error:
        raise _damaged(f"{ref.path} cannot be read.", f"SHA-256 {ref.sha256}", str(error.strerror)) from error
    found = hashlib.sha256(data).hexdigest()
    if found != ref.sha256:
        raise _damaged(f"{ref.path} is not the file that was recorded.", f"SHA-256 {ref.sha256}", f"SHA-256 {found}")
    return data


def checked_path(home: Path, ref: FileRef) -> Path:
    """Return the path of a file after the same check, for libraries that insist on a path."""
    read_file(home, ref)
    return _inside(home, ref.path)


def write_frame(home: Path, relative_path: str, frame: polars.DataFrame) -> FileRef:
    """Write a frame as Parquet with page checksums; equal frames give equal bytes, however they are chunked."""
    import polars
    import pyarrow.parquet

    buffer = io.BytesIO()
    table = frame.rechunk().to_arrow(compat_level=polars.CompatLevel.oldest())
    pyarrow.parquet.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return write_file(home, relative_path, buffer.getvalue())


def read_frame(home: Path, ref: FileRef) -> polars.DataFrame:
    """Read a frame from the very bytes that were checked, so that nothing can change in between."""
    import polars
    import pyarrow.parquet

    data = read_file(home, ref)
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(data), page_checksum_verification=True)
    except (OSError, pyarrow.ArrowException) as error:
        raise _damaged(f"{ref.path} is not the Parquet file it should be.", "whole pages", str(error)) from error
    return polars.DataFrame(table)


def write_json(home: Path, relative_path: str, content: object) -> FileRef:
    """Write a pydantic model or plain data as canonical JSON: sorted keys, UTF-8; NaN and infinity are refused."""
    return write_file(home, relative_path, _canonical(relative_path, content))


def read_json(home: Path, ref: FileRef, kind: type[Content]) -> Content:
    """Read a JSON file as `kind`: a pydantic model, or anything else pydantic understands."""
    data = read_file(home, ref)
    try:
        return TypeAdapter(kind).validate_json(data)
    except ValidationError as error:
        found = examples(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise _damaged(f"{ref.path} has not the form that is read here.", str(kind), found) from error


def rebased(ref: FileRef, folder: str) -> FileRef:
    """Name a file relative to `folder`, the form a manifest lists it in."""
    try:
        return FileRef(path=PurePosixPath(ref.path).relative_to(folder).as_posix(), sha256=ref.sha256)
    except ValueError as error:
        raise IntegrityError("A file is not in the folder it should be in.", expected=folder, found=ref.path) from error


def publish_folder(home: Path, staged: str, published: str, manifest: Manifest, *, replace: bool = False) -> str:
    """Move a finished folder into place as one step and return the SHA-256 of its manifest.

    The same folder already in place is a success, and the staged copy is removed: an earlier run
    died between this step and the catalogue's transaction. The manifest lists the files by their
    path in the folder (see `rebased`), itself excluded. `replace` lets a different folder in the
    way go: only for one that the catalogue does not name.
    """
    source, target = _inside(home, staged), _inside(home, published)
    content = _canonical(MANIFEST, manifest)
    digest = hashlib.sha256(content).hexdigest()
    with contextlib.suppress(IntegrityError), _disk_errors(target):
        verify_folder(home, published, digest)
        _sync(target.parent)  # the run that renamed it may have died before this
        discard(home, staged)
        return digest
    if target.exists() and not replace:
        way_out = "if the catalogue does not name this folder, publish again with `replace`"
        raise _damaged(f"{published} is in the way.", f"nothing, or manifest {digest}", "another folder", way_out)
    with _disk_errors(target):
        _seal(source, manifest, content)
        _swap(source, target)
    return digest


def verify_folder(home: Path, folder: str, manifest_sha256: str) -> Manifest:
    """Check every file of a published folder and return its manifest; a missing, changed or extra one is an error."""
    manifest = published_manifest(home, folder, manifest_sha256)
    _refuse_differences(_inside(home, folder), manifest)
    return manifest


def published_manifest(home: Path, folder: str, manifest_sha256: str) -> Manifest:
    """Return the manifest of a published folder; each of its files is still to be checked when it is read."""
    return read_json(home, FileRef(path=f"{folder}/{MANIFEST}", sha256=manifest_sha256), Manifest)


def published_file(folder: str, manifest: Manifest, name: str, problem: str = "lacks a file") -> FileRef:
    """Find a file of a published refresh in its manifest; `IntegrityError` if it is not listed."""
    listed = {file.path: file.sha256 for file in manifest.files}
    if name not in listed:
        raise IntegrityError(
            f"The published refresh {folder} {problem}.",
            expected=name,
            found=f"a manifest of {len(listed)} other files",
            way_out="refresh the quarter again",
        )
    return FileRef(path=f"{folder}/{name}", sha256=listed[name])


def published_graph(folder: str, manifest: Manifest) -> FileRef:
    """Find the graph of a published refresh's own quarter."""
    return published_file(folder, manifest, f"graphs/{manifest.quarter}.safetensors", "has no graph of its own quarter")


def discard(home: Path, folder: str) -> None:
    """Remove a work folder; one that is already gone is fine."""
    path = _inside(home, folder)
    with _disk_errors(path), contextlib.suppress(FileNotFoundError):
        shutil.rmtree(path)


def _inside(home: Path, relative_path: str) -> Path:
    relative = PurePosixPath(relative_path)
    path = home / relative
    # The parts are judged before the disk is asked; resolving then finds symlinks that lead out.
    suspicious = not relative.parts or relative.is_absolute() or ".." in relative.parts or "\0" in relative_path
    if suspicious or not path.resolve().is_relative_to(home.resolve()):
        way_out = "correct the reference; no file outside is ever read or written"
        raise _damaged("A path leaves the folder it belongs to.", f"a path in {home}", repr(relative_path), way_out)
    return path


def _canonical(name: str, content: object) -> bytes:
    # pydantic's own JSON would turn a NaN into null and hide a mistake.
    plain = to_jsonable_python(content, inf_nan_mode="constants")
    try:
        return json.dumps(plain, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False).encode()
    except ValueError as error:
        way_out = "write a missing number as None"
        raise CreditnetError(f"{name} cannot be written as JSON.", found=str(error), way_out=way_out) from error


def _damaged(problem: str, expected: str, found: str, way_out: str = _RESTORE) -> IntegrityError:
    return IntegrityError(problem, expected=expected, found=found, way_out=way_out)


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        found, way_out = (
            error.strerror or str(error),
            "make room on the disk or correct the permissions, then run again",
        )
        raise CreditnetError(f"{path} cannot be written or moved.", found=found, way_out=way_out) from error


def _write_whole(target: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.", suffix=_PARTIAL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    _sync(target.parent)


def _make_folder(folder: Path) -> None:
    # Created one by one, because a folder is only durable once its parent has been synced.
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _seal(folder: Path, manifest: Manifest, content: bytes) -> None:
    for leftover in folder.rglob(f".*{_PARTIAL}"):  # a writer was killed here in an earlier attempt
        leftover.unlink()
    _refuse_differences(folder, manifest)
    _write_whole(folder / MANIFEST, content)
    for path in [*folder.rglob("*"), folder]:
        _sync(path)


def _swap(source: Path, target: Path) -> None:
    _make_folder(target.parent)
    aside = target.with_name(f".{target.name}.replaced")
    shutil.rmtree(aside, ignore_errors=True)
    if target.exists():
        target.rename(aside)
    source.rename(target)
    _sync(target.parent)
    _sync(source.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _file_digest(path: Path) -> str:
    # A link could be pointed elsewhere after the check, so it is never what was recorded.
    return "link" if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()


def _refuse_differences(folder: Path, manifest: Manifest) -> None:
    expected = {ref.path: ref.sha256 for ref in manifest.files}
    entries = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    found = {path.relative_to(folder).as_posix(): path for path in entries}
    found.pop(MANIFEST, None)
    sums = {name: _file_digest(path) for name, path in found.items()}
    problems = [f"{name} is missing" for name in sorted(expected.keys() - sums.keys())]
    problems += [f"{name} has changed" for name in sorted(expected) if sums.get(name, expected[name]) != expected[name]]
    problems += [f"{name} is not listed" for name in sorted(sums.keys() - expected.keys())]
    if problems:
        raise _damaged(f"{folder} does not match its manifest.", f"{len(expected)} files as listed", examples(problems))
