"""A stage: a Prefect task that is timed, shown, and not repeated when its result is already there.

A stage that computes is cached by content: the refresh key covers delivery, code, lock and settings,
so the same key, stage and subject mean the same result. What is cached is a reference; the file
behind it is checked against its hash by whoever reads it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from schemas.references import RefreshRun
from tasks.catalogue import open_catalogue
from tasks.progress import current_clock, current_note, note
from tasks.settings import settings

#: the refresh whose lease this run holds; every stage renews it
held_lease: ContextVar[str | None] = ContextVar("held_lease", default=None)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def stage(
    name: str, *, cached: bool = False, subject: Callable[..., str] | None = None
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Make a function of (run, ...) a stage.

    Parameters
    ----------
    name
        Shown to people, with the subject after it.
    cached
        Whether the result is kept under the refresh key.
    subject
        Tells several calls of one stage apart, given the arguments: a candidate's name, say.
    """

    def decorated(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        def cache_key(_: Any, parameters: dict[str, Any]) -> str:
            run: RefreshRun = parameters["run"]
            about = subject(**parameters) if subject else ""
            return f"{run.key.key}-{run.work_id}-{name}-{about}".replace("/", "-").replace(" ", "-")

        kept: dict[str, Any] = (
            {"persist_result": True, "result_serializer": "json", "cache_key_fn": cache_key}
            if cached
            else {"persist_result": False, "cache_policy": NO_CACHE}
        )
        prefect_task = task(_logged(function), name=name, **kept)

        @functools.wraps(function)
        def staged(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            about = subject(*args, **kwargs) if subject else ""
            shown = f"{name} {about}".strip()
            with current_clock().stage(shown):
                note("kept from an earlier run" if cached else "")
                _renew_lease()
                result: Result = prefect_task.with_options(task_run_name=shown)(*args, **kwargs)
                return result

        return staged

    return decorated


def _logged(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Log what a stage found, so that the Prefect UI shows it too."""

    @functools.wraps(function)
    def logged(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        result = function(*args, **kwargs)
        get_run_logger().info(current_note() or "done")
        return result

    return logged


def _renew_lease() -> None:
    key = held_lease.get()
    if key is not None:
        open_catalogue(settings().database_url).renew(key)
