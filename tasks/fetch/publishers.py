"""Which files a data set is published as, where, and what they must hash to."""

from __future__ import annotations

import csv
import hashlib
from importlib.resources import files

import yaml

from schemas.base import Frozen
from schemas.errors import IntegrityError, SettingsError, examples, nearest
from schemas.terms import Quarter

_FOLDER = files("tasks") / "fetch"


class PublishedFile(Frozen):
    """One file: the name we keep it under, its path at the publisher's, and its recorded hash if there is one."""

    name: str
    path: str
    sha256: str | None


class Publisher(Frozen):
    """A repository at one commit, and the names and paths of the files that a data set is made of.

    Names and paths of a quarterly data set contain ``{quarter}``; `quarters` are its first and last.
    """

    repository: str
    commit: str
    files: dict[str, str]
    sha256: dict[str, str]
    quarters: tuple[Quarter, Quarter] | None = None

    def published(self, quarter: Quarter | None = None) -> list[PublishedFile]:
        """Return the files of one quarter, or of a data set without quarters."""
        named = {name.format(quarter=quarter): path.format(quarter=quarter) for name, path in self.files.items()}
        return [PublishedFile(name=name, path=path, sha256=self.sha256.get(name)) for name, path in named.items()]

    def every_quarter(self) -> list[Quarter]:
        """Return the quarters of the data set, ascending; none if it has no quarters."""
        if self.quarters is None:
            return []
        first, last = self.quarters
        count = 4 * (last.year - first.year) + last.number - first.number + 1
        return [first.shifted(later) for later in range(count)]


def publisher(dataset: str) -> Publisher:
    """Return who publishes a data set; `SettingsError` if it is none that can be fetched."""
    known = yaml.safe_load((_FOLDER / "hashes.yaml").read_text(encoding="utf-8"))
    if dataset not in known:
        twin = nearest(dataset, list(known))
        raise SettingsError(
            f"{dataset!r} cannot be fetched.",
            expected=f"one of {', '.join(known)}",
            found=repr(dataset),
            way_out=f"did you mean {twin}?" if twin else "name one of these data sets",
        )
    return Publisher.model_validate(known[dataset])


def interbank_columns() -> dict[str, str]:
    """Return each column of ``banks``, in its order, and what the publisher calls it."""
    text = (_FOLDER / "interbank_columns.csv").read_text(encoding="utf-8")
    return {row["column"]: row["publisher_column"] for row in csv.DictReader(text.splitlines())}


def refuse_unrecorded(wanted: list[PublishedFile]) -> None:
    """Raise `IntegrityError` if a file has no recorded hash."""
    unrecorded = [file.name for file in wanted if file.sha256 is None]
    if unrecorded:
        raise IntegrityError(
            f"{len(unrecorded)} of {len(wanted)} files have no recorded SHA-256.",
            expected="files that have been checked before",
            found=examples(unrecorded),
            way_out="if you trust where they come from, pass --accept-new-hashes: hashes.json then says what they were",
        )


def checked(file: PublishedFile, data: bytes) -> str:
    """Return the SHA-256 of a file; `IntegrityError` if another one is recorded."""
    found = hashlib.sha256(data).hexdigest()
    if file.sha256 not in (None, found):
        raise IntegrityError(
            f"{file.name} is not the file that was recorded.",
            expected=f"SHA-256 {file.sha256}",
            found=f"SHA-256 {found}, {len(data):,} bytes",
            way_out="get the publisher's file of that commit again; --accept-new-hashes does not overrule this",
        )
    return found
