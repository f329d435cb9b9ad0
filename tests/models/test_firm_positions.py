"""Ids are found whatever their form, and a bad hash costs time and nothing else."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import firm_positions
from models.firm_positions import FirmPositions

texts = st.text(max_size=20)


@given(st.sets(texts, max_size=30), st.lists(texts, max_size=30), st.randoms(use_true_random=False))
def test_every_id_is_where_it_stands_and_no_other_is_found(known, others, random):
    firms = sorted(known)
    wanted = [*known, *others]
    random.shuffle(wanted)
    found = FirmPositions(pl.Series(firms, dtype=pl.String)).of(pl.Series(wanted, dtype=pl.String))
    assert found.tolist() == [firms.index(text) if text in known else -1 for text in wanted]


@pytest.mark.parametrize("distinct", [1, 2, 3])
@given(st.sets(texts, min_size=1, max_size=12), st.lists(texts, max_size=12))
def test_firms_of_one_hash_are_told_apart(distinct, known, others):
    firms, wanted = sorted(known), [*known, *others]
    with pytest.MonkeyPatch.context() as patch:
        # 2^64 - 1 is also the sentinel behind the last firm.
        patch.setattr(
            firm_positions, "_hashes", lambda ids: np.uint64(2**64 - 1) - ids.hash().to_numpy() % np.uint64(distinct)
        )
        found = FirmPositions(pl.Series(firms, dtype=pl.String)).of(pl.Series(wanted, dtype=pl.String))
    assert found.tolist() == [firms.index(text) if text in known else -1 for text in wanted]


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_the_size_of_a_chunk_changes_nothing(chunk, monkeypatch):
    monkeypatch.setattr(firm_positions, "_CHUNK", chunk)
    firms = pl.Series([f"f{number:03d}" for number in range(200)])
    wanted = np.random.default_rng(0).integers(0, 220, 500)
    ids = pl.Series([f"f{number:03d}" for number in wanted])
    np.testing.assert_array_equal(FirmPositions(firms).of(ids), np.where(wanted < 200, wanted, -1))


def test_numbers_are_ids_too_and_null_is_nobody():
    firms = FirmPositions(pl.Series([3, 5, 8], dtype=pl.Int64))
    assert firms.of(pl.Series([8, None, 4, 3], dtype=pl.Int32)).tolist() == [2, -1, -1, 0]


def test_nobody_is_found_where_nobody_is():
    assert FirmPositions(pl.Series([], dtype=pl.String)).of(pl.Series(["a", ""])).tolist() == [-1, -1]
