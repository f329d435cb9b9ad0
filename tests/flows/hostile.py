"""Rheintal with names that try to be obeyed, and how many of them were: `make bench-explain` and the suite count them.

Every text that a delivery or a portfolio file may hold freely carries one of `PAYLOADS`: ids and names of firms,
columns, categories, classes, titles, questions. What is planted can be told from what the documents have of their own,
since each live element would carry `data-planted`.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

from schemas.terms import Quarter
from tests.flows import rheintal
from tests.flows.browser import Browser

OUTSIDE = "http://outside.invalid/"
#: short, because documents cut long values; the first signs are the dangerous ones
PAYLOADS = (
    "<script data-planted>window.planted=(window.planted||0)+1</script>",
    f'<img data-planted src="{OUTSIDE}x" onerror="window.planted=1">',
    '"\' data-planted onmouseover="window.planted=1" x=\'',
    "</title></style></textarea><svg data-planted onload=window.planted=1>",
    f"<iframe data-planted src={OUTSIDE}f></iframe>",
    f"[click](javascript:window.planted=1) ![x]({OUTSIDE}m)",
    f'=HYPERLINK("{OUTSIDE}h","click")',
    "+cmd|' /C calc'!A0",
    "@SUM(A1:A9)",
    "-2+3",
    "\u202egnp.exe\u2066\u200f",
    "{{ 7 * 7 }}{% include 'style.css' %}",
    "x" * 4000,
)
#: marks that turn the reading direction; the documents show them by their code points
BIDI = re.compile("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
CANDIDATES = [
    {"name": "logistic", "kind": "logistic"},
    {"name": "graphsage", "kind": "graphsage", "hidden": 4, "epochs": 3, "patience": 2},
]
_LOOK = """(() => {
  const every = [...document.querySelectorAll('*')];
  const obeys = value => /^\\s*(javascript|vbscript|https?):/i.test(value);
  return {
    planted: document.querySelectorAll('[data-planted]').length + (window.planted || 0),
    handlers: every.filter(one => one.getAttributeNames().some(name => name.startsWith('on'))).length,
    links: every.filter(one => ['href', 'src', 'action'].some(name => obeys(one.getAttribute(name) || ''))).length,
    frames: document.querySelectorAll('iframe, frame, object, embed, form, base, applet, template').length,
    scripts: [...document.scripts].filter(one => one.type !== 'application/json').map(one => one.textContent),
    policy: document.querySelector('meta[http-equiv="Content-Security-Policy"]')?.content || '',
    text: document.documentElement.textContent
      + every.flatMap(one => one.getAttributeNames().map(name => one.getAttribute(name))).join('\\n'),
  };
})()"""


@dataclass(frozen=True)
class Obeyed:
    """What came alive in one document: live elements, formulas, links, turned reading directions; requests outside."""

    document: str
    live: int
    requests: int


def deliver(data_dir: Path) -> Path:
    """Write Rheintal's deliveries with the payloads in them and return the portfolio file."""
    portfolio = rheintal.deliver(data_dir)
    folder, content = data_dir / "rheintal", yaml.safe_load(portfolio.read_text(encoding="utf-8"))
    firms = {firm: f"{PAYLOADS[n % len(PAYLOADS)]}{n}" for n, firm in enumerate(rheintal.firm_ids()[1::7])}
    values = {"Bau": PAYLOADS[0], "Handel": PAYLOADS[6], "Stadt": PAYLOADS[1], "Land": PAYLOADS[10]}
    values |= {"ja": PAYLOADS[2], "nein": PAYLOADS[7]}
    columns = {"Branche": PAYLOADS[3], "Gebiet": PAYLOADS[10], "Eigenkapital": PAYLOADS[4], "Ausfall": PAYLOADS[6]}
    for path in sorted(folder.glob("*.csv")):
        rows = [_renamed(row, firms | values, columns) for row in rheintal.read_csv(path)]
        if path.name.startswith("kunden"):
            rows = [row | {"Firma": PAYLOADS[n % len(PAYLOADS)]} for n, row in enumerate(rows)]
            rows[-1][columns["Branche"]] = PAYLOADS[1]  # no such category: set aside, and quoted on the card
        rheintal.write_csv(path, rows)
    portfolio.write_text(yaml.safe_dump(_described(content, values, columns), allow_unicode=True), encoding="utf-8")
    return portfolio


def _renamed(row: rheintal.Row, values: dict[str, str], columns: dict[str, str]) -> rheintal.Row:
    return {columns.get(name, name): values.get(str(value), value) for name, value in row.items()}


