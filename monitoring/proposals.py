"""Whether a challenger may be proposed as champion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from monitoring.gates import gate
from schemas.promotions import GateKind, ProposalCheck
from schemas.results import GateResult
from schemas.terms import Judgement

DOCUMENTS_GATE = "documents complete"

#: How the names of the gates of each kind begin. A proposal needs a word on every kind: one that was never asked
#: (a refresh of an older version of the code, say) is not one that passed.
KINDS: Mapping[str, str] = {
    "expectations": "expectations",
    "discrimination": "discrimination",
    "calibration": "calibration",
    "stability": "stability",
    "leakage": "leakage",
    "fairness": "fairness",
    "feature drift": "feature drift",
    "graph drift": "graph drift",
    "documents": DOCUMENTS_GATE,
}
#: Kinds that must have been assessed and passed: without them nothing at all is known of the model.
_MUST_PASS = ("discrimination", "documents")


def documents_gate(written: Mapping[str, int], expected: Iterable[str]) -> GateResult:
    """Count the documents that are missing or empty; none may be.

    Parameters
    ----------
    written
        Name of each document and its size in bytes.
    expected
        The names that a validator will ask for.
    """
    missing = sorted(name for name in expected if not written.get(name))
    reason = f"missing or empty: {', '.join(missing)}" if missing else f"{len(written)} documents"
    return gate(DOCUMENTS_GATE, float(len(missing)), 0.0, "at most", reason)


def proposal_check(gates: Iterable[GateResult]) -> ProposalCheck:
    """Say whether a challenger with these gates may be proposed, failing closed.

    Every kind of gate must be there and none may fail; discrimination and documents must have passed. Others that
    could not be assessed stand as open points.
    """
    results = list(gates)
    kinds = [_worst(kind, [r for r in results if r.gate.startswith(start)]) for kind, start in KINDS.items()]
    obstacles = [f"gate failed: {r.gate}" for r in results if r.verdict is Judgement.FAIL]
    obstacles += [
        f"{kind.kind}: {kind.reason or 'not assessable'}"
        for kind in kinds
        if kind.verdict is Judgement.NOT_ASSESSABLE
        and (kind.kind in _MUST_PASS or not any(r.gate.startswith(KINDS[kind.kind]) for r in results))
    ]
    open_points = [f"{r.gate}: {r.reason}" for r in results if r.verdict is Judgement.NOT_ASSESSABLE]
    return ProposalCheck(kinds=tuple(kinds), obstacles=tuple(obstacles), open_points=tuple(open_points))


def _worst(kind: str, results: list[GateResult]) -> GateKind:
    if not results:
        return GateKind(kind=kind, verdict=Judgement.NOT_ASSESSABLE, reason="there is no such gate in the judgement")
    order = (Judgement.FAIL, Judgement.PASS, Judgement.NOT_ASSESSABLE)
    verdict = next(v for v in order if any(r.verdict is v for r in results))
    return GateKind(
        kind=kind, verdict=verdict, reason="; ".join(r.reason for r in results if r.verdict is verdict and r.reason)
    )
