"""Published scores against outcomes, as a page, as Markdown and as lines for a terminal."""

from __future__ import annotations

from monitoring import filters
from monitoring.documents import Form, rendered
from schemas.performance import OutcomesAnalysis
from schemas.results import Interval


def outcomes_html(content: OutcomesAnalysis) -> str:
    """Write the analysis as one self-contained page; equal findings give equal pages."""
    return _written(content, "html")


def outcomes_markdown(content: OutcomesAnalysis) -> str:
    """Write the analysis as Markdown; charts become sentences."""
    return _written(content, "markdown")


def outcomes_text(content: OutcomesAnalysis) -> str:
    """Write the analysis as lines for a terminal, without a character that a terminal would obey."""
    found = content.performance
    heading = f"{filters.prose(content.title)}, known at the end of {content.quarter}"
    if found.reason:
        return f"{heading}: not assessable, {filters.prose(found.reason)}\n"
    lines = [f"{heading}: {len(found.realised)} quarters realised, {len(found.awaited)} awaited"]
    lines += [f"  alarm        {filters.prose(alarm.sentence)}" for alarm in found.alarms]
    for one in found.realised:
        rate, auc, then = f"{one.overall.observed_rate.value:.1%}", _written_interval(one.auc), one.auc_at_validation
        lines.append(
            f"  {one.quarter} realised   {one.known:,} of {one.scored:,} outcomes, {rate} observed, "
            f"{one.overall.expected_rate:.1%} expected, AUC {auc} ({_written_interval(then)} at validation)"
        )
    for waits in found.awaited:
        lines.append(
            f"  {waits.quarter} estimate   {waits.estimate.firms:,} firms, AUC {_written_interval(waits.estimate.auc)} "
            f"if the probabilities are right; known from {waits.closes}"
        )
    lines += [f"  {quarter} left out   {filters.prose(reason)}" for quarter, reason in found.left_out.items()]
    return "\n".join(lines) + "\n"


def _written_interval(value: Interval) -> str:
    return str(filters.interval(value))


def _written(content: OutcomesAnalysis, form: Form) -> str:
    return rendered("outcome.j2", form, content=content, performance=content.performance)
