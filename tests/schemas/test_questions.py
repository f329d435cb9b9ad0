"""A question names a topic of the model card or asks something of its own, and says whose it is."""

import pytest
from pydantic import ValidationError

from monitoring.questions import owner_of, settled
from schemas.questions import ASKED, Question, Topic


def test_every_topic_is_asked_about_once():
    assert [asked.topic for asked in ASKED] == list(Topic)


def test_a_topic_brings_its_question_and_its_owner_unless_they_are_given():
    asked = next(asked for asked in ASKED if asked.topic is Topic.MATERIALITY)
    bare = Question.model_validate({"about": "materiality", "answer": "Low."})
    assert (bare.question, bare.owner, bare.answer) == (asked.question, asked.owner, "Low.")
    own = Question.model_validate({"about": "materiality", "question": "How much?", "owner": "Board"})
    assert (own.question, own.owner, own.about) == ("How much?", "Board", Topic.MATERIALITY)


@pytest.mark.parametrize(
    "given",
    [
        {"owner": "me"},
        {"question": "Who?"},
        {"about": "weather"},
        {"about": ["materiality"]},
        {"question": "", "owner": "me"},
    ],
)
def test_a_question_without_a_topic_needs_text_and_owner(given):
    with pytest.raises(ValidationError):
        Question.model_validate(given)


def test_a_topic_is_answered_once(world):
    twice = [{"about": "use", "answer": "one"}, {"about": "use", "answer": "two"}]
    with pytest.raises(ValueError, match="topics of questions: names must differ, these repeat: use"):
        world.portfolio(questions=twice)


def test_the_cards_questions_come_first_with_what_was_answered(world):
    portfolio = world.portfolio(
        questions=[
            {"question": "Why?", "owner": "us"},
            {"about": "roles", "owner": "Head of risk", "answer": " A, B. "},
        ]
    )
    found = settled(portfolio)
    assert [one.topic for one in found] == [*Topic, None]
    assert found[-1].question == "Why?"
    assert {one.topic: one.answer for one in found if one.answer} == {Topic.ROLES: "A, B."}
    assert owner_of(portfolio, Topic.ROLES) == "Head of risk"
    assert [one.topic for one in settled(portfolio, ["roles", "use"])] == [Topic.USE, Topic.ROLES]
