"""What the model card asks people, and what they answered: its own questions first, then the portfolio's."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.base import Frozen
from schemas.portfolio import PortfolioSpec
from schemas.questions import ASKED, Asked, Question, Topic


class Settled(Frozen):
    """A question and what people answered; the answer is empty where it is open."""

    topic: Topic | None
    title: str
    question: str
    owner: str
    answer: str
    source: str


def settled(portfolio: PortfolioSpec, topics: Iterable[str] | None = None) -> tuple[Settled, ...]:
    """Return the card's questions with the portfolio's answers, then the portfolio's own questions.

    Parameters
    ----------
    topics
        Only these, in the order of the card's questions, and no questions of the portfolio's own.
    """
    given = {question.about: question for question in portfolio.questions if question.about is not None}
    found = []
    for asked in ASKED:
        own = given.get(asked.topic) or Question(question=asked.question, owner=asked.owner)
        found.append(_settled(own, asked))
    if topics is not None:
        wanted = set(topics)
        return tuple(one for one in found if one.topic in wanted)
    return (*found, *(_settled(question) for question in portfolio.questions if question.about is None))


def owner_of(portfolio: PortfolioSpec, topic: Topic) -> str:
    """Return whose a topic is."""
    return settled(portfolio, [topic])[0].owner


def _settled(question: Question, asked: Asked | None = None) -> Settled:
    return Settled(
        topic=asked.topic if asked else None,
        title=asked.title if asked else "",
        question=question.question.strip(),
        owner=question.owner,
        answer=question.answer.strip(),
        source=asked.source if asked else "the portfolio file",
    )
