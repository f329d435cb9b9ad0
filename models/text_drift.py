"""How far the texts of a quarter's firms lie from those of the quarter before: a distance of means in an embedding.

The texts of both quarters are embedded together (TF-IDF and truncated SVD, or the embeddings that are delivered), all
of length 1. With means m0 and m1 of the two quarters and s the root mean square distance of the earlier texts from m0,
the distance is |m1 - m0| / s: the maximum mean discrepancy with a linear kernel (Gretton and others 2012), in
deviations of a text. Most firms write in both quarters, and the same words more often than not, so that the quarters
are no independent samples: what the distance is by chance is found by permuting within firms. A firm's two texts
change places or stay, and firms of one quarter alone are dealt anew among the two quarters.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.document_vectors import given_vectors, latent_semantic_vectors
from models.firm_texts import FirmTexts
from models.measures import LEAST, Measured, undefined

TEXT_DISTANCE = "distance of mean embeddings"
TEXT_CHANCE = "chance of such a distance of mean embeddings, by permutation"
NEW_WORDS = "words that no text had before"

_WORD = re.compile(r"\w+")
_DRAWS = 499
_BLOCK = 50
_SHOWN = 6
#: words in fewer texts than this, of both quarters together, are not shown: they could tell of whom they are
_LEAST_TEXTS = 10

Matrix = NDArray[np.float64]


class WordShare(NamedTuple):
    """The shares of texts with a word, then and now."""

    word: str
    before: float
    after: float


@dataclass(frozen=True)
class WordMove:
    """How the words of texts moved.

    Attributes
    ----------
    unknown
        Share of all words now that no earlier text has.
    rising, falling
        Words whose share of texts rose and fell most, the furthest moved first; none that chance would move so far.
    """

    unknown: float
    rising: tuple[WordShare, ...]
    falling: tuple[WordShare, ...]


@dataclass(frozen=True)
class TextMove:
    """How the texts of a name moved.

    Attributes
    ----------
    before, after
        Number of texts compared.
    distance
        None where there are too few texts.
    permuted : (draws,)
        Distances where the quarters' labels are permuted.
    words
        None of embeddings that are delivered, and where there are too few texts.
    """

    name: str
    before: int
    after: int
    distance: float | None = None
    permuted: Matrix = field(default_factory=lambda: np.empty(0))
    words: WordMove | None = None

    @property
    def chance(self) -> float | None:
        """Share of the permutations, the texts as they are among them, that lie as far apart."""
        if self.distance is None:
            return None
        return float((1 + (self.permuted >= self.distance - 1e-12).sum()) / (1 + len(self.permuted)))

    def beyond_chance(self, rate: float) -> float:
        """Return the distance that at most this share of the permutations exceeds."""
        return float(np.quantile(self.permuted, 1 - rate)) if len(self.permuted) else 0.0


def text_moves(
    before: Sequence[FirmTexts], after: Sequence[FirmTexts], *, rows: int, seed: int = 0
) -> tuple[TextMove, ...]:
    """Measure how texts of the same name moved, by name.

    Parameters
    ----------
    rows
        The most firms that are looked at, drawn with a fixed seed.
    """
    known = {one.name: one for one in before}
    return tuple(
        text_move(known[one.name], one, rows=rows, seed=seed)
        for one in after
        if one.name in known and known[one.name].embedded == one.embedded
    )


def text_move(before: FirmTexts, after: FirmTexts, *, rows: int, seed: int = 0) -> TextMove:
    """Measure how far texts moved, and how far they would by chance."""
    rng = np.random.default_rng(seed)
    before, after = _drawn(before, after, rows, rng)
    few = min(len(before.texts), len(after.texts)) < LEAST
    if few:
        return TextMove(after.name, len(before.texts), len(after.texts))
    texts = [*before.texts, *after.texts]
    vectors = (given_vectors(texts, after.embedded) if after.embedded else latent_semantic_vectors(texts)).astype(
        np.float64
    )
    old, new = vectors[: len(before.texts)], vectors[len(before.texts) :]
    spread = float(np.sqrt(np.square(old - old.mean(axis=0)).sum(axis=1).mean()))
    shift = float(np.linalg.norm(new.mean(axis=0) - old.mean(axis=0)))
    if spread == 0:  # every text was the same: any other one is infinitely far
        return TextMove(after.name, len(old), len(new), 0.0 if shift == 0 else None)
    permuted = _permuted(before, after, old, new, rng) / spread
    words = None if after.embedded else _words(before.texts, after.texts)
    return TextMove(after.name, len(old), len(new), shift / spread, permuted, words)


def text_measures(moves: Sequence[TextMove]) -> tuple[Measured, ...]:
    """Return the numbers that are held against the earlier quarters."""
    found: list[Measured] = []
    for one in moves:
        if one.distance is None:
            few = min(one.before, one.after)
            reason = f"{few} texts, fewer than {LEAST}" if few < LEAST else "all earlier texts are equal"
            found.append(undefined(one.name, TEXT_DISTANCE, reason))
            continue
        by_chance = float(one.permuted.mean()) if len(one.permuted) else 0.0
        found.append(Measured(one.name, TEXT_DISTANCE, one.distance, by_chance, "up"))
        found.append(Measured(one.name, TEXT_CHANCE, one.chance, direction="shown"))
        if one.words is not None:
            # Words of a text come together, so that it is texts that are counted as independent.
            error = float(np.sqrt(max(one.words.unknown, 1 / one.after) / one.after))
            found.append(Measured(one.name, NEW_WORDS, one.words.unknown, error, "up"))
    return tuple(found)


def _drawn(before: FirmTexts, after: FirmTexts, rows: int, rng: np.random.Generator) -> tuple[FirmTexts, FirmTexts]:
    every = np.union1d(before.firms, after.firms)
    if len(every) <= rows:
        return before, after
    kept = every[np.sort(rng.permutation(len(every))[:rows])]
    sides = []
    for one in (before, after):
        places = np.flatnonzero(np.isin(one.firms, kept))
        sides.append(
            FirmTexts(one.name, one.firms[places], [one.texts[place] for place in places.tolist()], one.embedded)
        )
    return sides[0], sides[1]


def _permuted(before: FirmTexts, after: FirmTexts, old: Matrix, new: Matrix, rng: np.random.Generator) -> Matrix:
    """Return the lengths of the difference of means under permutation within firms, (draws,)."""
    _, rows, places = np.intersect1d(before.firms, after.firms, assume_unique=True, return_indices=True)
    both = 1 / len(old) + 1 / len(new)
    # Swapping a firm's texts moves the difference of means by their difference over both sizes.
    swapped = (old[rows] - new[places]) * both
    moved = swapped[np.abs(swapped).max(axis=1, initial=0) > 0]
    alone = np.concatenate([np.delete(old, rows, axis=0), np.delete(new, places, axis=0)])
    came = len(new) - len(places)
    fixed = new[places].sum(axis=0) / len(new) - old[rows].sum(axis=0) / len(old) - alone.sum(axis=0) / len(old)
    found = []
    for start in range(0, _DRAWS, _BLOCK):
        draws = min(_BLOCK, _DRAWS - start)
        swaps = rng.integers(0, 2, size=(draws, len(moved))).astype(np.float64)
        dealt = (rng.permuted(np.tile(np.arange(len(alone)), (draws, 1)), axis=1) < came).astype(np.float64)
        found.append(np.linalg.norm(fixed + swaps @ moved + dealt @ alone * both, axis=1))
    return np.concatenate(found)


def _words(before: Sequence[str], after: Sequence[str]) -> WordMove:
    texts: list[Counter[str]] = []
    totals: list[Counter[str]] = []
    for side in (before, after):
        words = [_WORD.findall(text.lower()) for text in side]
        texts.append(Counter(word for one in words for word in set(one)))
        totals.append(Counter(word for one in words for word in one))
    shares = [
        WordShare(word, texts[0][word] / len(before), texts[1][word] / len(after))
        for word in texts[0].keys() | texts[1].keys()
        if texts[0][word] + texts[1][word] >= _LEAST_TEXTS
    ]
    moved = (one for one in shares if not _told_by_chance(one, len(before), len(after)))
    by_change = sorted(moved, key=lambda one: (one.before - one.after, one.word))
    unknown = sum(count for word, count in totals[1].items() if word not in totals[0])
    return WordMove(
        unknown / max(sum(totals[1].values()), 1),
        rising=tuple(one for one in by_change if one.after > one.before)[:_SHOWN],
        falling=tuple(one for one in by_change[::-1] if one.after < one.before)[:_SHOWN],
    )


def _told_by_chance(one: WordShare, before: int, after: int) -> bool:
    """Tell whether a word's shares differ by less than two standard errors of independent samples."""
    pooled = (one.before * before + one.after * after) / (before + after)
    return abs(one.after - one.before) <= 2 * math.sqrt(pooled * (1 - pooled) * (1 / before + 1 / after))
