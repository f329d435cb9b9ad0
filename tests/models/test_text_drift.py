"""Texts between two quarters: what people always write does not ring, a planted vocabulary does."""

import json

import numpy as np
import polars as pl
import pytest

from models.firm_texts import FirmTexts, firm_texts, text_tables
from models.text_drift import NEW_WORDS, TEXT_CHANCE, TEXT_DISTANCE, text_measures, text_move, text_moves
from schemas.terms import Quarter

ROWS = 50_000
WORDS = [f"word{number}" for number in range(60)]
PLANTED = " lockdown shortage semiconductors delivery"
FIRMS = np.array([f"f{number:03d}" for number in range(200)])


def written(seed, firms=FIRMS):
    """Return a text a firm, drawn from the same words, some of them frequent."""
    rng = np.random.default_rng(seed)
    odds = 1 / np.arange(3, 3 + len(WORDS))
    drawn = rng.choice(WORDS, size=(len(firms), 25), p=odds / odds.sum())
    return FirmTexts("report", firms, [" ".join(words) for words in drawn.tolist()])


def planted(texts, share, seed=0):
    hit = np.random.default_rng(seed).random(len(texts.texts)) < share
    changed = [text + PLANTED if one else text for text, one in zip(texts.texts, hit, strict=True)]
    return FirmTexts(texts.name, texts.firms, changed, texts.embedded)


def test_unchanged_texts_are_no_distance_apart():
    move = text_move(written(0), written(0), rows=ROWS)
    assert (move.distance, move.chance, move.words.unknown) == (0.0, 1.0, 0.0)
    assert move.words.rising == move.words.falling == ()


def test_texts_drawn_anew_lie_as_far_apart_as_chance_has_it():
    chances = [text_move(written(seed), written(seed + 100), rows=ROWS).chance for seed in range(12)]
    assert min(chances) > 0.01
    assert 0.2 < np.mean(chances) < 0.8


def test_firms_that_come_and_go_are_dealt_anew_among_the_quarters():
    older, newer = FIRMS[:150], FIRMS[50:]
    chances = [text_move(written(s, older), written(s + 100, newer), rows=ROWS).chance for s in range(8)]
    assert min(chances) > 0.01
    assert text_move(written(0, older), planted(written(100, newer), 0.3), rows=ROWS).chance == pytest.approx(1 / 500)


def test_a_planted_vocabulary_is_found_and_named():
    move = text_move(written(0), planted(written(0), 0.3), rows=ROWS)
    assert move.chance == pytest.approx(1 / 500)
    assert move.distance > 2 * move.beyond_chance(0.01)
    assert {one.word for one in move.words.rising} == set(PLANTED.split())
    assert all(one.before == 0.0 and 0.2 < one.after < 0.4 for one in move.words.rising)
    assert move.words.unknown == pytest.approx(4 * 0.3 / 26, rel=0.2)


def test_a_paired_shift_is_found_where_independent_samples_would_hide_it():
    """Five firms in a hundred write something new: less than two samples of the same firms differ by."""
    paired = text_move(written(0), planted(written(0), 0.05), rows=ROWS)
    drawn_anew = text_move(written(0), written(100), rows=ROWS)
    assert paired.distance < drawn_anew.distance
    assert paired.chance < 0.01 < drawn_anew.chance


def test_delivered_embeddings_are_compared_as_they_are():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(200, 4)) + np.array([2.0, 0, 0, 0])

    def told(rows):
        return FirmTexts("profile", FIRMS, [json.dumps(row) for row in rows.tolist()], embedded=4)

    move = text_move(told(values), told(values + np.array([0, 1.5, 0, 0])), rows=ROWS)
    assert move.chance == pytest.approx(1 / 500)
    assert move.words is None
    units = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (values, values + np.array([0, 1.5, 0, 0]))]
    means = [unit.mean(axis=0) for unit in units]
    spread = np.sqrt(np.square(units[0] - means[0]).sum(axis=1).mean())
    assert move.distance == pytest.approx(np.linalg.norm(means[1] - means[0]) / spread, rel=1e-5)


def test_few_texts_are_not_compared():
    move = text_move(written(0, FIRMS[:19]), written(0), rows=ROWS)
    assert move.distance is None
    (measured,) = text_measures([move])
    assert (measured.statistic, measured.reason) == (TEXT_DISTANCE, "19 texts, fewer than 20")


def test_at_most_the_given_number_of_firms_is_looked_at():
    move = text_move(written(0), written(1), rows=50)
    assert (move.before, move.after) == (50, 50)


def test_measures_hold_the_distance_and_the_new_words_against_the_past():
    found = {one.statistic: one for one in text_measures([text_move(written(0), planted(written(1), 0.3), rows=ROWS)])}
    assert set(found) == {TEXT_DISTANCE, TEXT_CHANCE, NEW_WORDS}
    assert found[TEXT_CHANCE].direction == "shown"
    assert found[TEXT_DISTANCE].direction == found[NEW_WORDS].direction == "up"
    assert 0 < found[TEXT_DISTANCE].error < found[TEXT_DISTANCE].value


def test_only_texts_of_one_name_and_kind_are_compared():
    words, other = written(0), written(1)
    renamed = FirmTexts("letter", other.firms, other.texts)
    vectors = FirmTexts("report", other.firms, other.texts, embedded=4)
    assert [one.name for one in text_moves([words], [other, renamed], rows=ROWS)] == ["report"]
    assert text_moves([words], [vectors], rows=ROWS) == ()


def test_texts_of_relations_and_columns_are_those_known_at_the_quarters_end(world):
    described = world.portfolio().model_dump(mode="json")
    relation = {"kind": "similar_text", "name": "words", "file": "words", "firm_id": "id", "text": "says",
                "published_on": "on", "cut_off": 0.3}  # fmt: skip
    filings = described["filings"] | {
        "columns": [*described["filings"]["columns"], {"name": "outlook", "kind": "text", "role": "note"}]
    }
    portfolio = world.portfolio(relations=[*described["relations"], relation], filings=filings)
    assert text_tables(portfolio) == ("relations:words", "filings")
    tables = world.admitted_tables()
    ends = [quarter.end for quarter in world.QUARTERS]
    tables["relations:words"] = pl.DataFrame(
        {"firm_id": ["a1", "a1", "b1"], "text": ["old", "new", " "], "published_on": [ends[0], ends[1], ends[0]]}
    )
    tables["filings"] = tables["filings"].with_columns(outlook=pl.col("firm_id") + " is well")
    firms = np.array(["a1", "a2", "b1"])
    first, second = (firm_texts(tables, firms, portfolio, Quarter.of(end).end) for end in ends[:2])
    assert (first[0].name, first[0].firms.tolist(), first[0].texts) == ("words", ["a1"], ["old"])
    assert second[0].texts == ["new"]
    assert (first[1].name, first[1].texts[0]) == ("outlook", "a1 is well")


def test_texts_that_were_all_alike_have_no_deviation_to_measure_by():
    alike = FirmTexts("report", FIRMS, ["business as usual"] * 200)
    assert text_move(alike, alike, rows=ROWS).distance == 0.0
    (measured,) = text_measures([text_move(alike, written(0), rows=ROWS)])
    assert measured.reason == "all earlier texts are equal"
