"""The page that names the firms whose scores moved furthest; the monitoring report shows them by rank."""

from __future__ import annotations

from monitoring.documents import Dossier, Form, written

#: what its files are called; they stay where the tables of firms stay
MOVERS = "score_movers"


def score_movers_html(dossier: Dossier) -> str:
    """Write the page as one self-contained page."""
    return _page(dossier, "html")


def score_movers_markdown(dossier: Dossier) -> str:
    """Write the page as Markdown."""
    return _page(dossier, "markdown")


def _page(dossier: Dossier, form: Form) -> str:
    return written("score_movers.j2", dossier, form)
