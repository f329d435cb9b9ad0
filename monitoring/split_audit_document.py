"""The audit of a quarter's splits, as a page, as Markdown and as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from monitoring import filters
from monitoring.documents import Form, rendered
from schemas.audits import SplitAudit, SplitMeasure
from schemas.results import AuditFinding, OriginResult
from schemas.terms import Scheme

#: what each scheme holds out, in the words of the reader
HELD_OUT = {
    Scheme.RANDOM: "random rows",
    Scheme.PUBLISHED: "the published test",
    Scheme.ENTITY: "single firms",
    Scheme.COMMUNITY: "whole communities",
    Scheme.TEMPORAL: "the newest vintage",
}
_MEASURES = ("held out", "fitted on", "tested on", "AUC", "random minus it", "crossing edges", "near-duplicates")
_ORIGINS = ("origin", "learnt from", "fitted on", "tested on", "AUC")
_FINDINGS = ("check", "subject", "value", "limit", "")


def split_audit_html(content: SplitAudit) -> str:
    """Write the audit as one self-contained page; equal audits give equal pages."""
    return _written(content, "html")


def split_audit_markdown(content: SplitAudit) -> str:
    """Write the audit as Markdown."""
    return _written(content, "markdown")


def split_audit_text(content: SplitAudit) -> str:
    """Write the audit as lines for a terminal, without a character that a terminal would obey."""
    made = f"of the published refresh {content.refresh[:12]}" if content.refresh else "of a split made for this alone"
    missing = [f"  no {measure.sample}: {measure.reason}" for measure in content.measures if not measure.tested]
    lines = [
        f"{filters.prose(content.title)}, {content.quarter}: audit {made}",
        "",
        "A fixed cheap model, split in different ways",
        *_table(_MEASURES, [_measure_cells(measure) for measure in content.measures if measure.tested], text_columns=1),
        *missing,
        "",
        "The same model at earlier dates, each time with what was known then",
        *(_table(_ORIGINS, [_origin_cells(origin) for origin in content.origins], text_columns=2)),
        *([] if content.origins else ["  not assessable: the data has one closed vintage"]),
        "",
        f"Findings, {content.beyond} of {len(content.findings)} beyond their limit",
        *_table(_FINDINGS, [_finding_cells(finding) for finding in content.findings], text_columns=2),
    ]
    return "\n".join(lines) + "\n"


def _measure_cells(measure: SplitMeasure) -> list[str]:
    gap = "" if measure.scheme is Scheme.RANDOM else str(filters.gain(measure.gap))
    return [
        HELD_OUT[measure.scheme],
        f"{measure.fitted:,}",
        f"{measure.tested:,}",
        str(filters.interval(measure.auc)),
        gap,
        str(filters.percent(measure.crossing_edges)),
        str(filters.percent(measure.near_duplicates)),
    ]


def _origin_cells(origin: OriginResult) -> list[str]:
    learnt = origin.learnt_from
    span = f"{learnt[0]} to {learnt[-1]}" if len(learnt) > 1 else str(learnt[0])
    return [
        str(origin.origin),
        span,
        f"{origin.fitted:,}",
        f"{origin.tested:,}",
        str(filters.interval(origin.auc)),
    ]


def _finding_cells(finding: AuditFinding) -> list[str]:
    subject = filters.shortened(filters.inert(finding.subject), 50)
    mark = "beyond" if finding.beyond else "within"
    return [finding.check, subject, f"{finding.value:.3f}", f"{finding.limit:g}", mark]


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int) -> Iterable[str]:
    """Yield lines of columns as wide as they need be: text to the left, numbers to the right."""
    if not rows:
        return
    widths = [max(len(cell) for cell in column) for column in zip(names, *rows, strict=True)]
    for row in (names, *rows):
        cells = [
            f"{cell:<{width}}" if number < text_columns else f"{cell:>{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield ("  " + "  ".join(cells)).rstrip()


def _written(content: SplitAudit, form: Form) -> str:
    return rendered("split_audit.j2", form, content=content, held_out=HELD_OUT)
