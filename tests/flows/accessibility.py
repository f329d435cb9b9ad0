"""What axe finds wrong with a page for people who do not see it, or not as its makers do (WCAG 2.1, levels A and AA).

axe-core is MPL-2.0. It is run by the tests and never shipped: `make axe` puts it beside the environment.
"""

from __future__ import annotations

from pathlib import Path

from tests.flows.browser import Browser

AXE = Path(__file__).parents[2] / ".axe" / "axe_playwright_python" / "axe.min.js"
_RUN = """axe.run(document, {runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']},
  resultTypes: ['violations']}).then(found => found.violations.map(one => ({rule: one.id, nodes: one.nodes.length,
  examples: one.nodes.slice(0, 3).map(node => `${node.target}: ${node.failureSummary}`)})))"""


def violations(browser: Browser, page: Path, *, width: int) -> list[dict[str, object]]:
    """Open a page at a width in CSS pixels and return the rules that it breaks, with examples."""
    browser.sized(width, 900)
    # The page's own policy admits no script, and axe is one.
    browser.ask("Page.setBypassCSP", enabled=True)
    browser.load(page.as_uri())
    browser.run(f"{AXE.read_text(encoding='utf-8')};undefined")
    return browser.run(_RUN)


def overflow(browser: Browser, page: Path, *, width: int, medium: str = "screen") -> int:
    """Return by how many CSS pixels a page is wider than a window or, as `print`, than the paper.

    A reader would have to scroll sideways; of paper the rest is cut off, tables that scroll on a screen too.
    """
    browser.sized(width, 900)
    browser.ask("Emulation.setEmulatedMedia", media=medium)
    browser.load(page.as_uri())
    wide = browser.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    browser.ask("Emulation.setEmulatedMedia", media="")
    return wide
