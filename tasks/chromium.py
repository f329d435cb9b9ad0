"""Chromium, if this machine has it: found, and started so that it asks nothing of anybody."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from schemas.errors import SettingsError
from tasks.settings import Settings

_NAMES = ("chromium", "chromium-browser", "google-chrome")
#: without these it looks for updates and for its makers' hosts whenever it starts
_QUIET = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-extensions", "--metrics-recording-only"),
)


def found_chromium(chosen: Settings) -> Path | None:
    """Return the browser that the settings name, or the first on PATH; None where there is none.

    Raises
    ------
    SettingsError
        If the settings name something that cannot be run.
    """
    if chosen.chromium is None:
        return next((Path(found) for found in map(shutil.which, _NAMES) if found), None)
    if shutil.which(chosen.chromium) is None:
        raise SettingsError(
            "The browser cannot be started.",
            expected="CREDITNET_CHROMIUM is the path of a program, Chromium or Chrome",
            found=str(chosen.chromium),
            way_out="give another path, or leave it out to have a browser looked for on PATH",
        )
    return chosen.chromium


def command_of(program: Path, profile: Path) -> list[str]:
    """Return how to start it without a window, with a profile of its own; what it shall do comes after."""
    # Its sandbox cannot be set up by root, who is alone in a container.
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    return [str(program), *_QUIET, *sandbox, f"--user-data-dir={profile}"]
