"""How a network's ranking depends on one of its settings: what a portfolio asks for, and what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError

from schemas.base import Frozen
from schemas.candidates import NetworkSpec, SingleSpec
from schemas.terms import Sample

Network = TypeVar("Network", bound=NetworkSpec)


class SettingCurveSpec(Frozen):
    """One setting of one network, with the values that a refresh fits it with besides.

    `candidate` names a network of the portfolio, `setting` one of its settings that are numbers: `beta` of GDAN, say,
    or `layers`. Each value is fitted with `seeds` seeds, the portfolio's and those after it, on what the candidate
    itself is fitted on, and measured on validation. Nothing is chosen by it. It costs values times seeds fits.
    """

    candidate: str
    setting: str
    values: Annotated[tuple[int | float, ...], Field(min_length=2, max_length=20)]
    seeds: Annotated[int, Field(ge=2, le=20)] = 5

    def mistakes(self, candidates: Sequence[SingleSpec]) -> Iterator[str]:
        """Say what makes it impossible with these candidates."""
        where = f"setting_curves: {self.setting} of {self.candidate}"
        networks = {one.name: one for one in candidates if isinstance(one, NetworkSpec)}
        spec = networks.get(self.candidate)
        if spec is None:
            yield f"{where}: `candidate` names a network ({', '.join(networks) or 'there are none'})"
            return
        numbers = [name for name in type(spec).model_fields if _is_number(getattr(spec, name))]
        if self.setting not in numbers:
            yield f"{where}: `setting` is one of the numbers that a {spec.kind} is set by ({', '.join(numbers)})"
            return
        if list(self.values) != sorted(set(self.values)):
            yield f"{where}: `values` ascend and differ"
        for value in self.values:
            try:
                with_setting(spec, self.setting, value)
            except ValidationError as error:
                yield f"{where}: {value:g} cannot be: {error.errors()[0]['msg']}"


class CurvePoint(Frozen):
    """The AUC at one value of a setting: of each sample, one a seed."""

    value: int | float
    auc: dict[Sample, tuple[float, ...]]

    def mean(self, sample: Sample) -> float:
        """Return the mean over seeds."""
        return statistics.fmean(self.auc[sample])

    def sd(self, sample: Sample) -> float:
        """Return the standard deviation over seeds."""
        return statistics.stdev(self.auc[sample])


class SettingCurve(Frozen):
    """AUC against the values of one setting.

    Attributes
    ----------
    own
        The value that the candidate itself has; it need not be among the points.
    """

    candidate: str
    kind: str
    setting: str
    own: int | float
    points: tuple[CurvePoint, ...]

    @property
    def samples(self) -> tuple[Sample, ...]:
        """What it was measured on."""
        return tuple(self.points[0].auc)

    def best(self, sample: Sample) -> CurvePoint:
        """Return the point with the highest mean; of equal ones the first."""
        return max(self.points, key=lambda point: point.mean(sample))


def with_setting(spec: Network, setting: str, value: float) -> Network:
    """Return the same candidate with another value of one setting.

    Raises
    ------
    pydantic.ValidationError
        If the setting cannot have the value.
    """
    return type(spec).model_validate({**spec.model_dump(), setting: value})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
