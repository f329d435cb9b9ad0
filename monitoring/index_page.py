"""The index of a home: all portfolios and quarters on one page, with a search that runs without anything outside."""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

from monitoring.documents import rendered
from schemas.contents import HomeContents

#: Hides the rows that do not hold every word typed, their portfolio's name included. It reads text and sets `hidden`;
#: nothing is ever written as HTML.
SCRIPT = """
"use strict";
const box = document.getElementById("search");
const whose = row => row.closest("details").querySelector("summary").textContent;
const text = row => `${whose(row)} ${row.textContent}`.toLowerCase();
const rows = Array.from(document.querySelectorAll("tbody tr"), row => [row, text(row)]);
const told = document.getElementById("found");
function search() {
  const words = box.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const [row, text] of rows) {
    row.hidden = !words.every(word => text.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  told.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
}
box.addEventListener("input", search);
document.getElementById("searching").hidden = false;
search();
"""


def script_hash() -> str:
    """Return the source expression by which a content security policy admits the script and no other (CSP 3)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}"


def index_html(contents: HomeContents) -> str:
    """Write the index; equal contents give equal pages. Without scripts it is the same page less the search."""
    portfolios = sorted({one.portfolio for one in contents.refreshes} | {page.portfolio for page in contents.pages})
    return rendered(
        "index_page.j2",
        "html",
        contents=contents,
        portfolios=portfolios,
        script=Markup(SCRIPT),  # noqa: S704 - this file's own
        policy=Markup(script_hash()),  # noqa: S704 - digest of our own bytes
    )
