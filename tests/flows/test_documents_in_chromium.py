"""Documents as a browser has them: names that try to be obeyed are dead text, nobody is asked, everybody can read.

One home whose delivery and portfolio carry hostile names in every place serves all of it.
"""

from __future__ import annotations

import os
import zipfile

import pytest

from tests.flows import accessibility, hostile
from tests.flows.browser import chromium

DESK, PHONE = 1280, 390
#: an A4 sheet within its margins, at 96 pixels an inch
PAPER = 695

pytestmark = [pytest.mark.flow, pytest.mark.browser]


missing = pytest.fail if os.environ.get("CREDITNET_CI") else pytest.skip


@pytest.fixture(scope="module")
def browser():
    with chromium(missing) as one:
        yield one


@pytest.fixture
def axe():
    if not accessibility.AXE.is_file():
        missing("needs axe-core (`make axe`)")


@pytest.fixture(scope="module")
def hostile_home(make_home, browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    home = make_home(folder / "home")
    home.call(hostile.publish, hostile.deliver(folder / "data"), folder / "data")
    return home.path


def test_nothing_of_a_hostile_name_is_alive_in_any_document(hostile_home, browser):
    found = hostile.all_obeyed(browser, hostile_home)
    names = {one.document for one in found}
    assert names >= {"index.html", "model_card.html", "monitoring_report.html", "graph.html", "embeddings.html"}
    assert names >= {"drift.html", "diff.html", "audit.html", "outcome.html", "explanation.html"}
    assert names >= {"fair_lending.html", "score_movers.html", "validation_workbook.xlsx"}
    assert [one for one in found if one.live or one.requests] == []
    assert hostile.total(found) == (0, 0)


def test_they_are_shown_where_they_were_planted(hostile_home):
    cards = "".join(path.read_text() for path in (hostile_home / "lake").rglob("model_card.html"))
    for shown in ("&lt;script data-planted&gt;", "&lt;img data-planted", "=HYPERLINK(", "⟨U+202E⟩gnp.exe⟨U+2066⟩"):
        assert shown in cards
    assert "{{ 7 * 7 }}" in cards


@pytest.fixture(scope="module")
def pages(hostile_home):
    """Return one page of each kind, the newest."""
    every = [*sorted((hostile_home / "lake").rglob("*.html")), hostile_home / "index.html"]
    return {page.name: page for page in every}


def test_nobody_is_kept_from_reading_any_document(pages, browser, axe):
    assert len(pages) > 9
    found = {name: accessibility.violations(browser, page, width=DESK) for name, page in pages.items()}
    assert {name: broken for name, broken in found.items() if broken} == {}


def test_no_document_is_wider_than_a_phone_or_a_sheet_of_paper(pages, browser):
    wide = {
        (name, medium): found
        for name, page in pages.items()
        for medium, width in (("screen", PHONE), ("print", PAPER))
        if (found := accessibility.overflow(browser, page, width=width, medium=medium))
    }
    assert wide == {}


def test_what_keeps_people_from_reading_is_found(browser, axe, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<!DOCTYPE html><title>x</title><img src='data:,'><p style='color:#bbb;width:900px'>pale")
    rules = {one["rule"] for one in accessibility.violations(browser, page, width=DESK)}
    assert rules == {"html-has-lang", "image-alt", "color-contrast"}
    assert accessibility.overflow(browser, page, width=PHONE) > 400


def test_what_is_alive_is_found(browser, tmp_path):
    """The count itself: each payload that is HTML is alive once, or more, in a page that does not escape it."""
    for number, payload in enumerate(hostile.PAYLOADS[:5]):
        page = tmp_path / f"{number}.html"
        page.write_text(f"<!DOCTYPE html><meta charset=utf-8><p title='{payload}'>{payload}</p>")
        assert hostile.html_obeyed(browser, page).live > 0, payload
    page.write_text(f"<!DOCTYPE html><p>\u202eabc</p>{hostile.PAYLOADS[1]}<script>fetch('{hostile.OUTSIDE}')</script>")
    found = hostile.html_obeyed(browser, page)
    assert (found.live > 3, found.requests) == (True, 2)
    book = tmp_path / "book.xlsx"
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", "<c><f>1+1</f><t>\u202e</t></c>")
        archive.writestr("xl/externalLinks/link1.xml", '<Relationship TargetMode="External"/>')
    assert hostile.workbook_obeyed(book) == hostile.Obeyed("book.xlsx", 3, 1)
