"""The embedded Prefect server: started while the rest is still being imported.

A cold start takes most of ten seconds in a process of its own. Starting it first and importing the
flow meanwhile uses both cores and hides most of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tasks.serving import use_server
from tasks.settings import settings

_SECONDS = 120


@contextmanager
def starting_server() -> Iterator[Callable[[], object]]:
    """Have Prefect's ephemeral server starting up and give a function that waits until it answers.

    With PREFECT_API_URL set, or a server that `creditnet up` started on this home, there is nothing to start.
    """
    if use_server(settings().home):
        yield lambda: None
        return
    from prefect.server.api.server import SubprocessASGIServer

    # The one instance that a flow run without an API URL finds and uses.
    server = SubprocessASGIServer()
    with ThreadPoolExecutor(max_workers=1) as pool:
        # It is stopped by its own exit handler, after the last log line has been sent to it.
        yield pool.submit(server.start, timeout=_SECONDS).result
