"""Monitoring against the lake: which quarters count, what is read again and what is measured anew."""

import dataclasses
from pathlib import Path

import polars as pl
import pytest

from models.corporate_graph import corporate_graph
from schemas.errors import IntegrityError
from schemas.results import Judged, Verdict
from schemas.terms import Quarter
from tasks.lake import write_frame, write_json
from tasks.monitored_quarters import JUDGEMENT, monitored, recalled_quarters
from tasks.settings import settings
from tests.tasks.published_graphs import publish_graph

FIRST = Quarter(2023, 1)


@pytest.fixture
def portfolio(world):
    return world.portfolio(gates={"baseline_quarters": 4})


@pytest.fixture
def graph_of(world, portfolio):
    first = corporate_graph(world.admitted_tables(), portfolio, FIRST.end)

    def made(number, profit=0.0):
        values = first.features.copy()
        values[:, first.feature_names.index("profit")] += profit + 0.01 * (number % 3)
        return dataclasses.replace(first, as_of=FIRST.shifted(number).end, features=values)

    return made


@pytest.fixture
def published(home, graph_of):
    """Publish this many quarters, each as its graph alone, and return the home."""

    def publish(count):
        for number in range(count):
            publish_graph(settings(), graph_of(number), f"key-{number}")
        return settings().home

    return publish


def test_the_first_quarter_has_nothing_to_be_compared_with(home, graph_of, portfolio):
    found = monitored(settings().home, portfolio, graph_of(0))
    assert found.quarter is None
    assert found.features.reason == "no earlier quarter has been published"


def test_earlier_quarters_are_measured_anew_where_they_were_not_monitored(published, portfolio):
    earlier = recalled_quarters(published(4), portfolio, before=FIRST.shifted(4))
    assert [one.quarter for one in earlier] == [FIRST.shifted(number) for number in (1, 2, 3)]
    assert [one.expected_quarter for one in earlier] == [FIRST.shifted(number) for number in (0, 1, 2)]
    assert all(one.readings for one in earlier)


def test_a_quarter_that_left_what_the_earlier_ones_did_rings(published, graph_of, portfolio):
    where = published(6)
    quiet, loud = (monitored(where, portfolio, graph_of(6, profit)).quarter for profit in (0.0, 3.0))
    assert quiet.alarms == ()
    assert [(alarm.kind, alarm.subject) for alarm in loud.alarms] == [("feature", "profit")]
    assert loud.baseline == tuple(FIRST.shifted(number) for number in range(1, 6))


def test_what_was_monitored_is_read_and_not_measured_again(home, graph_of, portfolio):
    publish_graph(settings(), graph_of(0), "key-0")
    publish_graph(settings(), graph_of(1), "key-1")
    kept = monitored(settings().home, portfolio, graph_of(2)).quarter
    verdict = Verdict(outcome="passed", chosen="logistic", summary="good", graph_helped="no")
    compared = monitored(settings().home, portfolio, graph_of(2))
    judged = Judged(
        fairness=(), feature_drift=compared.features, graph_drift=compared.graph, gates=(), verdict=verdict,
        monitoring=kept.model_copy(update={"portfolio": "as it was written then"}),
    )  # fmt: skip
    judgement = write_json(settings().home, f"work/key-2/{JUDGEMENT}", judged)
    publish_graph(settings(), graph_of(2), "key-2", beside=[judgement])
    earlier = recalled_quarters(settings().home, portfolio, before=FIRST.shifted(3))
    assert [one.portfolio for one in earlier] == [portfolio.name, "as it was written then"]


def test_texts_are_read_with_both_quarters_and_a_planted_vocabulary_rings(home, world, graph_of):
    relation = {"kind": "similar_text", "name": "words", "file": "words", "firm_id": "id", "text": "says",
                "published_on": "on", "cut_off": 0.3}  # fmt: skip
    delivered = world.portfolio().model_dump(mode="json")["relations"]
    portfolio = world.portfolio(relations=[*delivered, relation], gates={"drifted_feature_share": 0.0})

    def kept(folder, quarter, planted=""):
        rows = pl.DataFrame(
            {
                "firm_id": list(world.FIRMS),
                "text": [f"trade of kind{n % 7} is calm{planted}" for n in range(len(world.FIRMS))],
            }
        ).with_columns(published_on=pl.lit(quarter.end))
        return write_frame(settings().home, f"{folder}/admitted/relations-words.parquet", rows)

    publish_graph(settings(), graph_of(0), "key-0", beside=[kept("work/key-0", FIRST)])
    quiet, loud = (
        monitored(
            settings().home, portfolio, graph_of(1), tables={"relations:words": kept(f"work/{k}", FIRST, planted)}
        )
        for k, planted in enumerate(("", " but for lockdown"))
    )
    assert quiet.features.columns[-1].value == 0.0
    assert "words" not in {alarm.subject for alarm in quiet.quarter.alarms}
    assert "words" in {alarm.subject for alarm in loud.quarter.alarms}
    assert {one.word for one in loud.features.texts[0].rising} == {"but", "for", "lockdown"}
    without = monitored(settings().home, portfolio, graph_of(1))
    assert without.features.texts == ()


def test_a_changed_earlier_file_is_an_error(published, graph_of, portfolio):
    where = published(2)
    (damaged,) = Path(where).glob("lake/**/graphs/2023Q2.safetensors")
    damaged.write_bytes(damaged.read_bytes() + b" ")
    with pytest.raises(IntegrityError):
        monitored(where, portfolio, graph_of(2))


def test_a_text_column_that_was_declared_since_has_nothing_to_be_compared_with(home, world, graph_of):
    firms = world.portfolio().model_dump(mode="json")["firms"]
    firms["columns"].append({"name": "about", "kind": "text", "role": "note"})
    portfolio = world.portfolio(firms=firms)

    def kept(folder, **more):
        rows = pl.DataFrame({"firm_id": list(world.FIRMS), **more}).with_columns(
            published_on=pl.lit(FIRST.end), valid_until=pl.lit(None, dtype=pl.Date)
        )
        return write_frame(settings().home, f"{folder}/admitted/firms.parquet", rows)

    publish_graph(settings(), graph_of(0), "key-0", beside=[kept("work/key-0")])
    with_texts = kept("work/it", about=["steel and rails"] * len(world.FIRMS))
    found = monitored(settings().home, portfolio, graph_of(1), tables={"firms": with_texts})
    assert found.features.texts == ()


def test_embeddings_of_another_size_are_not_compared(home, world, graph_of):
    relation = {"kind": "similar_text", "name": "words", "file": "words", "firm_id": "id", "text": "says",
                "published_on": "on", "cut_off": 0.3, "method": "given", "components": 3}  # fmt: skip
    delivered = world.portfolio().model_dump(mode="json")["relations"]
    portfolio = world.portfolio(relations=[*delivered, relation])

    def kept(folder, text):
        rows = pl.DataFrame({"firm_id": list(world.FIRMS), "text": text}).with_columns(published_on=pl.lit(FIRST.end))
        return write_frame(settings().home, f"{folder}/admitted/relations-words.parquet", rows)

    publish_graph(settings(), graph_of(0), "key-0", beside=[kept("work/key-0", "[1, 2]")])
    tables = {"relations:words": kept("work/it", "[1, 2, 3]")}
    assert monitored(settings().home, portfolio, graph_of(1), tables=tables).features.texts == ()
