"""Bilateral exposures that nobody delivered, from what each firm lent and borrowed in total."""

from __future__ import annotations

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from models.construction_notes import BuiltRelation, MarginFit, RelationNotes
from models.edge_counts import EdgeCounts
from models.edges import edges_from_matrix
from models.minimum_density import minimum_density
from schemas.errors import DeliveryRefused, NotEnoughData
from schemas.relation_kinds import ReconstructedSpec

#: lenders times borrowers that maximum entropy may relate: 25 million edges are 400 MB
MOST_PAIRS = 25_000_000
#: a share of the total that counts as nothing
NEGLIGIBLE = 1e-12

Vector = NDArray[np.float64]


def reconstructed_edges(rows: pl.DataFrame, firms: pl.Series, spec: ReconstructedSpec) -> BuiltRelation:
    """Relate lenders to borrowers so that the edges add up to both firms' totals.

    Parameters
    ----------
    rows
        ``firm_id``, ``lent``, ``borrowed``, ``published_on``, as known; the newest row of a firm counts.
    firms
        Ascending ids; a firm without a row neither lent nor borrowed.

    Raises
    ------
    DeliveryRefused
        If the totals of lent and borrowed differ by more than `spec.margin_tolerance`.
    NotEnoughData
        If maximum entropy would relate more firms than fit into memory.
    """
    newest = rows.sort("firm_id", "published_on").unique("firm_id", keep="last", maintain_order=True)
    own = newest.filter(pl.col("firm_id").is_in(firms.implode()))
    aligned = pl.DataFrame({"firm_id": firms}).join(own, on="firm_id", how="left", maintain_order="left")
    lent, borrowed = (aligned[name].fill_null(0.0).to_numpy().astype(np.float64) for name in ("lent", "borrowed"))
    mismatch = _mismatch(lent, borrowed, spec)
    if borrowed.sum() > 0:
        borrowed = borrowed * (lent.sum() / borrowed.sum())
    if spec.method == "maximum_entropy":
        _refuse_too_many(lent, borrowed, spec)
        exposures = maximum_entropy(lent, borrowed, rounds=spec.rounds, accuracy=spec.accuracy)
    else:
        exposures = minimum_density(lent, borrowed)
    counts = EdgeCounts(
        rows=rows.height, unknown_firms=newest.height - own.height, repeated_rows=rows.height - newest.height
    )
    margins = MarginFit(largest_margin_error(exposures, lent, borrowed), mismatch)
    return BuiltRelation(edges_from_matrix(exposures, directed=True), RelationNotes(counts, margins=margins))


def maximum_entropy(lent: Vector, borrowed: Vector, *, rounds: int = 1000, accuracy: float = 1e-9) -> sp.csr_array:
    """Spread lending as evenly as the totals allow, nobody lending to itself.

    Exposures are x_ij = r_i s_j for i != j and 0 for i = j, the form of the matrix of largest entropy with a
    zero diagonal (Upper 2011, Journal of Financial Stability 7). Iterative proportional fitting (RAS) finds
    the factors: r_i = lent_i / (sum of s without s_i), and the same for s. No matrix is held until the end.

    Parameters
    ----------
    lent, borrowed : (n,)
        Not negative, with one total. If a firm's lent + borrowed is above that total, no solution exists: it
        then stands between all others, whose totals are met, and `largest_margin_error` says what it lacks.

    Returns
    -------
    (n, n) sparse
        Row = lender.
    """
    size = len(lent)
    both = lent + borrowed
    if not (lent.any() and borrowed.any()):
        return sp.csr_array((size, size))
    if both.max() >= lent.sum() * (1 - NEGLIGIBLE):
        return _between_all(int(both.argmax()), lent, borrowed)
    given, taken = borrowed, lent
    for _ in range(rounds):
        taken = _factors(lent, given / given.sum())  # only the product of both has a scale
        given = _factors(borrowed, taken)
        reached = taken * (given.sum() - given)  # columns fit exactly after each round, rows in the end
        if np.all(np.abs(reached - lent) <= accuracy * lent):
            break
    lenders, borrowers = np.flatnonzero(taken > 0), np.flatnonzero(given > 0)
    row, column = np.repeat(lenders, len(borrowers)), np.tile(borrowers, len(lenders))
    apart = row != column
    values = (taken[row] * given[column])[apart]
    return sp.csr_array((values, (row[apart], column[apart])), shape=(size, size))


def largest_margin_error(exposures: sp.csr_array, lent: Vector, borrowed: Vector) -> float:
    """Return the largest |sum - margin| as a share of the margin, over rows and columns with a margin above zero."""
    found = np.concatenate([np.asarray(exposures.sum(axis=1)).ravel(), np.asarray(exposures.sum(axis=0)).ravel()])
    wanted = np.concatenate([lent, borrowed])
    asked = wanted > 0
    return float((np.abs(found - wanted)[asked] / wanted[asked]).max(initial=0.0))


def _factors(totals: Vector, others: Vector) -> Vector:
    factors: Vector = totals / (others.sum() - others)
    return factors


def _between_all(firm: int, lent: Vector, borrowed: Vector) -> sp.csr_array:
    """Let one firm lend to all others what they borrowed, and borrow from them what they lent."""
    exposures = sp.lil_array((len(lent), len(lent)))
    exposures[firm, :] = borrowed
    exposures[:, firm] = lent[:, None]
    exposures[firm, firm] = 0
    found = sp.csr_array(exposures)
    found.eliminate_zeros()
    return found


def _mismatch(lent: Vector, borrowed: Vector, spec: ReconstructedSpec) -> float:
    larger = max(float(lent.sum()), float(borrowed.sum()))
    mismatch = abs(float(lent.sum()) - float(borrowed.sum())) / larger if larger > 0 else 0.0
    if mismatch > spec.margin_tolerance:
        raise DeliveryRefused(
            f"Exposures of relation {spec.name} cannot be reconstructed: what was lent is not what was borrowed.",
            expected=f"totals that differ by at most {spec.margin_tolerance:.4%} (`margin_tolerance`)",
            found=f"{lent.sum():,.6g} lent and {borrowed.sum():,.6g} borrowed by known firms: {mismatch:.4%} apart",
            way_out="deliver both totals of every lender and borrower (the rest of the market may be a firm of its "
            "own), or raise `margin_tolerance`",
        )
    return mismatch


def _refuse_too_many(lent: Vector, borrowed: Vector, spec: ReconstructedSpec) -> None:
    pairs = int((lent > 0).sum()) * int((borrowed > 0).sum())
    if pairs > MOST_PAIRS:
        raise NotEnoughData(
            f"Relation {spec.name} has too many lenders and borrowers for maximum entropy, which relates all of them.",
            expected=f"at most {MOST_PAIRS:,} pairs of lender and borrower",
            found=f"{pairs:,} pairs",
            way_out="use `method: minimum_density`",
        )
