"""What a home holds that people read, for its index page."""

from __future__ import annotations

import datetime as dt

from schemas.base import Frozen
from schemas.terms import Quarter


class Link(Frozen):
    """Something to open: what it is called and where it is, relative to the home."""

    title: str
    path: str


class ListedRefresh(Frozen):
    """A published refresh. `documents` is empty if its files were pruned."""

    portfolio: str
    quarter: Quarter
    version: str
    refresh: str
    verdict: str
    chosen: str
    graph_helped: str
    failed_gates: int
    aliases: tuple[str, ...]
    published_at: dt.datetime
    documents: tuple[Link, ...]


class ListedPages(Frozen):
    """Pages beside the refreshes: a difference between quarters, an audit of splits, drift, a search."""

    portfolio: str
    kind: str
    name: str
    documents: tuple[Link, ...]


class HomeContents(Frozen):
    """Everything that is listed, newest first within a portfolio."""

    refreshes: tuple[ListedRefresh, ...]
    pages: tuple[ListedPages, ...]
