"""Heavy-tailed distributions, written so that their tail can be seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from schemas.portrait import Tail

#: points of a tail at most
POINTS = 60


def tail(name: str, values: NDArray[np.int64] | NDArray[np.float64]) -> Tail:
    """Return P(X >= x) at whole numbers x of at least 1 that occur, over all of `values` (zeros count below).

    On two logarithmic axes a power law is a straight line, without the noise of a binned histogram (Newman 2005).
    Beyond `POINTS` different values those nearest to an even spacing of log x are kept, the first and last among them.
    """
    found, counts = np.unique(np.asarray(values, dtype=np.int64), return_counts=True)
    reaching = np.cumsum(counts[::-1])[::-1] / max(len(values), 1)
    some = found >= 1
    found, reaching = found[some], reaching[some]
    if len(found) > POINTS:
        wanted = np.linspace(np.log(found[0]), np.log(found[-1]), POINTS)
        kept = np.unique(np.searchsorted(np.log(found), wanted - 1e-12).clip(max=len(found) - 1))
        found, reaching = found[kept], reaching[kept]
    return Tail(name=name, values=tuple(found.tolist()), shares=tuple(reaching.tolist()))
