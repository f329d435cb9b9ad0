"""Loops over the rows of a CSR on as many threads as torch uses.

A loop writes to its own rows alone and each row is the work of one thread in a fixed order, so that the
bits of a result do not depend on the number of threads. The threads are Python's and last for one call:
numba's own layers abort when two threads of a program call them (workqueue), or bring a second OpenMP
beside torch's that must not be forked (omp). Starting one takes about 50 microseconds.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

import numba
import torch

from models.csr import Csr

P = ParamSpec("P")

#: Numbers to read below which a second thread costs more than it saves.
_WORTH_A_THREAD = 200_000

#: What may be reordered: sums, so that they fill vector registers. NaN and infinity keep their meaning.
_FAST = {"reassoc", "contract", "nsz", "arcp"}


def rowwise(loop: Callable[Concatenate[int, int, P], None]) -> Callable[Concatenate[Csr, int, P], None]:
    """Compile ``loop(first, last, ...)`` at its first call; call it as ``(csr, width, ...)``.

    `width` is the number of columns an edge touches, by which it is decided whether threads pay.
    """
    machine_code: Callable[..., None] = numba.njit(nogil=True, fastmath=_FAST)(loop)

    @wraps(loop)
    def call(csr: Csr, width: int, /, *args: P.args, **kwargs: P.kwargs) -> None:
        assert not kwargs, "compiled loops take their arguments by position"
        threads = torch.get_num_threads() if (csr.edges + csr.rows) * width > _WORTH_A_THREAD else 1
        if threads == 1:
            machine_code(0, csr.rows, *args)
        else:
            _shared_out(machine_code, csr, threads, args)

    return call


def _shared_out(machine_code: Callable[..., None], csr: Csr, threads: int, args: tuple[Any, ...]) -> None:
    pieces = itertools.pairwise(csr.pieces.tolist())
    taking = threading.Lock()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not failures:
                with taking:
                    piece = next(pieces, None)
                if piece is None:
                    return
                machine_code(*piece, *args)
        except BaseException as failure:  # noqa: BLE001 - handed to the caller below
            failures.append(failure)

    helpers = [threading.Thread(target=work) for _ in range(threads - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if failures:
        raise failures[0]
