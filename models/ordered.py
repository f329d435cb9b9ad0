"""Ordered classes for any kind of candidate: one binary model a step from a class to the next.

The continuation-ratio model (Fienberg 1980) takes the probability of a class apart into steps,

    P(y = c) = prod_{k < c} b_k * (1 - b_c),   b_k = P(y > k | y >= k),   the last factor missing for the highest,

whose likelihoods have nothing in common, so that step k is an ordinary binary model over the firms that reached
class k.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fitted import Fitted, FittingData, ModelContent, Notes
from schemas.candidates import OrderedCandidate

_TEXT = "ordered.json"
_STEP = "step{}"

Spec = TypeVar("Spec", bound=OrderedCandidate)


@dataclass(frozen=True)
class FittedOrdered:
    """One model a step, K - 1 for K classes.

    Attributes
    ----------
    steps
        The models; where all firms of development that reached a class went on, or none did, the number 1 or 0.
    """

    steps: tuple[Fitted | float, ...]
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of input columns."""
        return max((step.inputs for step in self.steps if not isinstance(step, float)), default=0)

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes)."""
        beyond = [
            np.full(graph.size, step) if isinstance(step, float) else step.probabilities(graph)[:, 1]
            for step in self.steps
        ]
        return class_probabilities(np.stack(beyond, axis=1))

    def content(self) -> ModelContent:
        """Return the contents of all steps, each under its own prefix."""
        sure = [step if isinstance(step, float) else None for step in self.steps]
        parts = {
            _STEP.format(number): step.content()
            for number, step in enumerate(self.steps)
            if not isinstance(step, float)
        }
        merged = with_prefixes(parts)
        return replace(merged, texts={**merged.texts, _TEXT: json.dumps({"sure": sure})})

    @classmethod
    def from_content(cls, content: ModelContent, restored: Callable[[ModelContent, str], Fitted]) -> FittedOrdered:
        """Rebuild all steps.

        Parameters
        ----------
        restored
            Rebuilds one step from its content and its folder's name.
        """
        sure: list[float | None] = json.loads(content.texts[_TEXT])["sure"]
        steps = tuple(
            restored(without_prefix(content, _STEP.format(number)), _STEP.format(number)) if known is None else known
            for number, known in enumerate(sure)
        )
        return cls(steps, {})


def fit_ordered(spec: Spec, data: FittingData, fit: Callable[[Spec, FittingData], Fitted]) -> FittedOrdered:
    """Fit one binary model a step; each learns from the firms that reached its class."""
    single = spec.model_copy(update={"ordered": False})
    steps: list[Fitted | float] = []
    notes: Notes = {"steps": data.classes - 1}
    for number in range(data.classes - 1):
        step = _step_data(data, number)
        learnt = np.unique(step.truth[step.development])
        if len(learnt) < 2:
            steps.append(float(learnt.max(initial=0)))
            continue
        one = fit(single, step)
        steps.append(one)
        notes |= {f"{name} (step {number + 1})": value for name, value in one.notes.items()}
    return FittedOrdered(tuple(steps), notes)


def class_probabilities(beyond: FloatMatrix) -> FloatMatrix:
    """Return P(y = c), (n, K), from the probabilities of going beyond class k once there, (n, K - 1)."""
    n = len(beyond)
    reached = np.concatenate([np.ones((n, 1)), np.cumprod(beyond, axis=1)], axis=1)
    stayed = np.concatenate([1 - beyond, np.ones((n, 1))], axis=1)
    return np.asarray(reached * stayed)


def with_prefixes(parts: Mapping[str, ModelContent]) -> ModelContent:
    """Put several contents into one, each under its name and a dot; the digest follows from those of the parts."""
    digests = {name: part.digest for name, part in parts.items() if part.digest}
    return ModelContent(
        tensors={f"{name}.{key}": tensor for name, part in parts.items() for key, tensor in part.tensors.items()},
        texts={f"{name}.{key}": text for name, part in parts.items() for key, text in part.texts.items()},
        digest=hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest() if digests else "",
    )


def without_prefix(content: ModelContent, name: str) -> ModelContent:
    """Take out what `with_prefixes` put in under a name; a digest stays behind."""
    start = f"{name}."
    return ModelContent(
        tensors={key.removeprefix(start): t for key, t in content.tensors.items() if key.startswith(start)},
        texts={key.removeprefix(start): t for key, t in content.texts.items() if key.startswith(start)},
    )


def _step_data(data: FittingData, number: int) -> FittingData:
    there = data.truth >= number
    return replace(
        data,
        truth=np.where(there, data.truth > number, -1).astype(np.int64),
        development=data.development & there,
        validation=data.validation & there,
        classes=2,
        grades=None,
        scratch=f"{data.scratch}/{_STEP.format(number)}" if data.scratch else "",
    )
