"""From a network's outputs to probabilities of classes, ordered or not, and the losses over them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from schemas.candidates import NetworkSpec

Loss = Callable[..., torch.Tensor]


def output_width(classes: int, *, ordered: bool) -> int:
    """Return how many outputs a firm a network needs: one a class, or one a step between ordered classes."""
    return classes - 1 if ordered else classes


def log_probabilities(outputs: torch.Tensor, *, ordered: bool) -> torch.Tensor:
    """Return log P(y = c), (n, classes).

    Unordered: log-softmax. Ordered: the continuation-ratio model (Fienberg 1980; Shi, Cao and Raschka 2021), in
    which output k is the log-odds of going beyond class k for a firm that got there:

        P(y = c) = prod_{k < c} s(f_k) * (1 - s(f_c)),   s the logistic function, without the last factor for
        the highest class.

    Its likelihood falls apart into one binary likelihood a step, and the probabilities of lying above each class
    never cross.
    """
    if not ordered:
        return functional.log_softmax(outputs, dim=1)
    beyond = functional.logsigmoid(outputs).cumsum(dim=1)
    reached = functional.pad(beyond, (1, 0))
    stayed = functional.pad(functional.logsigmoid(-outputs), (0, 1))
    return reached + stayed


def loss_function(spec: NetworkSpec, outcomes: torch.Tensor, classes: int) -> Loss:
    """Return the loss of (outputs, outcomes, how much each firm counts or None): a number, 0 or more.

    Parameters
    ----------
    outcomes : (d,)
        Of development, whose class shares the balanced loss makes up for:
        weight of class c = d / (classes in it * firms of class c).
    """
    weights = torch.ones(classes)
    if spec.loss == "balanced":
        counts = torch.bincount(outcomes, minlength=classes).float()
        present = counts > 0
        weights = torch.where(present, counts.sum() / (present.sum() * counts.clamp(min=1)), torch.zeros(()))

    def loss(outputs: torch.Tensor, truth: torch.Tensor, counting: torch.Tensor | None = None) -> torch.Tensor:
        logs = log_probabilities(outputs, ordered=spec.ordered).gather(1, truth[:, None]).squeeze(1)
        weight = weights[truth]
        if spec.loss == "focal":
            # (1 - p)^gamma lets firms that are already right count less (Lin and others 2017).
            weight = weight * (1 - logs.exp()).clamp(min=0) ** spec.focal_gamma
        if counting is not None:
            weight = weight * counting
        return -(weight * logs).sum() / max(len(truth), 1)

    return loss
