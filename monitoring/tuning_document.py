"""What a search found, as a page, as Markdown and as lines for a terminal."""

from __future__ import annotations

from monitoring import filters, tuning_charts
from monitoring.documents import Form, rendered
from schemas.tuning import TrialRecord, TrialState, Tuning

#: trials that the page lists; tune.json has them all
_LISTED = 200


def tuning_html(content: Tuning) -> str:
    """Write the search as one self-contained page; equal searches give equal pages."""
    return _written(content, "html")


def tuning_markdown(content: Tuning) -> str:
    """Write the search as Markdown; charts become sentences."""
    return _written(content, "markdown")


def tuning_text(content: Tuning) -> str:
    """Write what came of the search as lines for a terminal, without a character that a terminal would obey."""
    counts = ", ".join(f"{content.counted(state)} {state}" for state in TrialState)
    best = f"trial {content.best}, AUC {content.best_auc:.3f} on validation" if content.best is not None else "none"
    lines = [
        f"{filters.prose(content.title)}, {content.quarter}: study {content.study}",
        f"  in use    {content.current}, AUC {content.current_auc:.3f} on validation",
        f"  search    {counts}; best: {best}",
        f"  chosen    {content.chosen}: {content.reason}",
        f"  {filters.prose(content.snippet)}",
    ]
    return "\n".join(lines) + "\n"


def ranked_trials(trials: tuple[TrialRecord, ...]) -> list[TrialRecord]:
    """Put the best first; those that were given up or failed come after those measured to their end."""
    order = list(TrialState)
    return sorted(trials, key=lambda one: (order.index(one.state), -(one.auc or 0.0), one.number))[:_LISTED]


def _written(content: Tuning, form: Form) -> str:
    return rendered(
        "tuning.j2",
        form,
        content=content,
        tuning_charts=tuning_charts,
        measured=[trial for trial in content.trials if trial.auc is not None],
        slices=tuning_charts.slices(content.trials, content.importances),
        ranked_trials=ranked_trials(content.trials),
    )
