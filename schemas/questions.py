"""What only people can answer of a model: the topics that every model card asks about, and a portfolio's questions."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, model_validator

from schemas.base import Frozen


class Topic(StrEnum):
    """A topic that a validator expects people to have settled (`ASKED` has a question on each)."""

    USE = "use"
    MATERIALITY = "materiality"
    ROLES = "roles"
    VALIDATION = "validation"
    ESCALATION = "escalation"
    INVENTORY = "inventory"
    NATURAL_PERSONS = "natural_persons"
    OVERSIGHT = "oversight"
    ADVERSE_ACTION = "adverse_action"
    FAIR_LENDING = "fair_lending"
    CAPITAL = "capital"
    DATA_SHARING = "data_sharing"
    LOCALISATION = "localisation"
    CYBERSECURITY = "cybersecurity"
    CONFORMITY = "conformity"
    RETENTION = "retention"


class Asked(Frozen):
    """The card's own question on a topic, whose it is unless the portfolio names somebody, and where it comes from."""

    topic: Topic
    title: str
    question: str
    owner: str
    source: str


_SR = "SR 26-2 / OCC Bulletin 2026-13"

_AI_ACT = "Regulation (EU) 2024/1689"

ASKED: tuple[Asked, ...] = (
    Asked(
        topic=Topic.USE,
        title="Use and its conditions",
        question="Who uses the scores, for which decision, under which conditions, and what must they not be used for?",
        owner="portfolio owner",
        source=f"{_SR}, conditions of use",
    ),
    Asked(
        topic=Topic.MATERIALITY,
        title="Materiality",
        question="Which exposure do the scores decide on, and how material does that and their purpose make the model?",
        owner="model owner",
        source=f"{_SR}, materiality",
    ),
    Asked(
        topic=Topic.ROLES,
        title="Roles",
        question="Who owns, develops, runs and approves the model?",
        owner="model owner",
        source=f"{_SR}, roles and approvals",
    ),
    Asked(
        topic=Topic.VALIDATION,
        title="Independent validation",
        question="Who validated the model independently, when, what was challenged, and when is the next validation?",
        owner="model validation",
        source=f"{_SR}, independent validation and effective challenge; EBA IRB validation handbook (2023)",
    ),
    Asked(
        topic=Topic.ESCALATION,
        title="Escalation",
        question="Who is told when a limit of monitoring is crossed, what must they do, and within how many days?",
        owner="model owner",
        source=f"{_SR}, monitoring thresholds and escalation",
    ),
    Asked(
        topic=Topic.INVENTORY,
        title="Inventory and dependencies",
        question="Under which number does the inventory list the model, and which systems feed it or depend on it?",
        owner="model risk management",
        source=f"{_SR}, inventory and dependencies",
    ),
    Asked(
        topic=Topic.NATURAL_PERSONS,
        title="Scope under the AI Act",
        question="Are natural persons scored, such as sole traders or guarantors, so that Annex III 5(b) applies?",
        owner="compliance",
        source=f"{_AI_ACT}, Annex III 5(b)",
    ),
    Asked(
        topic=Topic.OVERSIGHT,
        title="Human oversight and overrides",
        question="Who can stop, set aside or override a score, on which grounds, and where are overrides kept?",
        owner="portfolio owner",
        source=f"{_AI_ACT}, Annex IV 2(e); GDPR, Article 22; ECB guide to internal models (July 2025)",
    ),
    Asked(
        topic=Topic.ADVERSE_ACTION,
        title="Adverse action",
        question="Is credit declined or priced on a score, and who sends the applicant the reasons?",
        owner="compliance",
        source="Regulation B, 12 CFR 1002.9",
    ),
    Asked(
        topic=Topic.FAIR_LENDING,
        title="Fair lending",
        question="On which legal ground are protected attributes kept or inferred, which are prohibited bases, and who "
        "decides on a less discriminatory alternative?",
        owner="fair-lending officer",
        source=f"12 CFR 1002.4(a) (s); {_AI_ACT}, Annex IV 2(g)",
    ),
    Asked(
        topic=Topic.CAPITAL,
        title="Own funds",
        question="Do the probabilities enter own funds requirements; if so, with which margin of conservatism?",
        owner="credit risk control",
        source="EBA/GL/2017/16; Basel Framework, CRE36",
    ),
    Asked(
        topic=Topic.DATA_SHARING,
        title="Data sharing",
        question="Whose data is in the tables and the graph, on which legal basis is it shared, and with whom?",
        owner="data protection officer",
        source="Decree 13/2023; GDPR",
    ),
    Asked(
        topic=Topic.LOCALISATION,
        title="Localisation",
        question="In which country must deliveries, graph and scores be stored and processed, and are they?",
        owner="data protection officer",
        source="Decree 53/2022",
    ),
    Asked(
        topic=Topic.CYBERSECURITY,
        title="Cybersecurity",
        question="What protects deliveries, graph and weights from tampering, and who tested that when?",
        owner="information security",
        source=f"{_AI_ACT}, Annex IV 2(h)",
    ),
    Asked(
        topic=Topic.CONFORMITY,
        title="Conformity and watching after release",
        question="Is a declaration of conformity due, by which standards, and what is the plan for watching in use?",
        owner="compliance",
        source=f"{_AI_ACT}, Annex IV 7 to 9",
    ),
    Asked(
        topic=Topic.RETENTION,
        title="Retention",
        question="For how long are cards, logs, weights and deliveries kept, and who sees to it?",
        owner="records management",
        source=f"{_AI_ACT}, retention of 10 years (s)",
    ),
)


_BY_TOPIC = {asked.topic: asked for asked in ASKED}


class Question(Frozen):
    """Something only people can answer; an unanswered question is an open finding on the card.

    `about` is the topic of `ASKED` that it settles. The card asks about each of them, whether the portfolio does or
    not; with a topic, question and owner are those of `ASKED` unless they are given.
    """

    question: Annotated[str, Field(min_length=1)]
    owner: Annotated[str, Field(min_length=1)]
    about: Topic | None = None
    answer: str = ""

    @model_validator(mode="before")
    @classmethod
    def _by_topic(cls, given: Any) -> Any:
        about = given.get("about") if isinstance(given, dict) else None
        if not isinstance(about, str) or about not in _BY_TOPIC:
            return given
        asked = _BY_TOPIC[Topic(about)]
        return {"question": asked.question, "owner": asked.owner, **given}
