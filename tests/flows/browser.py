"""Headless Chromium, driven over its own protocol: what a page shows, what is alive in it, whom it asks."""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

from tasks.chromium import command_of, found_chromium
from tasks.settings import settings
from tests.flows import served

WIDTH, HEIGHT = 1280, 860


class Browser:
    """One page of a browser. `requests` are the addresses that it asked for since `forget` was called."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._numbers = connection, itertools.count(1)
        self.requests: list[str] = []

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command and wait for its answer; of the events between only requests are noted."""
        number = next(self._numbers)
        self._connection.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._connection.recv(timeout=60))
            if answer.get("method") == "Network.requestWillBeSent":
                self.requests.append(answer["params"]["request"]["url"])
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def run(self, script: str) -> Any:
        """Evaluate an expression on the page, and wait for it if it is a promise."""
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def load(self, url: str) -> None:
        """Go to a page and wait until all of it is there; `requests` begin anew."""
        self.ask("Page.navigate", url="about:blank")
        self.requests.clear()
        self.ask("Page.navigate", url=url)
        here = f"location.href === {json.dumps(url)} && document.readyState === 'complete'"
        served.until(lambda: self.run(here), 60, url, every=0.02)

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

    def sized(self, width: int, height: int) -> None:
        """Give the page another size, in CSS pixels."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)


@contextmanager
def chromium(missing: Callable[[str], object]) -> Iterator[Browser]:
    """Start a browser with an empty profile; where there is none, `missing` is told and must not return."""
    program = found_chromium(settings())
    if program is None:
        missing("needs chromium (Debian: apt-get install chromium)")
        raise AssertionError("`missing` must end what needs a browser")
    # A browser that is ending may still write into its profile.
    profile = Path(tempfile.mkdtemp(prefix="creditnet-chromium-"))
    command = command_of(program, profile)
    command += ["--hide-scrollbars", "--remote-debugging-port=0", f"--window-size={WIDTH},{HEIGHT}", "about:blank"]
    process = Popen(command, stdout=DEVNULL, stderr=DEVNULL)
    try:
        noted = profile / "DevToolsActivePort"
        port = served.until(lambda: noted.exists() and noted.read_text().split()[0], 60, "chromium")
        with urlopen(f"http://127.0.0.1:{port}/json") as answer:
            page = next(one for one in json.load(answer) if one["type"] == "page")
        with connect(page["webSocketDebuggerUrl"], max_size=None) as connection:
            yield Browser(connection)
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(profile, ignore_errors=True)
