"""The drift of a delivery that nothing has been fitted on yet, as a page, as Markdown and as lines for a terminal."""

from __future__ import annotations

from monitoring import filters
from monitoring.documents import Form, rendered
from schemas.retraining import DeliveryDrift


def drift_html(content: DeliveryDrift) -> str:
    """Write the drift as one self-contained page; equal findings give equal pages."""
    return _written(content, "html")


def drift_markdown(content: DeliveryDrift) -> str:
    """Write the drift as Markdown."""
    return _written(content, "markdown")


def drift_text(content: DeliveryDrift) -> str:
    """Write the drift as lines for a terminal, without a character that a terminal would obey."""
    found = content.monitoring
    heading = f"{filters.prose(content.title)}, {content.quarter}"
    if found.expected_quarter is None:
        return f"{heading}: nothing has been published to compare it with\n"
    count = f"{len(found.alarms)} alarm{'' if len(found.alarms) == 1 else 's'}"
    lines = [f"{heading} against {found.expected_quarter}: {count} in {len(found.readings)} readings"]
    lines += [f"  {alarm.kind:<12} {filters.shortened(filters.inert(alarm.sentence), 160)}" for alarm in found.alarms]
    return "\n".join(lines) + "\n"


def _written(content: DeliveryDrift, form: Form) -> str:
    return rendered("drift.j2", form, content=content, found=content.monitoring)
