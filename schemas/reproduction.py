"""Making a published refresh again, and holding a home against what was recorded of it."""

from __future__ import annotations

from typing import Literal

from schemas.base import Frozen
from schemas.portfolio import PortfolioSpec
from schemas.promotions import AuditReport
from schemas.references import DeliveryRef, RefreshKey
from schemas.terms import Quarter


class Provenance(Frozen):
    """What a refresh was made from: with it and the stored delivery it can be made again.

    Attributes
    ----------
    code
        SHA-256 of each source file and of the lock, by path.
    packages
        Version of each installed distribution, by normalised name.
    environment
        What a fit's bits depend on besides data, code and packages.
    """

    key: RefreshKey
    portfolio: PortfolioSpec
    delivery: DeliveryRef
    code: dict[str, str]
    packages: dict[str, str]
    environment: dict[str, str]


class Comparison(Frozen):
    """One thing that was recorded, beside what came out now; equal is the same to the byte.

    `same` is None where there is nothing to compare with, for the reason given.
    """

    stage: str
    subject: str
    recorded: str
    found: str
    same: bool | None
    reason: str = ""


class Reproduction(Frozen):
    """What making a refresh again came to.

    `compared` follows the order of the refresh, so that its first difference is where the two part. `remarks` are
    differences of packages and machine, which explain but do not decide.
    """

    portfolio: str
    quarter: Quarter
    version: str
    refresh: str
    outcome: Literal["same", "different"]
    compared: tuple[Comparison, ...]
    remarks: tuple[str, ...] = ()

    @property
    def first_difference(self) -> Comparison | None:
        """Return where recorded and rebuilt refresh part, or None."""
        return next((one for one in self.compared if one.same is False), None)


class Damage(Frozen):
    """Something of a home that is not what was recorded, and where it is."""

    where: str
    problem: str


class VerifyReport(Frozen):
    """What holding a home against its records covered and found.

    Attributes
    ----------
    pruned
        Refreshes of which retention has left the manifest alone; that one was checked.
    files
        Files whose bytes were read and compared, the registry's copies included.
    unrecorded
        Files of the lake that nothing in the catalogue names, such as what a killed run left behind.
    audit
        None if the audit log itself is among the damages.
    """

    refreshes: int
    pruned: int
    deliveries: int
    pages: int
    files: int
    damages: tuple[Damage, ...]
    unrecorded: tuple[str, ...]
    audit: AuditReport | None

    @property
    def whole(self) -> bool:
        """Tell whether everything is what was recorded."""
        return not self.damages
