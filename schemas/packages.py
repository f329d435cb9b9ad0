"""Software that a result rests on: one installed distribution; what a packed or printed version came to."""

from __future__ import annotations

from schemas.base import Frozen


class LicenceText(Frozen):
    """A licence or notice that a distribution ships, by its path within the distribution."""

    path: str
    text: str


class Distribution(Frozen):
    """A distribution of third-party software.

    Attributes
    ----------
    name
        Normalised (PEP 503).
    licence
        As its metadata states it, or "not stated".
    licence_source
        The field of the metadata that says so: License-Expression (an SPDX expression, PEP 639), Classifier, License.
    requires
        Normalised names of the distributions it needs here.
    """

    name: str
    version: str
    licence: str
    licence_source: str
    requires: tuple[str, ...] = ()
    texts: tuple[LicenceText, ...] = ()


class Package(Frozen):
    """A packed version: one archive with everything a validator needs.

    Attributes
    ----------
    sha256
        Of the archive.
    signed_by
        SHA-256 of the public key (DER) whose private half signed it; None if it is unsigned.
    """

    portfolio: str
    version: str
    refresh: str
    file: str
    sha256: str
    files: int
    bytes: int
    signed_by: str | None


class Printed(Frozen):
    """The PDFs of a version's documents."""

    portfolio: str
    version: str
    refresh: str
    files: tuple[str, ...]
