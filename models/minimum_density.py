"""Few links that add up to what each firm lent and borrowed in total."""

from __future__ import annotations

import heapq

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

#: a remainder this small, as a share of the total, is rounding
NEGLIGIBLE = 1e-12

Vector = NDArray[np.float64]


def minimum_density(lent: Vector, borrowed: Vector) -> sp.csr_array:
    """Find few links that satisfy the totals.

    Links cost something, so firms keep few of them, and a small lender's whole lending goes to a large
    borrower (or the other way round): Anand, Craig and von Peter (2015), Quantitative Finance 15. They draw
    the next pair with a chance that grows with max(lent_i / borrowed_j, borrowed_j / lent_i) of what is
    still open, and load it with as much as both need. Here the likeliest pair is always taken, so that the
    result has no chance in it. Each link closes a firm's total, so there are fewer links than lenders and
    borrowers, and a few more where the last open lender and borrower are the same firm.

    Parameters
    ----------
    lent, borrowed : (n,)
        Not negative, with one total.

    Returns
    -------
    (n, n) sparse
        Row = lender, zero diagonal.
    """
    links: dict[tuple[int, int], float] = {}
    lenders, borrowers = _Open(lent), _Open(borrowed)
    negligible = NEGLIGIBLE * max(float(lent.sum()), 1e-300)
    while True:
        pair = _likeliest(lenders, borrowers)
        if pair is None:
            break
        lender, borrower = pair
        amount = min(lenders.open[lender], borrowers.open[borrower])
        links[pair] = links.get(pair, 0.0) + amount
        for side, firm in ((lenders, lender), (borrowers, borrower)):
            side.reduce(firm, amount, negligible)
    for firm in sorted(lenders.left() & borrowers.left()):
        _place_between_others(links, firm, min(lenders.open[firm], borrowers.open[firm]), negligible)
    places = np.array(sorted(links), dtype=np.int64).reshape(-1, 2)
    values = np.array([links[lender, borrower] for lender, borrower in places.tolist()], dtype=np.float64)
    return sp.csr_array((values, (places[:, 0], places[:, 1])), shape=(len(lent), len(lent)))


class _Open:
    """What is still to be placed by firm, with its largest and its smallest at hand."""

    def __init__(self, totals: Vector) -> None:
        self.open = totals.copy()
        some = np.flatnonzero(totals > 0).tolist()
        self._largest = [(-self.open[firm], firm) for firm in some]
        self._smallest = [(self.open[firm], firm) for firm in some]
        heapq.heapify(self._largest)
        heapq.heapify(self._smallest)

    def reduce(self, firm: int, amount: float, negligible: float) -> None:
        rest = self.open[firm] - amount
        self.open[firm] = rest if rest > negligible else 0.0
        if self.open[firm] > 0:
            heapq.heappush(self._largest, (-self.open[firm], firm))
            heapq.heappush(self._smallest, (self.open[firm], firm))

    def largest(self, but: int | None = None) -> int | None:
        return self._first(self._largest, -1.0, but)

    def smallest(self, but: int | None = None) -> int | None:
        return self._first(self._smallest, 1.0, but)

    def left(self) -> set[int]:
        return set(np.flatnonzero(self.open > 0).tolist())

    def _first(self, heap: list[tuple[float, int]], sign: float, but: int | None) -> int | None:
        """Return the first firm whose entry is up to date, `but` one excepted."""
        passed = []
        found = None
        while heap:
            value, firm = heap[0]
            if sign * value != self.open[firm]:
                heapq.heappop(heap)  # an amount from before
            elif firm == but:
                passed.append(heapq.heappop(heap))
            else:
                found = firm
                break
        for entry in passed:
            heapq.heappush(heap, entry)
        return found


def _likeliest(lenders: _Open, borrowers: _Open) -> tuple[int, int] | None:
    """Return the open pair with the largest ratio between what one lends and the other borrows."""
    firsts = [
        *((lender, side(lender)) for lender in _ends(lenders) for side in (borrowers.largest, borrowers.smallest)),
        *((side(borrower), borrower) for borrower in _ends(borrowers) for side in (lenders.largest, lenders.smallest)),
    ]
    pairs = [
        _ratio(lenders, borrowers, lender, borrower)
        for lender, borrower in firsts
        if lender is not None and borrower is not None
    ]
    if not pairs:
        return None
    _, lender, borrower = min(pairs)
    return lender, borrower


def _ends(side: _Open) -> tuple[int | None, int | None]:
    return side.largest(), side.smallest()


def _ratio(lenders: _Open, borrowers: _Open, lender: int, borrower: int) -> tuple[float, int, int]:
    ratio = float(lenders.open[lender] / borrowers.open[borrower])
    return (-max(ratio, 1.0 / ratio), lender, borrower)


def _place_between_others(links: dict[tuple[int, int], float], firm: int, amount: float, negligible: float) -> None:
    """Let a firm whose lending and borrowing are both open stand between two others, keeping everyone's totals.

    A link i to j of weight w becomes i to firm and firm to j, as far as it reaches; the heaviest first.
    """
    others = sorted((pair for pair in links if firm not in pair), key=lambda pair: (-links[pair], pair))
    for lender, borrower in others:
        if amount <= negligible:
            return
        moved = min(amount, links[lender, borrower])
        links[lender, borrower] -= moved
        if links[lender, borrower] <= 0:
            del links[lender, borrower]
        for pair in ((lender, firm), (firm, borrower)):
            links[pair] = links.get(pair, 0.0) + moved
        amount -= moved
