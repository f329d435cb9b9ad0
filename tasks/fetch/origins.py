"""Where a publisher's files come from: a local copy, or the publisher's repository over https."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from schemas.errors import DeliveryError, SettingsError, examples
from tasks.fetch.publishers import PublishedFile, Publisher

BASE_URL = "https://raw.githubusercontent.com"
BASE_URL_VARIABLE = "CREDITNET_FETCH_URL"
_SECONDS = 60
#: more than ten times the largest file
_LARGEST = 64 * 2**20


class Origin(Protocol):
    """Hands out files by name."""

    @property
    def where(self) -> str:
        """Tell people where this is."""

    def has(self, file: PublishedFile) -> bool | None:
        """Tell whether the file is there; None if that cannot be known without fetching it."""

    def read(self, file: PublishedFile) -> bytes:
        """Return the bytes of a file, or raise `DeliveryError`."""


class FolderOrigin:
    """A local copy: a folder with the files by our names, or a clone of the publisher's repository."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DeliveryError(
                f"The folder {folder} does not exist.",
                expected="a folder with the publisher's files",
                found="nothing" if not folder.exists() else "a file",
                way_out="name the folder with --from, or leave it out to fetch from the publisher",
            )
        self._folder = folder

    @property
    def where(self) -> str:
        """Tell people where this is."""
        return str(self._folder)

    def has(self, file: PublishedFile) -> bool:
        """Tell whether the file is there."""
        return self._path(file) is not None

    def read(self, file: PublishedFile) -> bytes:
        """Return the bytes of a file."""
        path = self._path(file)
        try:
            if path is not None:
                return path.read_bytes()
            found = examples(sorted(entry.name for entry in self._folder.iterdir()))
        except OSError as error:
            found = error.strerror or str(error)
        raise DeliveryError(
            f"The file {file.name} cannot be read in {self._folder}.",
            expected=f"{file.name}, or {file.path} as in the publisher's repository",
            found=found,
            way_out="complete the folder, or leave --from out to fetch from the publisher",
        )

    def _path(self, file: PublishedFile) -> Path | None:
        return next((path for name in (file.name, file.path) if (path := self._folder / name).is_file()), None)


class WebOrigin:
    """The publisher's repository at the recorded commit, or a mirror of it (CREDITNET_FETCH_URL)."""

    def __init__(self, publisher: Publisher) -> None:
        base = (os.environ.get(BASE_URL_VARIABLE) or BASE_URL).rstrip("/")
        if urlsplit(base).scheme not in ("https", "http") or not urlsplit(base).netloc:
            raise SettingsError(
                f"{BASE_URL_VARIABLE} is not the address of a mirror.",
                expected=f"an https address such as {BASE_URL}",
                found=repr(base),
                way_out=f"correct it, or unset {BASE_URL_VARIABLE} to fetch from the publisher",
            )
        self.where = f"{base}/{publisher.repository}/{publisher.commit}"

    def has(self, file: PublishedFile) -> None:
        """Tell nothing: only fetching it shows whether a file is there."""

    def read(self, file: PublishedFile) -> bytes:
        """Fetch one file."""
        url = f"{self.where}/{file.path}"
        try:
            with _opener().open(url, timeout=_SECONDS) as answer:
                data: bytes = answer.read(_LARGEST + 1)
        except (OSError, http.client.HTTPException) as error:  # URLError and time-outs are OSErrors
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # it is the answer too
            raise self._unfetched(file, url, str(getattr(error, "reason", None) or error)) from error
        if len(data) > _LARGEST:
            raise self._unfetched(file, url, f"more than {_LARGEST:,} bytes")
        return data

    def _unfetched(self, file: PublishedFile, url: str, found: str) -> DeliveryError:
        return DeliveryError(
            f"The file {file.name} could not be fetched.",
            expected=f"a file of at most {_LARGEST:,} bytes at {url}",
            found=found,
            way_out=f"try again, name a local copy with --from, or a mirror in {BASE_URL_VARIABLE}",
        )


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that speaks http and https alone: a redirection cannot lead to a local file."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener
