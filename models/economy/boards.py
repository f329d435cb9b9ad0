"""Who sits on whose board: seats that are taken, held and given up.

Most people hold one seat; a few hubs hold many, and through them firms that trade with nobody in common meet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.economy.blocks import Ints, drawn_members
from models.economy.days import OPEN
from models.economy.population import Population

Bools = NDArray[np.bool_]

#: Boards one person sits on at most at the end of a quarter (a handover may overlap within one), and how common each
#: limit is.
_LIMITS = np.array([1, 2, 3, 4, 6, 9, 12])
_LIMIT_SHARES = (0.76, 0.15, 0.05, 0.02, 0.012, 0.005, 0.003)
#: Appeal grows faster than the limit: hubs fill up.
_APPEAL = 1.4
_PEOPLE_PER_FIRM = 3
#: Fewest and most seats of a board, from micro to large firms.
_FEWEST_SEATS, _MOST_SEATS = np.array([1, 1, 2, 5]), np.array([2, 3, 5, 9])
#: Chance that a firm with an empty seat fills one this quarter, and that it looks for the person in its own district.
_CHANCE, _LOCAL = 0.6, 0.85
#: Quarterly probability that a seat is given up although the firm lives on.
_RESIGNATION = 0.03
_BURN_IN_ROUNDS = 14
_PROPOSALS = 5


@dataclass(frozen=True)
class Directors:
    """What people and boards want: `home` and `limit` of shape (people,), `district` and `seats` of shape (pool,)."""

    home: Ints
    limit: Ints
    district: Ints
    seats: Ints


@dataclass(frozen=True)
class Directorships:
    """All seats that ever were held; arrays of shape (directorships,), dates in days since 1970."""

    firm: Ints
    person: Ints
    published_on: Ints
    ended_on: Ints

    def open_at(self, day: int) -> Bools:
        """Tell which seats are held at the end of a day."""
        return (self.published_on <= day) & (day < self.ended_on)


def people_count(pool: int) -> int:
    """Return how many people could sit on a board in an economy with `pool` firms."""
    return _PEOPLE_PER_FIRM * pool


def drawn_directors(population: Population, rng: np.random.Generator) -> Directors:
    """Draw the people and the sizes of the boards."""
    size = population.size_class
    return Directors(
        home=np.repeat(population.district, _PEOPLE_PER_FIRM),
        limit=_LIMITS[rng.choice(len(_LIMITS), people_count(population.pool), p=_LIMIT_SHARES)],
        district=population.district,
        seats=rng.integers(_FEWEST_SEATS[size], _MOST_SEATS[size], endpoint=True),
    )


def first_boards(directors: Directors, alive: Bools, last_day: int, rng: np.random.Generator) -> Directorships:
    """Fill the boards of the first quarter; all of it becomes known on the quarter's last day."""
    none = np.zeros(0, dtype=np.int64)
    held = Directorships(none, none, none, none)
    known_on = np.full(len(alive), last_day, dtype=np.int64)
    for _ in range(_BURN_IN_ROUNDS):
        held = with_appointments(held, directors, alive, known_on, (last_day, last_day), rng=rng)
    return held


def with_resignations(held: Directorships, days: tuple[int, int], rng: np.random.Generator) -> Directorships:
    """Let a few people give up their seats on some day of the quarter."""
    resigns = (held.ended_on == OPEN) & (rng.random(len(held.firm)) < _RESIGNATION)
    day = rng.integers(*days, size=len(resigns), endpoint=True)
    return replace(held, ended_on=np.where(resigns, day, held.ended_on))


def without_leavers(held: Directorships, left_on: Ints, last_day: int) -> Directorships:
    """End the seats of firms that have left by `last_day`; `left_on` is `OPEN` for the living."""
    leaves = left_on[held.firm]
    ended_on = np.minimum(held.ended_on, leaves)
    return replace(held, ended_on=np.where(leaves <= last_day, ended_on, held.ended_on))


def with_appointments(
    held: Directorships,
    directors: Directors,
    alive: Bools,
    known_on: Ints,
    days: tuple[int, int],
    *,
    rng: np.random.Generator,
) -> Directorships:
    """Let every living firm with an empty seat ask a few people; nobody returns to a board once left."""
    pool = len(alive)
    eager = rng.random(pool) < _CHANCE
    local, draw = rng.random((pool, _PROPOSALS)) < _LOCAL, rng.random((pool, _PROPOSALS))
    day = np.maximum(rng.integers(*days, size=pool, endpoint=True), known_on)
    taken = np.bincount(held.firm[held.ended_on == OPEN], minlength=pool)
    seekers = np.flatnonzero(alive & eager & (taken < directors.seats))
    firm, person = _agreements(seekers, held, directors, local[seekers], draw[seekers])
    return Directorships(
        np.concatenate([held.firm, firm]),
        np.concatenate([held.person, person]),
        np.concatenate([held.published_on, day[firm]]),
        np.concatenate([held.ended_on, np.full(len(firm), OPEN)]),
    )


def _agreements(
    seekers: Ints, held: Directorships, directors: Directors, local: Bools, draw: NDArray[np.float64]
) -> tuple[Ints, Ints]:
    """Return (firm, person) of the firms whose first suitable proposal still has room."""
    appeal: NDArray[np.float64] = np.power(directors.limit, _APPEAL)
    inner = drawn_members(directors.home, appeal, directors.district[seekers], draw)
    everywhere, anywhere = np.zeros_like(directors.home), np.zeros_like(seekers)
    asked = np.where(local, inner, drawn_members(everywhere, appeal, anywhere, draw))
    busy = np.bincount(held.person[held.ended_on == OPEN], minlength=len(directors.home))
    room = directors.limit - busy
    suitable = room[asked] > 0
    suitable &= ~np.isin(_seat_keys(seekers[:, None], asked), _seat_keys(held.firm, held.person))
    found = suitable.any(axis=1)
    firm, person = seekers[found], asked[found, suitable[found].argmax(axis=1)]
    agreed = _turn(person) < room[person]
    return firm[agreed], person[agreed]


def _seat_keys(firm: Ints, person: Ints) -> Ints:
    return firm * 2**31 + person


def _turn(person: Ints) -> Ints:
    """Return the turn of each request to its person: 0, 1, … in their order."""
    order = np.argsort(person, kind="stable")
    ranked = person[order]
    turn = np.empty(len(person), dtype=np.int64)
    turn[order] = np.arange(len(person)) - np.searchsorted(ranked, ranked, "left")
    return turn
