"""Four eyes: how many people must still approve."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.people import SYSTEM, person


def approvals_missing(requested_by: str, approvers: Iterable[str]) -> int:
    """Return how many more people must approve: four eyes, those of whoever asked among them if it was a person.

    The requester's own approval does not count, and one person counts once however the name is spelt.
    """
    different = {person(name) for name in approvers} - {person(requested_by)}
    return max(0, (2 if requested_by == SYSTEM else 1) - len(different))
