"""Who trades with whom and who owns whom: links that are born, last and die, under one mechanism for both relations.

In supply the dependant is the supplier and the source its buyer (the weight is a share of the supplier's sales); in
ownership the dependant is the owned firm and the source its owner (the weight is a stake in the owned firm). Distress
travels from source to dependant, and the weights of one dependant never add up to more than one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.economy.blocks import Ints, drawn_members
from models.economy.days import OPEN
from models.economy.population import OWNER_GENDERS, Population
from models.economy.spec import Channel

Bools = NDArray[np.bool_]

#: Quarterly probability that a link ends although both ends live on.
_NATURAL_END = 0.025
#: Chance that a firm with room for a link gets one this quarter; a firm without any link tries harder.
_CHANCE, _CHANCE_WHEN_ALONE = 0.4, 0.9
_BURN_IN_ROUNDS = 14
#: Partners looked at before giving up for the quarter.
_PROPOSALS = 5
_LEAST_ROOM, _LEAST_WEIGHT = 0.05, 0.01
#: Chance that a partner is accepted although only one of the two is minority-owned, or one is owned by a woman and
#: the other by a man (ownership only).
_ACROSS_MINORITY, _ACROSS_GENDER = 0.45, 0.5
_INDIFFERENT = -1


@dataclass(frozen=True)
class Links:
    """All links of one relation that ever were; arrays of shape (links,), dates in days since 1970."""

    dependant: Ints
    source: Ints
    weight: NDArray[np.float64]
    published_on: Ints
    ended_on: Ints

    def open_at(self, day: int) -> Bools:
        """Tell which links are open at the end of a day."""
        return (self.published_on <= day) & (day < self.ended_on)


@dataclass(frozen=True)
class Homophily:
    """Firms of different `trait` accept each other with probability `across`; a negative trait is like any other."""

    trait: Ints
    across: float

    def acceptance(self, first: Ints, second: Ints) -> NDArray[np.float64]:
        """Return the chance that each pair of firms accepts each other."""
        one, other = self.trait[first], self.trait[second]
        alike = (one == other) | (one < 0) | (other < 0)
        return np.where(alike, 1.0, self.across)


@dataclass(frozen=True)
class Habit:
    """How firms choose partners in one relation.

    A partner comes from the firm's `inner` block with probability `loyalty`, otherwise from its `outer` block, in
    proportion to `appeal`. `wanted` is the number of links a firm would like to have; a partner below `least_rank`
    of the firm is refused.
    """

    inner: Ints
    outer: Ints
    loyalty: float
    appeal: NDArray[np.float64]
    wanted: Ints
    rank: NDArray[np.float64]
    homophily: tuple[Homophily, ...]


def no_links() -> Links:
    """Return a relation without any link."""
    none = np.zeros(0, dtype=np.int64)
    return Links(none, none, np.zeros(0), none, none)


def drawn_habit(channel: Channel, population: Population, rng: np.random.Generator) -> Habit:
    """Draw what the firms want in one relation."""
    pool = population.pool
    homophily = [Homophily(population.minority_owned.astype(np.int64), _ACROSS_MINORITY)]
    if channel is Channel.SUPPLY:
        inner, outer, loyalty, appeal = population.district, np.zeros(pool, dtype=np.int64), 0.85, 0.3
        # Larger suppliers have more customers.
        wanted = 1 + rng.poisson(np.array([1.9, 2.5, 3.3, 4.5])[population.size_class])
        rank = np.zeros(pool)
    else:
        inner, outer, loyalty, appeal = population.group, population.district, 0.85, 0.5
        # Family, dispersed, foreign, state: how many corporate owners stand behind each.
        wanted = rng.binomial(2, np.array([0.3, 0.5, 0.6, 0.35])[population.ownership_type])
        # Owners are larger than what they own, so nobody owns itself through others.
        rank = population.entry_assets
        known = population.owner_gender != OWNER_GENDERS.index("unknown")
        homophily.append(Homophily(np.where(known, population.owner_gender, _INDIFFERENT), _ACROSS_GENDER))
    attraction = population.entry_assets**appeal
    return Habit(inner, outer, loyalty, attraction, wanted.astype(np.int64), rank, tuple(homophily))


def ended_by_exits(links: Links, left_on: Ints, day: int) -> Links:
    """End the links open before `day` whose ends have left; `left_on` is `OPEN` for the living."""
    first_to_leave = np.minimum(left_on[links.dependant], left_on[links.source])
    ended_on = np.minimum(links.ended_on, first_to_leave)
    return replace(links, ended_on=np.where(first_to_leave <= day, ended_on, links.ended_on))


def ended_naturally(links: Links, first_day: int, last_day: int, rng: np.random.Generator) -> Links:
    """End a few of the open links on some day of the quarter."""
    ends = (links.ended_on == OPEN) & (rng.random(len(links.source)) < _NATURAL_END)
    days = rng.integers(first_day, last_day, size=len(ends), endpoint=True)
    return replace(links, ended_on=np.where(ends, days, links.ended_on))


def grown_from_nothing(habit: Habit, alive: Bools, last_day: int, rng: np.random.Generator) -> Links:
    """Grow the network of the first quarter; all of it becomes known on the quarter's last day."""
    links = no_links()
    known_on = np.full(len(alive), last_day, dtype=np.int64)
    for _ in range(_BURN_IN_ROUNDS):
        links = with_births(links, habit, alive, known_on, (last_day, last_day), rng=rng)
    return links


