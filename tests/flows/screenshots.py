"""The pictures of docs/images, taken of a served home in headless Chromium: `make screenshots`.

Chromium is driven over its own protocol, because an approval form opens with a click.
"""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path

import yaml

from tests.flows import drifting, served
from tests.flows.browser import HEIGHT, WIDTH, Browser, chromium
from tests.flows.retraining_proof import Prefect, up
from tests.flows.rheintal import PORTFOLIO

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def picture(browser: Browser, path: Path, height: int = HEIGHT) -> None:
    """Take a picture of the upper part of the page."""
    browser.sized(WIDTH, height)
    browser.run("new Promise(done => setTimeout(done, 1500))")
    taken = browser.ask("Page.captureScreenshot", format="png")["data"]
    path.write_bytes(base64.b64decode(taken))
    print(path)


def take(folder: Path, images: Path) -> None:
    """Serve a small bank in a scratch folder, let a feature drift, and put the pictures among the images."""
    rheintal = yaml.safe_load(PORTFOLIO.read_text(encoding="utf-8"))
    whole = {name: rheintal[name] for name in ("candidates", "graph")}
    portfolio = drifting.deliver(folder / "data", **whole)
    with up(folder / "home", portfolio, folder / "data") as prefect, chromium(sys.exit) as browser:
        prefect.run("quarterly_refresh", quarter=drifting.FIRST)
        asked = served.until(lambda: _suspended(prefect), 300, "the question for an approval")
        drifting.deliver_quarter(folder / "data", "2024Q3", "nothing")
        drifting.deliver_quarter(folder / "data", "2024Q4", "feature")
        prefect.run("drift_monitor")
        run = prefect.until_ended(lambda: next(iter(prefect.by_automation("quarterly_refresh")), None), "refresh")

        photograph(browser, prefect, folder / "home", images, run=run["id"], asked=asked)


def photograph(browser: Browser, prefect: Prefect, home: Path, images: Path, *, run: str, asked: str) -> None:
    """Take the pictures of a served home: of a refresh by drift, its gates, a question for approval, two documents."""
    browser.open(f"{prefect.url}/runs/flow-run/{run}", "by drift", "Logs")
    picture(browser, images / "prefect-run.png")
    gates = prefect.ask("artifacts/latest/filter", {"artifacts": {"key": {"any_": ["rheintal-gates"]}}})[0]
    browser.open(f"{prefect.url}/artifacts/artifact/{gates['latest_id']}", "calibration")
    picture(browser, images / "prefect-artifact.png")
    browser.open(f"{prefect.url}/runs/flow-run/{asked}", "Suspended")
    browser.click("Resume")
    browser.wait_for("Your name")
    picture(browser, images / "prefect-approval.png")
    [documents] = (home / "lake/rheintal/2024Q4").glob("*/documents")
    browser.open((documents / "monitoring_report.html").as_uri(), "Audit log head")
    picture(browser, images / "monitoring-report.png", 1500)
    browser.open((documents / "model_card.html").as_uri(), "Audit log head")
    picture(browser, images / "model-card.png", 1500)
    browser.open((documents / "graph.html").as_uri(), "ingerprint")
    picture(browser, images / "graph-page.png", 1500)


def _suspended(prefect: Prefect) -> str | None:
    runs = [run for run in prefect.by_automation("promotion") if run["state"]["name"] == "Suspended"]
    return runs[0]["id"] if runs else None


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        take(Path(scratch), IMAGES)
