"""The documents of a published version as PDF, printed by Chromium where the machine has it.

They are made of the published pages when they are asked for, and lie outside the published folder: what a refresh is
does not depend on which browser, if any, was at hand.
"""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from schemas.errors import SettingsError
from schemas.packages import Printed
from tasks.catalogue import open_catalogue
from tasks.chromium import command_of, found_chromium
from tasks.lake import published_file, read_file, verify_folder
from tasks.settings import settings
from tasks.versions import unpruned_version

_SECONDS = 120
#: no host has an address: a page that is printed has nobody to talk to, and its own policy admits no script
_ALONE = "--host-resolver-rules=MAP * ~NOTFOUND"
_FORM = ("--no-pdf-header-footer", "--generate-pdf-document-outline")
_DATE = re.compile(rb"/(CreationDate|ModDate) \(D:\d{14}\+00'00'\)")


def printed(portfolio: str, version: str, target: Path | None = None) -> Printed:
    """Print every page of a published version and say where the PDFs are.

    Parameters
    ----------
    target
        The folder; one for the version in the home's folder `pdfs` by default. PDFs that are there are replaced.

    Raises
    ------
    NotEnoughData
        If there is no such version, or its files were pruned.
    IntegrityError
        If a published file is not what was recorded.
    SettingsError
        If there is no browser, it prints nothing, or the PDFs cannot be written.
    """
    chosen = settings()
    published = unpruned_version(open_catalogue(chosen.database_url), portfolio, version)
    manifest = verify_folder(chosen.home, published.folder, published.manifest_sha256)
    folder = (target or chosen.home / "pdfs" / f"{portfolio}-{manifest.quarter}-version-{version}").absolute()
    chromium = required_chromium()
    documents = {
        file.path: read_file(chosen.home, published_file(published.folder, manifest, file.path))
        for file in manifest.files
        if file.path.endswith(".html")
    }
    pages = dict(pdf_pages(documents, chromium=chromium, moment=published.published_at))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, content in pages.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise SettingsError(
            "The PDFs cannot be written.",
            expected="a folder that can be written to",
            found=f"{folder}: {error.strerror or error}",
            way_out="name another folder with --to",
        ) from error
    files = tuple(str(folder / name) for name in pages)
    return Printed(portfolio=portfolio, version=version, refresh=published.key, files=files)


def required_chromium() -> Path:
    """Return the browser that prints.

    Raises
    ------
    SettingsError
        If there is none.
    """
    found = found_chromium(settings())
    if found is None:
        raise SettingsError(
            "There is no browser that could print.",
            expected="Chromium on PATH, or its program in CREDITNET_CHROMIUM",
            found="neither",
            way_out="install Chromium (Debian: apt-get install chromium), or print the HTML documents elsewhere",
        )
    return found


def pdf_pages(documents: Mapping[str, bytes], *, chromium: Path, moment: dt.datetime) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the PDF of every page among documents, which are given by their paths."""
    for path, content in documents.items():
        page = PurePosixPath(path)
        if page.parts[0] == "documents" and page.suffix == ".html":
            yield f"{page.stem}.pdf", pdf_of(content, chromium=chromium, moment=moment)


def pdf_of(page: bytes, *, chromium: Path, moment: dt.datetime) -> bytes:
    """Print one page, tagged for screen readers and with an outline, as if at a moment.

    The same page, moment and browser give the same bytes: the moment of printing is all that would differ.

    Raises
    ------
    SettingsError
        If the browser does not print it.
    """
    with tempfile.TemporaryDirectory(prefix="creditnet-pdf-", ignore_cleanup_errors=True) as scratch:
        source, target = Path(scratch) / "page.html", Path(scratch) / "page.pdf"
        source.write_bytes(page)
        command = [*command_of(chromium, Path(scratch) / "profile"), _ALONE, *_FORM]
        try:
            run = subprocess.run(
                [*command, f"--print-to-pdf={target}", source.as_uri()],
                check=False,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
            )
            told = run.stderr.strip().splitlines()[-1:]
        except (OSError, subprocess.TimeoutExpired) as error:
            told = [str(error)]
        content = target.read_bytes() if target.is_file() else b""
    if not content.startswith(b"%PDF-"):
        raise SettingsError(
            "The browser did not print.",
            expected="a PDF",
            found=" ".join(told)[:300] or "nothing",
            way_out=f"try {chromium} by hand, or name another program in CREDITNET_CHROMIUM",
        )
    stamp = moment.astimezone(dt.UTC).strftime("%Y%m%d%H%M%S").encode()
    return _DATE.sub(rb"/\1 (D:" + stamp + b"+00'00')", content)
