"""Rating grades: the master scale that probabilities of default are cut to."""

from __future__ import annotations

import itertools
from typing import Annotated

from pydantic import Field, model_validator

from schemas.base import Frozen


class GradeSpec(Frozen):
    """One grade: its name and the largest probability of default that still belongs to it."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9+. -]{0,19}$")]
    upper: Annotated[float, Field(gt=0, le=1)]


#: Ten grades, each bound about twice the one before; seven for firms that have not defaulted are the least that
#: BCBS (2006), paragraph 404, asks for.
DEFAULT_GRADES = tuple(
    GradeSpec(name=str(number), upper=upper)
    for number, upper in enumerate((0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 1.0), start=1)
)


class MasterScaleSpec(Frozen):
    """Grades from the best to the worst; a firm is in the first one whose `upper` its probability does not exceed."""

    grades: Annotated[tuple[GradeSpec, ...], Field(min_length=2)] = DEFAULT_GRADES

    @model_validator(mode="after")
    def _ordered(self) -> MasterScaleSpec:
        names, bounds = [grade.name for grade in self.grades], [grade.upper for grade in self.grades]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"grades: names must differ, these repeat: {', '.join(twice)}")
        if any(after <= before for before, after in itertools.pairwise(bounds)) or bounds[-1] != 1:
            raise ValueError(f"grades: `upper` must rise and end with 1; found {', '.join(map(str, bounds))}")
        return self
