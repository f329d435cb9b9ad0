"""The pictures of docs/images, taken of a served home in headless Chromium: `make screenshots`.

Chromium is driven over its own protocol, because an approval form opens with a click.
"""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any
from urllib.request import urlopen

import yaml
from websockets.sync.client import ClientConnection, connect

from tests.flows import drifting, served
from tests.flows.retraining_proof import Prefect, up
from tests.flows.rheintal import PORTFOLIO

IMAGES = Path(__file__).parents[2] / "docs" / "images"
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")
WIDTH, HEIGHT = 1280, 860


class Browser:
    """One page of a browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._numbers = connection, itertools.count(1)

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command and wait for its answer; events between are dropped."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._connection.recv(timeout=60))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def run(self, script: str) -> Any:
        """Evaluate an expression on the page."""
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def open(self, url: str, *texts: str) -> None:
        """Go to a page and wait until every text is on it."""
        self.ask("Page.navigate", url=url)
        for text in texts:
            self.wait_for(text)

    def wait_for(self, text: str) -> None:
        """Wait until a text is on the page."""
        asked = f"document.body !== null && document.body.innerText.includes({json.dumps(text)})"
        try:
            served.until(lambda: self.run(asked), 60, f"{text!r} on the page")
        except AssertionError as error:
            raise AssertionError(f"{error}; there is: {self.run('document.body.innerText')}") from None

    def click(self, text: str) -> None:
        """Click the first button that says so."""
        script = f"""(() => {{ const found = [...document.querySelectorAll('button')]
            .find(one => one.innerText.trim() === {json.dumps(text)}); if (found) found.click(); return !!found }})()"""
        served.until(lambda: self.run(script), 30, f"the button {text!r}")

    def picture(self, path: Path, height: int = HEIGHT) -> None:
        """Take a picture of the upper part of the page."""
        self.ask("Emulation.setDeviceMetricsOverride", width=WIDTH, height=height, deviceScaleFactor=1, mobile=False)
        self.ask("Runtime.evaluate", expression="new Promise(done => setTimeout(done, 1500))", awaitPromise=True)
        taken = self.ask("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(taken))
        print(path)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser with an empty profile."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        sys.exit("screenshots need chromium (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory() as profile:
        command = [
            program,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--hide-scrollbars",
            *QUIET,
        ]
        command += ["--remote-debugging-port=0", f"--user-data-dir={profile}", f"--window-size={WIDTH},{HEIGHT}"]
        process = Popen([*command, "about:blank"], stdout=DEVNULL, stderr=DEVNULL)
        try:
            noted = Path(profile) / "DevToolsActivePort"
            port = served.until(lambda: noted.exists() and noted.read_text().split()[0], 60, "chromium")
            with urlopen(f"http://127.0.0.1:{port}/json") as answer:
                page = next(one for one in json.load(answer) if one["type"] == "page")
            with connect(page["webSocketDebuggerUrl"], max_size=None) as connection:
                yield Browser(connection)
        finally:
            process.terminate()
            process.wait(20)


def take(folder: Path, images: Path) -> None:
    """Serve a small bank in a scratch folder, let a feature drift, and put the pictures among the images."""
    rheintal = yaml.safe_load(PORTFOLIO.read_text(encoding="utf-8"))
    whole = {name: rheintal[name] for name in ("candidates", "graph")}
    portfolio = drifting.deliver(folder / "data", **whole)
    with up(folder / "home", portfolio, folder / "data") as prefect, chromium() as browser:
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
    browser.picture(images / "prefect-run.png")
    gates = prefect.ask("artifacts/latest/filter", {"artifacts": {"key": {"any_": ["rheintal-gates"]}}})[0]
    browser.open(f"{prefect.url}/artifacts/artifact/{gates['latest_id']}", "calibration")
    browser.picture(images / "prefect-artifact.png")
    browser.open(f"{prefect.url}/runs/flow-run/{asked}", "Suspended")
    browser.click("Resume")
    browser.wait_for("Your name")
    browser.picture(images / "prefect-approval.png")
    [documents] = (home / "lake/rheintal/2024Q4").glob("*/documents")
    browser.open((documents / "monitoring_report.html").as_uri(), "Audit log head")
    browser.picture(images / "monitoring-report.png", 1500)
    browser.open((documents / "model_card.html").as_uri(), "Audit log head")
    browser.picture(images / "model-card.png", 1500)
    browser.open((documents / "graph.html").as_uri(), "ingerprint")
    browser.picture(images / "graph-page.png", 1500)


def _suspended(prefect: Prefect) -> str | None:
    runs = [run for run in prefect.by_automation("promotion") if run["state"]["name"] == "Suspended"]
    return runs[0]["id"] if runs else None


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        take(Path(scratch), IMAGES)
