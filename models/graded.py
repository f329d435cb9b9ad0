"""Candidates that learn the finer grades behind the classes: a class is as probable as its grades together.

Two firms of one class may lie far apart on the scale that the class is cut from. Grades tell a candidate so; what is
predicted, selected and judged stays the class, P(class c) = sum of P(grade g) over the grades g of c.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fitted import Fitted, FittingData, ModelContent, Notes
from schemas.candidates import OrderedCandidate

_TEXT = "grades.json"

Spec = TypeVar("Spec", bound=OrderedCandidate)


@dataclass(frozen=True)
class FittedGraded:
    """A model of the grades.

    Attributes
    ----------
    class_of : (grades,)
        Class index of each grade.
    """

    model: Fitted
    class_of: tuple[int, ...]

    @property
    def notes(self) -> Notes:
        """What fitting found, and how many grades there are."""
        return {"grades": len(self.class_of), **self.model.notes}

    @property
    def inputs(self) -> int:
        """Number of input columns."""
        return self.model.inputs

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes)."""
        return self.model.probabilities(graph) @ np.eye(max(self.class_of) + 1)[list(self.class_of)]

    def content(self) -> ModelContent:
        """Return the model's content and the class of each grade."""
        inner = self.model.content()
        return replace(inner, texts={**inner.texts, _TEXT: json.dumps(self.class_of)})

    @classmethod
    def from_content(cls, content: ModelContent, restored: Callable[[ModelContent], Fitted]) -> FittedGraded:
        """Rebuild the model of the grades with `restored`, from its content."""
        inner = {name: text for name, text in content.texts.items() if name != _TEXT}
        return cls(restored(replace(content, texts=inner)), tuple(json.loads(content.texts[_TEXT])))


def on_classes(spec: Spec) -> Spec:
    """Return the settings of the model that takes the grades for its classes."""
    return spec.model_copy(update={"grades": False})


def fit_graded(spec: Spec, data: FittingData, fit: Callable[[Spec, FittingData], Fitted]) -> FittedGraded:
    """Fit a candidate to the grades as if they were the classes.

    Raises
    ------
    ValueError
        If the data has no grades; a portfolio that asks for them declares `target.grades`.
    """
    if data.grades is None:
        raise ValueError(f"candidate {spec.name} learns from grades, and the data has none")
    finer = replace(data, truth=data.grades.truth, classes=len(data.grades.class_of), grades=None)
    return FittedGraded(fit(on_classes(spec), finer), data.grades.class_of)
