"""Which graph engine is in use: a setting, and what is installed."""

from __future__ import annotations

import importlib.util
import os
from functools import cache

from schemas.errors import SettingsError

ENGINES = ("dgl", "torch")


def engine_name() -> str:
    """Return the engine in use, ``dgl`` or ``torch``: `CREDITNET_ENGINE`, else dgl where it is installed.

    Raises
    ------
    SettingsError
        If `CREDITNET_ENGINE` is neither, or dgl and not installed.
    """
    asked = os.environ.get("CREDITNET_ENGINE", "")
    if asked and asked not in ENGINES:
        raise SettingsError(
            "The graph engine is unknown.",
            expected=" or ".join(ENGINES),
            found=f"CREDITNET_ENGINE={asked}",
            way_out="unset CREDITNET_ENGINE: dgl is then used where it is installed, torch elsewhere",
        )
    if asked == "dgl" and not _dgl_is_installed():
        raise SettingsError(
            "The graph engine asked for is not installed.",
            expected="the package dgl (there are wheels for Python 3.11 and earlier)",
            found="CREDITNET_ENGINE=dgl and no package dgl",
            way_out="unset CREDITNET_ENGINE or set it to torch, whose results are the same",
        )
    return asked or ("dgl" if _dgl_is_installed() else "torch")


@cache
def _dgl_is_installed() -> bool:
    return importlib.util.find_spec("dgl") is not None
