"""What was measured of earlier quarters is read from what was published, and only from there."""

import dataclasses

import pytest

from models.corporate_graph import corporate_graph
from schemas.errors import IntegrityError
from schemas.fair_lending import FairLending, ScoreFairness
from schemas.terms import Quarter
from tasks.fair_lending import FAIR_LENDING, earlier_fair_lending
from tasks.lake import write_json
from tasks.settings import settings
from tests.tasks.published_graphs import publish_graph

FIRST = Quarter(2023, 1)


def publish(world, number, content, *, beside=True):
    portfolio = world.portfolio()
    graph = corporate_graph(world.admitted_tables(), portfolio, FIRST.end)
    graph = dataclasses.replace(graph, as_of=FIRST.shifted(number).end)
    key = f"key-{number}"
    files = [write_json(settings().home, f"work/{key}/documents/{FAIR_LENDING}", content)] if beside else []
    return publish_graph(settings(), graph, key, beside=files)


def fair(candidate):
    return FairLending(
        candidate=candidate, firms=1, samples=(), unknown={}, combined=ScoreFairness(score="combined", groups=()),
        network=None, homophily=(), alternatives=(),
    )  # fmt: skip


def test_quarters_are_recalled_oldest_first_without_those_that_have_nothing(home, world):
    publish(world, 0, fair("first"))
    publish(world, 1, None)
    publish(world, 2, None, beside=False)
    publish(world, 3, fair("last"))
    recalled = earlier_fair_lending(settings().home, world.portfolio(), before=FIRST.shifted(4))
    assert [(quarter, one.candidate) for quarter, one in recalled] == [(FIRST, "first"), (FIRST.shifted(3), "last")]
    assert earlier_fair_lending(settings().home, world.portfolio(), before=FIRST) == []


def test_a_changed_earlier_file_is_an_error(home, world):
    folder = publish(world, 0, fair("first"))
    path = settings().home / folder / "documents" / FAIR_LENDING
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(IntegrityError):
        earlier_fair_lending(settings().home, world.portfolio(), before=FIRST.shifted(1))
