"""Loops over arrays that are compiled by numba when first called.

Compiling takes about .6 s a loop and process (nothing is cached on disk, so nothing stale is ever
loaded), and importing numba .3 s; a process that calls no loop pays neither.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


def compiled(loop: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of plain arrays at its first call; ``__wrapped__`` is the Python it came from."""

    @cache
    def machine_code() -> Callable[P, R]:
        import numba

        return cast("Callable[P, R]", numba.njit(cache=False)(loop))

    @wraps(loop)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        return machine_code()(*args, **kwargs)

    return call
