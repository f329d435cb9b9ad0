"""The small words everything else is said with: quarters and closed vocabularies."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from schemas.errors import SettingsError

_QUARTER = re.compile(r"(\d{4})-?Q([1-4])")


@dataclass(frozen=True, order=True)
class Quarter:
    """A calendar quarter, written ``2024Q4``.

    Quarters are ordered in time. `end` is the knowledge date of the quarter (`as_of`).
    """

    year: int
    number: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= 4:
            raise ValueError(f"a quarter's number is 1 to 4; found {self.number}")

    @classmethod
    def parse(cls, text: str) -> Quarter:
        """Read ``2024Q4``.

        Raises
        ------
        SettingsError
            If the text is not a year from 1900 to 2199, a Q and a number from 1 to 4.
        """
        match = _QUARTER.fullmatch(text.strip().upper())
        if match is None or not 1900 <= int(match[1]) < 2200:
            raise SettingsError(
                f"{text!r} is not a quarter.", expected="a year and a quarter, such as 2024Q4", found=repr(text)
            )
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: dt.date) -> Quarter:
        """Return the quarter that a day falls in."""
        return cls(day.year, (day.month - 1) // 3 + 1)

    @property
    def end(self) -> dt.date:
        """Last day of the quarter."""
        return self.shifted(1).start - dt.timedelta(days=1)

    @property
    def start(self) -> dt.date:
        """First day of the quarter."""
        return dt.date(self.year, 3 * self.number - 2, 1)

    def shifted(self, quarters: int) -> Quarter:
        """Return the quarter that lies `quarters` later (earlier when negative)."""
        months = self.year * 4 + self.number - 1 + quarters
        return Quarter(months // 4, months % 4 + 1)

    def __str__(self) -> str:
        return f"{self.year}Q{self.number}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def read(value: object) -> Quarter:
            if isinstance(value, Quarter):
                return value
            try:
                return cls.parse(str(value))
            except SettingsError as error:
                raise ValueError(f"{error.problem.rstrip('.')}; expected {error.expected}") from error

        return core_schema.no_info_plain_validator_function(
            read,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


class Kind(StrEnum):
    """How the text of a column is read."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    CATEGORY = "category"
    DATE = "date"
    QUARTER = "quarter"


class Role(StrEnum):
    """What a column is used for."""

    FEATURE = "feature"
    PROTECTED = "protected"
    SPLIT = "split"
    NOTE = "note"


class Table(StrEnum):
    """The tables of a delivery; a partition is only there if the split uses a given one."""

    FIRMS = "firms"
    RELATIONS = "relations"
    FILINGS = "filings"
    OUTCOMES = "outcomes"
    PARTITION = "partition"


class TargetKind(StrEnum):
    """What is predicted."""

    BINARY = "binary"
    ORDINAL = "ordinal"


class Sample(StrEnum):
    """Which part of the evidence a firm-quarter belongs to.

    `OUT_OF_TIME` is the newest closed vintage without the firms that are held out otherwise; those, seen
    later and never learnt from, are `OUT_OF_BOTH`.
    """

    DEVELOPMENT = "development"
    VALIDATION = "validation"
    OUT_OF_TIME = "out_of_time"
    OUT_OF_COMMUNITY = "out_of_community"
    PUBLISHED_TEST = "published_test"
    UNSEEN_FIRMS = "unseen_firms"
    OUT_OF_BOTH = "out_of_both"
    RANDOM_TEST = "random_test"
    EXCLUDED = "excluded"


#: Samples that a refresh is judged by: each has its gates, and the graph must help on all of them.
GATED_SAMPLES = (Sample.PUBLISHED_TEST, Sample.OUT_OF_COMMUNITY, Sample.UNSEEN_FIRMS, Sample.OUT_OF_TIME)
#: Samples that neither fitting nor selection may see. Of those without gates, `OUT_OF_BOTH` is a small part of
#: one vintage, where a limit would judge chance, and `RANDOM_TEST` flatters everybody.
TEST_SAMPLES = (*GATED_SAMPLES, Sample.OUT_OF_BOTH, Sample.RANDOM_TEST)


class Scheme(StrEnum):
    """A way of dealing firm-quarters into samples; every candidate is fitted once a scheme.

    `COMMUNITY` holds whole communities out, `ENTITY` single firms, `TEMPORAL` the newest vintages, and
    `RANDOM` rows, whatever their firm: only to measure by how much that flatters.
    """

    COMMUNITY = "community"
    PUBLISHED = "published"
    TEMPORAL = "temporal"
    ENTITY = "entity"
    RANDOM = "random"


class Family(StrEnum):
    """What a candidate knows of a firm."""

    TABULAR = "tabular"
    NEIGHBOUR = "neighbour"
    GNN = "gnn"


class Judgement(StrEnum):
    """The verdict of one gate."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    NOT_ASSESSABLE = "not assessable"
