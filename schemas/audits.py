"""What an audit of a portfolio's splits found."""

from __future__ import annotations

from schemas.base import Frozen
from schemas.results import AuditFinding, Interval, OriginResult, SampleSummary
from schemas.terms import Quarter, Sample, Scheme


class SplitMeasure(Frozen):
    """A fixed cheap model under one way of splitting the same firm-quarters.

    Random rows, single firms and whole communities are held out in `folds`, each once, and the AUC is the
    mean over them; the published test and the newest vintage are one hold-out. `gap` is the AUC under random
    rows minus that under this scheme: what a random split would have flattered by. `reason` says why a scheme
    could not be measured.
    """

    scheme: Scheme
    sample: Sample
    folds: int = 0
    #: firm-quarters fitted on, the mean over folds
    fitted: int = 0
    tested: int = 0
    auc: Interval = Interval(value=None)
    gap: Interval = Interval(value=None)
    #: share of the test rows' edges that lead to rows that were learnt from
    crossing_edges: float | None = None
    #: share of the test rows with nearly the partners of a row that was learnt from
    near_duplicates: float | None = None
    reason: str = ""


class SplitAudit(Frozen):
    """All of it: the samples, the gaps between splits, rolling origins, and findings beyond their limits first."""

    portfolio: str
    title: str
    quarter: Quarter
    #: fingerprint of the quarter's graph
    fingerprint: str
    #: key of the published refresh that was audited; None if the split was made for the audit alone
    refresh: str | None
    samples: tuple[SampleSummary, ...]
    missing: dict[str, str]
    measures: tuple[SplitMeasure, ...]
    origins: tuple[OriginResult, ...]
    findings: tuple[AuditFinding, ...]

    @property
    def beyond(self) -> int:
        """Number of findings beyond their limit."""
        return sum(finding.beyond for finding in self.findings)
