"""Checking the audit log against everything that remembers a head of it."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from schemas.promotions import AuditEntry, AuditReport
from schemas.results import Manifest
from tasks.catalogue import open_catalogue
from tasks.lake import MANIFEST
from tasks.settings import settings


def verify_audit(heads: tuple[str, ...] = (), *, registry: bool = True) -> AuditReport:
    """Check the audit log.

    Found are: every edited, removed, moved or inserted row (each carries the hash of the one before it); rows cut
    off the end up to the newest head that a manifest in the lake, the registry or `heads` remembers; rows cut off
    after it that recorded a publication, pruning, proposal, vote or decision, since the tables still hold it.

    Not found is a log whose newest rows since the last of these heads were cut off together with what they recorded
    in the tables, and one that was written anew together with the tables, all manifests and the registry: a head
    that is kept elsewhere (on a printed card, in a mail) and given as `heads` finds these too.

    Parameters
    ----------
    heads
        Heads that somebody noted, such as the one on a printed card.
    registry
        Whether to ask the model registry as well, which takes some seconds.

    Raises
    ------
    IntegrityError
        For the first thing that does not fit.
    """
    chosen = settings()
    catalogue = open_catalogue(chosen.database_url)
    witnesses = dict.fromkeys(heads, "given by hand") | _manifest_heads(chosen.home)
    if registry:
        from tasks.registry import noted_heads

        portfolios = {published.refresh.portfolio for published in catalogue.published_versions()}
        witnesses = noted_heads(sorted(portfolios)) | witnesses
    return catalogue.verified_audit(witnesses)


def audit_entries(last: int | None) -> list[AuditEntry]:
    """Return the newest rows of the audit log, oldest first."""
    return open_catalogue(settings().database_url).audit_entries(last)


def _manifest_heads(home: Path) -> dict[str, str]:
    """Read the head in every manifest of the lake, whether or not the catalogue still names it."""
    heads: dict[str, str] = {}
    for path in sorted((home / "lake").glob(f"*/*/*/{MANIFEST}")):
        try:
            head = Manifest.model_validate_json(path.read_bytes()).audit_head
        except (OSError, ValidationError):
            continue  # a damaged manifest is found when the folder is read; here it can vouch for nothing
        if head is not None:
            heads.setdefault(head, path.parent.relative_to(home).as_posix())
    return heads
