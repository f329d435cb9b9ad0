"""Making a data folder out of a publisher's own files.

This is the one place that may reach outside, and only when a person asks for it: every file is
checked against its recorded SHA-256 before anything parses it.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from models.importing.corpnet import ARCS_FILE, FIRMS_FILE, corpnet_tables, dealt_firm_ids
from models.importing.interbank import interbank_tables
from schemas.base import Frozen
from schemas.errors import CreditnetError, DeliveryError, SettingsError
from schemas.terms import Quarter
from tasks.fetch.origins import FolderOrigin, Origin, WebOrigin
from tasks.fetch.plain_pickle import whole_number_lists
from tasks.fetch.publishers import PublishedFile, Publisher, checked, interbank_columns, publisher, refuse_unrecorded
from tasks.lake import write_frame, write_json

HASHES = "hashes.json"
#: reads the file of a name, checked
Read = Callable[[str], bytes]


class SourceFile(Frozen):
    """One of the publisher's files as it was read; `recorded` is False if its hash was new to us."""

    name: str
    sha256: str
    recorded: bool


class FetchedTable(Frozen):
    """A table of the data folder and its number of rows."""

    file: str
    rows: int


class Fetched(Frozen):
    """A data folder that was made, from what and where."""

    dataset: str
    folder: str
    origin: str
    tables: tuple[FetchedTable, ...]
    sources: tuple[SourceFile, ...]

    @property
    def new_hashes(self) -> list[str]:
        """List the files that were accepted without a recorded hash."""
        return [source.name for source in self.sources if not source.recorded]


def fetch(
    dataset: str,
    target: Path,
    *,
    local: Path | None = None,
    accept_new_hashes: bool = False,
    tell: Callable[[str], object] = lambda _: None,
) -> Fetched:
    """Make the data folder `target` from a local copy of the publisher's files, or from the publisher.

    The folder appears whole or not at all; ``hashes.json`` in it says what it was made from.

    Parameters
    ----------
    tell
        Hears the name of each file before it is read.

    Raises
    ------
    SettingsError
        If the data set is unknown or `target` exists.
    DeliveryError
        If a file is missing, cannot be fetched or is not what the publisher's files look like.
    IntegrityError
        If a file's hash is not the recorded one, or none is recorded and new ones are not accepted.
    """
    if target.is_symlink() or target.exists():
        raise SettingsError(
            f"{target} exists already.",
            expected="a folder that is yet to be made",
            found="a folder" if target.is_dir() else "a file",
            way_out="name another one with --to, or move this one away",
        )
    source = publisher(dataset)
    origin: Origin = WebOrigin(source) if local is None else FolderOrigin(local)
    quarters = _quarters(source, origin)
    wanted = [file for quarter in quarters for file in source.published(quarter)]
    if not accept_new_hashes:
        refuse_unrecorded(wanted)
    sources: list[SourceFile] = []
    read = _reader(origin, wanted, sources, tell)
    with _staged(target) as stage:
        tables = _corpnet(stage, read) if dataset == "corpnet" else _interbank(stage, read, quarters)
        write_json(stage, HASHES, {"origin": origin.where, "files": sources})
    return Fetched(
        dataset=dataset, folder=str(target), origin=origin.where, tables=tuple(tables), sources=tuple(sources)
    )


def _quarters(source: Publisher, origin: Origin) -> list[Quarter | None]:
    """Return the quarters to make, of a local copy those that it has; [None] for a data set without quarters."""
    every = source.every_quarter()
    if not every:
        return [None]
    # A quarter of which only one file is there is wanted too, so that the other is reported as missing.
    there = [quarter for quarter in every if any(origin.has(file) is not False for file in source.published(quarter))]
    if there:
        return [*there]
    raise DeliveryError(
        f"No quarter is in {origin.where}.",
        expected=f"files such as {' and '.join(file.name for file in source.published(every[-1]))}",
        way_out="name the folder that holds the publisher's files with --from",
    )


def _reader(
    origin: Origin, wanted: list[PublishedFile], sources: list[SourceFile], tell: Callable[[str], object]
) -> Read:
    """Return what reads a file by its name, checks it and notes it among `sources`."""
    files = {file.name: file for file in wanted}

    def read(name: str) -> bytes:
        tell(name)
        data = origin.read(files[name])
        digest = checked(files[name], data)
        sources.append(SourceFile(name=name, sha256=digest, recorded=files[name].sha256 is not None))
        return data

    return read


def _corpnet(stage: Path, read: Read) -> list[FetchedTable]:
    firms = _csv(read(FIRMS_FILE), FIRMS_FILE)
    arcs = whole_number_lists(read(ARCS_FILE), ("src", "dst"), file=ARCS_FILE)
    tables = corpnet_tables(firms, arcs["src"], arcs["dst"], dealt_firm_ids(firms.height))
    return [_kept(stage, "nodes.parquet", tables.nodes), _kept(stage, "edges.parquet", tables.edges)]


def _interbank(stage: Path, read: Read, quarters: list[Quarter | None]) -> list[FetchedTable]:
    columns, tables = interbank_columns(), []
    for quarter in quarters:
        nodes = _csv(read(f"nodes_{quarter}.csv"), f"nodes_{quarter}.csv")
        edges = _csv_with_weights(read(f"edge_{quarter}.csv"), f"edge_{quarter}.csv")
        made = interbank_tables(nodes, edges, columns, quarter=str(quarter))
        tables.append(_kept(stage, f"{quarter}/banks.parquet", made.banks))
        tables.append(_kept(stage, f"{quarter}/exposures.parquet", made.exposures))
    return tables


def _csv(data: bytes, name: str) -> pl.DataFrame:
    """Read a table as text only."""
    try:
        return pl.read_csv(data, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise _unreadable(name, error) from error


def _csv_with_weights(data: bytes, name: str) -> pl.DataFrame:
    """Read a table as the reference data folder was: by pandas, whose doubles may miss their last bit.

    Equal numbers give equal fingerprints, so that a fetched folder is the same delivery.
    """
    import pandas as pd

    try:
        return pl.from_pandas(pd.read_csv(io.BytesIO(data)))
    except ValueError as error:  # the errors of pandas' parser, and bytes that are not UTF-8
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> DeliveryError:
    return DeliveryError(
        f"{name} cannot be read.",
        expected="a CSV file in UTF-8 with a header line",
        found=str(error).splitlines()[0],
        way_out="fetch the file again",
    )


def _kept(stage: Path, name: str, table: pl.DataFrame) -> FetchedTable:
    write_frame(stage, name, table)
    return FetchedTable(file=name, rows=table.height)


@contextlib.contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """Give a new folder beside `target` that takes its name at the end, or is removed."""
    stage = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        stage.mkdir()
        yield stage
        stage.rename(target)
        _sync(target.parent)
    except OSError as error:
        raise CreditnetError(
            f"{target} cannot be written.",
            found=error.strerror or str(error),
            way_out="make room on the disk, correct the permissions, or name another folder with --to",
        ) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
