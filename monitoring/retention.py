"""Which published refreshes may go: a rule, and what it never touches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from schemas.housekeeping import RetainedRefresh
from schemas.terms import Judgement


def reasons_to_keep(refreshes: Sequence[RetainedRefresh], keep: int, needed: Mapping[str, str]) -> dict[str, str]:
    """Return each refresh of one portfolio that must stay, with the reason.

    Parameters
    ----------
    refreshes
        All published refreshes of the portfolio whose files are there.
    keep
        How many of the newest quarters stay, each with the refresh that was published last.
    needed
        What people need, by refresh: a champion, an open proposal, the challenger.

    Returns
    -------
    dict
        By refresh. What is needed by nothing is not in it: older versions of a quarter, older quarters.
    """
    reasons: dict[str, str] = {}
    newest_first = sorted(refreshes, key=lambda one: (one.quarter, one.sequence), reverse=True)
    quarters = list(dict.fromkeys(one.quarter for one in newest_first))
    for quarter in quarters[:keep]:
        current = next(one for one in newest_first if one.quarter == quarter)
        reasons[current.refresh] = f"one of the newest {keep} quarters"
    reasons |= {key: f"open finding: {gate}" for key, gate in _open_findings(refreshes)}
    known = {one.refresh for one in refreshes}
    return reasons | {key: reason for key, reason in needed.items() if key in known}


def _open_findings(refreshes: Iterable[RetainedRefresh]) -> list[tuple[str, str]]:
    """Return (refresh, gate) of each gate that failed and that no refresh published later has passed."""
    in_order = sorted(refreshes, key=lambda one: one.sequence)
    findings: dict[str, str] = {}
    for one in in_order:
        for result in one.gates:
            if result.verdict is Judgement.FAIL:
                findings[result.gate] = one.refresh  # the newest failure is the evidence
            elif result.verdict is Judgement.PASS:
                findings.pop(result.gate, None)
    return [(refresh, gate) for gate, refresh in findings.items()]