def with_births(
    links: Links, habit: Habit, alive: Bools, known_on: Ints, days: tuple[int, int], *, rng: np.random.Generator
) -> Links:
    """Let every living firm with room look for one more partner.

    `known_on` is the day each firm became known, `days` the first and last day of the quarter; a link becomes known
    on some day of the quarter, and not before both its ends. A pair that ever was linked is not linked again.
    """
    is_open = links.ended_on == OPEN
    count = np.bincount(links.dependant[is_open], minlength=len(alive))
    room = 1 - np.bincount(links.dependant[is_open], links.weight[is_open], minlength=len(alive))
    chance = np.where(count == 0, _CHANCE_WHEN_ALONE, _CHANCE)
    eager = rng.random(len(alive)) < chance
    seekers = np.flatnonzero(alive & eager & (count < habit.wanted) & (room > _LEAST_ROOM))
    dependant, source = _matches(seekers, habit, alive, rng)
    fresh = ~np.isin(_pair_keys(dependant, source), _pair_keys(links.dependant, links.source))
    dependant, source = dependant[fresh], source[fresh]
    # A part of what is left, so that shares are concentrated; cut to four digits, so that they never exceed one.
    weight = np.maximum(np.floor(room[dependant] * rng.beta(2.6, 3.8, len(source)) * 1e4) / 1e4, _LEAST_WEIGHT)
    day = rng.integers(*days, size=len(source), endpoint=True)
    day = np.maximum(day, np.maximum(known_on[dependant], known_on[source]))
    return _joined(links, Links(dependant, source, weight, day, np.full(len(source), OPEN)))


def _joined(first: Links, second: Links) -> Links:
    return Links(
        np.concatenate([first.dependant, second.dependant]),
        np.concatenate([first.source, second.source]),
        np.concatenate([first.weight, second.weight]),
        np.concatenate([first.published_on, second.published_on]),
        np.concatenate([first.ended_on, second.ended_on]),
    )


def _pair_keys(dependant: Ints, source: Ints) -> Ints:
    return dependant * 2**31 + source


def _matches(seekers: Ints, habit: Habit, alive: Bools, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return (dependant, source) of the seekers that found a partner among their proposals."""
    shape = (len(seekers), _PROPOSALS)
    appeal = habit.appeal * alive
    inner = drawn_members(habit.inner, appeal, habit.inner[seekers], rng.random(shape))
    outer = drawn_members(habit.outer, appeal, habit.outer[seekers], rng.random(shape))
    proposed = np.where(rng.random(shape) < habit.loyalty, inner, outer)
    seeker = seekers[:, None]
    # One draw against the product, so that another trait does not reshuffle the draws.
    acceptance = np.prod([trait.acceptance(proposed, seeker) for trait in habit.homophily], axis=0)
    accepted = (proposed != seeker) & (habit.rank[proposed] >= habit.rank[seeker])
    accepted &= rng.random(shape) < acceptance
    found = accepted.any(axis=1)
    return seekers[found], proposed[found, accepted[found].argmax(axis=1)]
