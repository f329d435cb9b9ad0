"""Migrations of firms between grades and between classes, with those that came and left apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from monitoring.scored_quarters import ComparedScores
from schemas.score_drift import ScoreMigration


def grade_migration(compared: ComparedScores) -> ScoreMigration:
    """Count the firms by grade, best first, then and now; today's master scale cuts both quarters' scores."""
    old, new = compared.grades()
    names = tuple(grade.name for grade in compared.portfolio.master_scale.grades)
    rank = np.arange(len(names))
    return _migration("grade", compared, (old, new), names, rank)


def class_migration(compared: ComparedScores) -> ScoreMigration:
    """Count the firms by predicted class then and now, in the target's order."""
    target = compared.portfolio.target
    place = {name: number for number, name in enumerate(target.classes)}
    codes = [
        np.array([place[name] for name in side.classes.tolist()], dtype=np.int64)
        for side in (compared.before, compared.after)
    ]
    rank = np.array([name not in target.favourable for name in target.classes], dtype=np.int64)
    return _migration("class", compared, (codes[0], codes[1]), target.classes, rank)


def _migration(
    by: str,
    compared: ComparedScores,
    codes: tuple[NDArray[np.int64], NDArray[np.int64]],
    names: tuple[str, ...],
    rank: NDArray[np.int64],
) -> ScoreMigration:
    rows, places = compared.in_both
    size = len(names)
    was, now = codes[0][rows], codes[1][places]
    counts = np.bincount(was * size + now, minlength=size**2).reshape(size, size)
    left, came = (
        np.bincount(np.delete(code, kept), minlength=size) for code, kept in zip(codes, (rows, places), strict=True)
    )
    return ScoreMigration(
        by="grade" if by == "grade" else "class",
        names=names,
        counts=tuple(tuple(row) for row in counts.tolist()),
        new=tuple(came.tolist()),
        gone=tuple(left.tolist()),
        stayed=float((was == now).mean()),
        worse=float((rank[now] > rank[was]).mean()),
        better=float((rank[now] < rank[was]).mean()),
    )
