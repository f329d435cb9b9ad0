"""The index lists what a home holds, runs one pinned script and obeys nothing that was delivered."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
import shutil
import subprocess

import pytest

from monitoring.index_page import SCRIPT, index_html
from schemas.contents import HomeContents, Link, ListedPages, ListedRefresh
from schemas.terms import Quarter

EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u202e'


def contents(text: str = "logistic") -> HomeContents:
    refreshes = [
        ListedRefresh(
            portfolio=portfolio, quarter=quarter, version="3", refresh="4d" * 32, verdict="passed", chosen=text,
            graph_helped="no", failed_gates=0, aliases=("@champion",),
            published_at=dt.datetime(2025, 1, 4, tzinfo=dt.UTC),
            documents=(Link(title=text, path="lake/a/documents/model_card.html"),) if quarter.number == 4 else (),
        )
        for portfolio in ("simulated", "meridian")
        for quarter in (Quarter(2024, 4), Quarter(2024, 3))
    ]  # fmt: skip
    page = ListedPages(portfolio="meridian", kind="diff", name=text, documents=())
    return HomeContents(refreshes=tuple(refreshes), pages=(page,))


def test_only_the_search_may_run_and_its_hash_is_in_the_policy():
    html = index_html(contents())
    [policy] = re.findall('http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    [script] = re.findall("<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert script == SCRIPT
    assert not re.search("innerHTML|eval|document.write|fetch|http", SCRIPT)


def test_hostile_text_is_shown_and_not_obeyed():
    html = index_html(contents(EVIL))
    assert html.count("<script>") == 1
    assert "<img" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_portfolios_and_quarters_are_listed_with_their_documents():
    html = index_html(contents())
    assert re.findall("<summary>(.*?)</summary>", html) == ["meridian", "simulated"]
    assert html.count('href="lake/a/documents/model_card.html"') == 2
    assert html.count("<td>pruned</td>") == 2
    assert "4 published refreshes of 2 portfolios" in html
    assert index_html(contents()) == html


def test_an_empty_home_says_so():
    assert "Nothing has been published." in index_html(HomeContents(refreshes=(), pages=()))


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_the_search_hides_the_rows_without_the_words(tmp_path):
    page = tmp_path / "index.html"
    # As if somebody typed: the script reads the box once when it starts.
    page.write_text(index_html(contents()).replace('type="search"', 'type="search" value="MERIDIAN 2024q3"'))
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"]
    shown = subprocess.run([*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=60).stdout
    rows = re.findall('<tr( hidden="")?><th scope="row">(.*?)</th>', shown)
    assert "1 of 5 rows" in shown
    assert [quarter for hidden, quarter in rows if not hidden] == ["2024Q3"]
    assert shown.index(">2024Q3<") < shown.index(">simulated<"), "that of meridian, which comes first"
