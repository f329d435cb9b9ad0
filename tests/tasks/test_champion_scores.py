"""The champion scores the newest published quarter, once, with what it was when it was approved."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from models.candidates import fitted_candidate
from schemas.errors import IntegrityError, NotEnoughData
from tasks.catalogue import open_catalogue
from tasks.champion_scores import champion_scores
from tasks.lake import published_file, read_frame, verify_folder
from tasks.settings import settings
from tasks.verifying import verified_home
from tests.tasks.scored_refreshes import FIRST, Bank


@pytest.fixture
def bank(home, world, graphs, empty_catalogue):
    shutil.copy(empty_catalogue, home / "catalogue.db")
    return Bank(world.portfolio(), graphs.learnable(firms=120, groups=12), settings())


def scores_of(outcome):
    """Return the table of a scoring, through the records that vouch for it."""
    folder = "lake/small_world/scores/" + outcome.files[0].split("/")[-2]
    digest = open_catalogue(settings().database_url).recorded_pages()[folder]
    manifest = verify_folder(settings().home, folder, digest)
    return read_frame(settings().home, published_file(folder, manifest, "scores.parquet"))


def test_the_champion_of_one_quarter_scores_the_next(bank):
    bank.publish(0, champion=True)
    bank.publish(2)
    found = champion_scores("small_world")
    about, table = found.scores, scores_of(found)
    assert (about.version, str(about.quarter), about.refresh) == ("1", str(FIRST.shifted(2)), "key-2")
    assert (about.champion_refresh, about.candidate, about.firms) == ("key-0", "logistic", 120)
    assert tuple(table.columns) == about.columns
    model = fitted_candidate(bank.portfolio.candidates[0], bank.data)
    expected = model.probabilities(bank.quarter(2))[:, 1]
    assert np.array_equal(table["unfavourable_probability"].to_numpy(), expected)
    assert table["predicted_class"].to_list() == ["1" if p >= about.threshold else "0" for p in expected]
    assert table["favourable"].to_list() == [p < about.threshold for p in expected]
    assert table["rating_grade"].to_list() == [bank_grade(bank, p) for p in expected]


def bank_grade(bank, probability):
    return next(grade.name for grade in bank.portfolio.master_scale.grades if probability <= grade.upper)


def test_of_its_own_quarter_it_says_what_was_published(bank):
    bank.publish(0, champion=True)
    table = scores_of(champion_scores("small_world"))
    [published] = settings().home.glob("lake/small_world/2023Q1/key-0/scores.parquet")
    assert table.drop("rating_grade").equals(pl.read_parquet(published))


def test_the_same_again_changes_nothing(bank):
    bank.publish(0, champion=True)
    first = champion_scores("small_world")
    head = open_catalogue(settings().database_url).audit_head()
    again = champion_scores("small_world")
    assert (first.already_scored, again.already_scored) == (False, True)
    assert (again.scores, again.files) == (first.scores, first.files)
    assert open_catalogue(settings().database_url).audit_head() == head
    bank.publish(1)
    assert not champion_scores("small_world").already_scored
    assert verified_home(registry=False).whole


def test_without_a_champion_there_are_no_scores(bank):
    bank.publish(0)
    with pytest.raises(NotEnoughData, match="no champion"):
        champion_scores("small_world")


def test_a_graph_with_other_inputs_is_refused_by_their_names(bank):
    bank.publish(0, champion=True)
    renamed = dataclasses.replace(bank.data.graph, feature_names=("x0", "x1", "cash"))
    other = dataclasses.replace(bank, data=dataclasses.replace(bank.data, graph=renamed))
    other.publish(1)
    with pytest.raises(NotEnoughData, match="other inputs") as caught:
        champion_scores("small_world")
    assert "feature x2" in str(caught.value)
    assert "+ feature cash" in str(caught.value)


@pytest.mark.parametrize("name", ["models/community/logistic/weights.safetensors", "evaluation.json"])
def test_a_champion_that_was_changed_does_not_score(bank, name):
    bank.publish(0, champion=True)
    file = settings().home / "lake/small_world/2023Q1/key-0" / name
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(IntegrityError):
        champion_scores("small_world")


def test_scores_that_were_changed_are_not_taken_for_scored(bank):
    bank.publish(0, champion=True)
    found = champion_scores("small_world")
    Path(found.files[0]).write_bytes(b"PAR1")
    with pytest.raises(IntegrityError, match=r"scores\.parquet has changed"):
        champion_scores("small_world")
