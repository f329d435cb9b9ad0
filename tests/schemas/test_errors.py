"""Errors say what was expected, what was found and the way out, and survive a journey between processes."""

import pickle

import pytest

from schemas import errors
from schemas.errors import CreditnetError, DeliveryError, column_diff, examples, nearest

FAMILY = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, CreditnetError) and kind is not CreditnetError
]


def test_a_message_has_a_line_for_each_part():
    error = DeliveryError("A column is missing.", expected="assets", found="asets", way_out="rename it")
    assert str(error) == "A column is missing.\n  expected: assets\n  found: asets\n  way out: rename it"


def test_parts_that_nobody_gave_have_no_line():
    assert str(CreditnetError("It broke.")) == "It broke."
    assert str(CreditnetError("It broke.", way_out="mend it")) == "It broke.\n  way out: mend it"


@pytest.mark.parametrize("kind", [CreditnetError, *FAMILY])
def test_an_error_is_the_same_after_pickling(kind):
    error = kind("It broke.", expected="a", found="b", way_out="c")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == str(error)


def test_each_kind_of_error_has_its_own_exit_code():
    codes = [kind.exit_code for kind in (CreditnetError, *FAMILY)]
    assert len(codes) == len(set(codes))
    assert all(0 < code < 126 and code != 2 for code in codes), "2 is taken by the command line's own usage errors"


def test_at_most_five_examples_are_listed():
    assert examples([]) == "nothing"
    assert examples(range(5)) == "0, 1, 2, 3, 4"
    assert examples(range(8)) == "0, 1, 2, 3, 4 and 3 more"
    assert examples(iter("abc"), shown=2) == "a, b and 1 more"


def test_the_nearest_word_is_found_or_nothing():
    assert nearest("revenu", ["assets", "revenue"]) == "revenue"
    assert nearest("xyz", ["assets", "revenue"]) == ""
    assert nearest("xyz", []) == ""


def test_a_column_difference_shows_a_probable_renaming():
    shown = column_diff(["firm_id", "total_assets", "debt"], ["firm_id", "total_asset", "branch"])
    assert shown == ("\n    - total_assets   (renamed to total_asset?)\n    - debt\n    + total_asset\n    + branch")


def test_equal_columns_have_no_difference():
    assert column_diff(["a", "b"], ["b", "a"]).strip() == ""
