"""The first page of the reports site: every published refresh with its documents, the newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitoring.documents import template_environment
from schemas.housekeeping import RefreshSummary


def site_index_html(
    refreshes: Sequence[RefreshSummary], pages: Mapping[str, Sequence[str]], others: Sequence[str]
) -> str:
    """Write the index as one page without scripts.

    Parameters
    ----------
    refreshes
        All of them, in the order they were started.
    pages
        File names of the documents by the folder of their refresh, which is below ``lake/``.
    others
        Paths below the lake of pages that belong to no single refresh: differences, audits, drift, searches.
    """
    published = [one for one in reversed(refreshes) if one.folder in pages]
    return (
        template_environment("html")
        .get_template("site_index.j2")
        .render(refreshes=published, pages=pages, others=others)
    )