def _described(content: dict[str, Any], values: dict[str, str], columns: dict[str, str]) -> dict[str, Any]:
    """Return the portfolio with the payloads wherever it may hold any text."""
    for table in ("firms", "filings"):
        content[table]["columns"] = [_column(one, values, columns) for one in content[table]["columns"]]
    content["filings"]["columns"][0]["unit"] = PAYLOADS[5]
    content["filings"]["rules"][0]["name"] = PAYLOADS[0]
    content["outcomes"]["value"] = columns["Ausfall"]
    classes = {"classes": [values["nein"], values["ja"]], "favourable": [values["nein"]], "label": PAYLOADS[3]}
    content["target"] |= classes
    content |= {
        "title": PAYLOADS[3],
        "purpose": PAYLOADS[1],
        "limitations": [PAYLOADS[5], PAYLOADS[11]],
        "questions": [{"question": PAYLOADS[0], "owner": PAYLOADS[10]}],
        "candidates": CANDIDATES,
        "retraining": {"cool_down_days": 0},
    }
    # Rows that are set aside are tolerated, so that the card quotes them.
    for table in (content["firms"], content["filings"], content["outcomes"], *content["relations"]):
        table["tolerance"] = 0.2
    return content


def _column(described: dict[str, Any], values: dict[str, str], columns: dict[str, str]) -> dict[str, Any]:
    renamed = {"column": columns.get(described["column"], described["column"])}
    if "values" in described:
        renamed["values"] = [values.get(one, one) for one in described["values"]]
    if "reference" in described:
        renamed["reference"] = values[described["reference"]]
    return described | renamed


def publish(portfolio: Path, data_dir: Path) -> None:
    """Have every kind of page about it written into the home of the settings, by the flows in this process."""
    from flows.drift_monitor import drift_monitor
    from flows.outcomes_analysis import outcomes_analysis
    from flows.quarterly_refresh import quarterly_refresh
    from flows.split_audit import split_audit
    from tasks.diffing import published_diff
    from tasks.explaining import written_explanation
    from tasks.portfolios import load_portfolio
    from tasks.split_auditing import written_audit

    quarterly_refresh(str(portfolio), "2024Q2", str(data_dir))
    drift_monitor(str(portfolio), "2024Q3", str(data_dir))  # it alarms, and has the quarter refreshed
    published_diff(load_portfolio(str(portfolio)), Quarter(2024, 2), Quarter(2024, 3))
    written_explanation("rheintal", f"{PAYLOADS[0]}0", None)
    outcomes_analysis(str(portfolio), "2024Q3", str(data_dir))
    written_audit(split_audit(str(portfolio), "2024Q3", str(data_dir)))


def html_obeyed(browser: Browser, page: Path) -> Obeyed:
    """Open a page without its own content security policy and count what is alive in it and whom it asked.

    The policy is a second line: what only it stops would be alive wherever a page is embedded without it.
    """
    browser.ask("Network.enable")
    browser.ask("Page.setBypassCSP", enabled=True)
    browser.load(page.as_uri())
    browser.run("new Promise(done => setTimeout(done, 50))")
    found = browser.run(_LOOK)
    scripts = sum(f"'{_script_source(text)}'" not in found["policy"] for text in found["scripts"])
    live = sum(found[name] for name in ("planted", "handlers", "links", "frames"))
    asked = [url for url in browser.requests if not url.startswith(("data:", "about:", "blob:", page.as_uri()))]
    return Obeyed(page.name, live + scripts + len(BIDI.findall(found["text"])), len(asked))


def workbook_obeyed(workbook: Path) -> Obeyed:
    """Count what a workbook would compute, open, run or turn: formulas, links, other parts than sheets and styles."""
    live = requests = 0
    with zipfile.ZipFile(io.BytesIO(workbook.read_bytes())) as archive:
        for name in archive.namelist():
            live += not re.fullmatch(
                r"\[Content_Types\]\.xml|_rels/\.rels|xl/(_rels/workbook\.xml\.rels|workbook\.xml|styles\.xml|worksheets/sheet\d+\.xml)",
                name,
            )
            for element in ElementTree.fromstring(archive.read(name)).iter():
                kind = element.tag.rpartition("}")[2]
                live += kind in {"f", "hyperlink", "oleObject", "definedName", "externalReference", "ddeLink"}
                live += len(BIDI.findall(element.text or ""))
                requests += element.get("TargetMode") == "External"
    return Obeyed(workbook.name, live, requests)


def all_obeyed(browser: Browser, home: Path) -> list[Obeyed]:
    """Count in every page and workbook of a home."""
    every = sorted(path for path in home.rglob("*") if path.suffix in (".html", ".xlsx") and _is_written(path, home))
    return [html_obeyed(browser, one) if one.suffix == ".html" else workbook_obeyed(one) for one in every]


def total(found: Iterable[Obeyed]) -> tuple[int, int]:
    """Return how many elements were alive and how many requests were made, in all."""
    every = list(found)
    return sum(one.live for one in every), sum(one.requests for one in every)


def _is_written(path: Path, home: Path) -> bool:
    # The registry's copies are the same files.
    return path.relative_to(home).parts[0] in ("lake", "index.html")


def _script_source(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
