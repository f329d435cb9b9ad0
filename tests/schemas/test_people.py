"""Two spellings of a name are one person; a name that could deceive is refused."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SettingsError
from schemas.people import SYSTEM, person, requester_name, written_name


@pytest.mark.parametrize(
    "spelling",
    ["Ann", "ann ", "  ANN", "Ａｎｎ", "A n n", "ann\t", "ann\u00a0"],
)
def test_spellings_of_one_name_are_one_person(spelling):
    assert person(written_name(spelling)) == person("Ann")


def test_composed_and_decomposed_letters_are_one_person():
    composed, decomposed = "Jürgen Groß", unicodedata.normalize("NFD", "JÜRGEN GROSS")
    assert composed != decomposed
    assert person(written_name(composed)) == person(written_name(decomposed))


@pytest.mark.parametrize("other", ["Anne", "Ann B", "Änn", "Анн"])
def test_other_names_are_other_people(other):
    assert person(written_name(other)) != person("Ann")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "no letter"),
        ("  ", "no letter"),
        ("123", "no letter"),
        ("Ann\u200b", "cannot be seen"),
        ("A\u202enn", "cannot be seen"),
        ("Ann\x07", "cannot be seen"),
        ("\u0410nn", "Cyrillic and Latin"),
        ("Αnn", "Greek and Latin"),
        ("x" * 121, "121 characters"),
        ("system", "machinery"),
        (" SYS tem", "machinery"),
    ],
)
def test_a_name_that_could_deceive_is_refused(name, problem):
    with pytest.raises(SettingsError, match=problem):
        written_name(name)


def test_only_the_machinery_itself_may_ask_as_system():
    assert requester_name(SYSTEM) == SYSTEM
    with pytest.raises(SettingsError):
        requester_name("System")
    assert requester_name(" Ann  Smith ") == "Ann Smith"


@given(st.text(max_size=40))
def test_a_written_name_is_written_the_same_again_and_stays_the_same_person(text):
    try:
        written = written_name(text)
    except SettingsError:
        return
    assert written_name(written) == written
    assert person(written) == person(text)
    assert person(person(written)) == person(written)
