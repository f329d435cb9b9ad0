"""Places for discs in the plane: related ones near each other, none over another.

Everything is a fixed number of element-wise steps from a fixed start, so that the same input always gives
the same picture; a random start or a matrix product on several threads would not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.corporate_graph import FloatMatrix

STEPS = 300
#: passes at most that only push overlapping discs apart
SETTLING = 500
#: free space between two discs, as a part of the mean radius
GAP = 0.35
#: wanted distances, as multiples of that between discs whose links are as many as chance would have them
NEAREST, FURTHEST = 0.35, 2.5
_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


def disc_layout(weights: FloatMatrix, radii: NDArray[np.float64]) -> FloatMatrix:
    """Return the middles of c discs, (c, 2), in the unit of the radii.

    Wanted distances fall with the square root of the association strength s_ij = w_ij W / (k_i k_j), with k the
    row sums and W their sum (van Eck and Waltman 2009): so many times as many links as chance would have, whatever
    the sizes. Their stress is majorised (de Leeuw 1977, with the weights d^-2 of Kamada and Kawai 1989) from
    a sunflower's spiral in the order of the discs; then overlaps are pushed apart.

    Parameters
    ----------
    weights : (c, c)
        Symmetric, >= 0; the diagonal plays no part.
    radii : (c,)
        All > 0.
    """
    count = len(radii)
    if count < 2:
        return np.zeros((count, 2))
    touching = (radii[:, None] + radii[None, :] + GAP * radii.mean()) * (1 - np.eye(count))
    wanted = np.maximum(_wanted_distances(weights) * 2.4 * radii.mean(), touching)
    turns = np.arange(count)
    spread = radii.mean() * np.sqrt(turns + 0.5)
    start = np.column_stack([spread * np.cos(turns * _GOLDEN_ANGLE), spread * np.sin(turns * _GOLDEN_ANGLE)])
    return _flat(_settled(_unstressed(start, wanted), touching))


def association_strength(weights: FloatMatrix) -> FloatMatrix:
    """Return how many times as many links two discs have as chance would give them, (c, c); the diagonal is 0."""
    linked = weights * (1 - np.eye(len(weights)))
    rows = linked.sum(axis=1)
    by_chance = rows[:, None] * rows[None, :] / max(float(rows.sum()), 1e-300)
    return np.asarray(np.divide(linked, by_chance, out=np.zeros_like(linked), where=by_chance > 0))


def _wanted_distances(weights: FloatMatrix) -> FloatMatrix:
    strength = association_strength(weights)
    far = np.full_like(strength, FURTHEST)
    return np.clip(np.divide(1.0, np.sqrt(strength), out=far, where=strength > 0), NEAREST, FURTHEST)


def _unstressed(places: FloatMatrix, wanted: FloatMatrix) -> FloatMatrix:
    importance = (1 - np.eye(len(places))) / np.maximum(wanted, 1e-12) ** 2
    for _ in range(STEPS):
        towards, _distances = _apart(places)
        # Each disc moves to the weighted mean of where each other one would have it.
        asked = places[None, :, :] - towards * wanted[:, :, None]
        places = (asked * importance[:, :, None]).sum(axis=1) / importance.sum(axis=1)[:, None]
    return places


def _settled(places: FloatMatrix, touching: FloatMatrix) -> FloatMatrix:
    for _ in range(SETTLING):
        towards, distances = _apart(places)
        overlap = np.maximum(touching - distances, 0.0) * (1 - np.eye(len(places)))
        if overlap.max() < 1e-6 * touching.max():
            break
        places = places - 0.5 * (towards * overlap[:, :, None]).sum(axis=1)
    return places


def _flat(places: FloatMatrix) -> FloatMatrix:
    """Turn the drawing so that its longest axis lies flat, and put its middle at the origin."""
    centred = places - places.mean(axis=0)
    x, y = centred[:, 0], centred[:, 1]
    angle = 0.5 * np.arctan2(2 * (x * y).sum(), (x * x).sum() - (y * y).sum())
    turned = np.column_stack([x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)])
    return np.asarray(turned - (turned.min(axis=0) + turned.max(axis=0)) / 2)


def _apart(places: FloatMatrix) -> tuple[FloatMatrix, FloatMatrix]:
    """Return unit vectors from each disc to each other, (c, c, 2), and their distances, (c, c)."""
    difference = places[None, :, :] - places[:, None, :]
    distances = np.sqrt((difference**2).sum(axis=2))
    return difference / np.maximum(distances, 1e-12)[:, :, None], distances
