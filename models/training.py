"""The training loop of one network: steps, early stopping, checkpoints, progress."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from models.checkpoints import Checkpoint
from models.classes import Loss, log_probabilities, loss_function
from models.discrimination import scores
from models.fitted import FittingData, Progress
from models.gnn.blocks import Block, node_values, side_names, whole_graph
from models.gnn.network import Network
from models.sampled import Parts
from models.sampling import Sampler, sampler
from schemas.candidates import AnyNetworkSpec


@dataclass
class Lesson:
    """What one network learns from.

    Attributes
    ----------
    values : (n, k) float32
        Inputs; the last `shown.shape[1]` columns are left to the outcomes that are shown.
    shown : (n, classes) float32
        Development outcomes, one column a class; (n, 0) if none are shown.
    """

    spec: AnyNetworkSpec
    data: FittingData
    values: torch.Tensor
    shown: torch.Tensor
    member: int = 0
    whole: Block = field(init=False)

    def __post_init__(self) -> None:
        self.whole = whole_graph(self.data.graph, typed=self.spec.hears_other_nodes)

    @property
    def seed(self) -> int:
        """Seed of this member."""
        return self.data.training.seed + 1000 * self.member

    def epoch_rng(self, epoch: int) -> np.random.Generator:
        """Return what an epoch draws from: a resumed run needs no memory of earlier draws."""
        return np.random.default_rng([self.seed, epoch])

    def dealt(self, rng: np.random.Generator) -> tuple[torch.Tensor, NDArray[np.bool_]]:
        """Return one epoch's values and the rows to learn from: those whose outcome is not shown."""
        learnt = self.data.development.copy()
        if self.shown.shape[1]:
            learnt &= rng.random(len(learnt)) >= self.spec.label_inputs
            if not learnt.any():
                learnt = self.data.development.copy()
        return self.with_shown(~learnt), np.pad(learnt, (0, self.whole.senders - len(learnt)))

    @cached_property
    def inputs(self) -> torch.Tensor:
        """Values of all nodes, without outcomes: the same tensor each epoch, so that a block remembers them."""
        return node_values(self.values, self.whole)

    @cached_property
    def asked(self) -> torch.Tensor:
        """Values of all nodes as validation hears them: with all outcomes of development."""
        return self.with_shown(self.data.development)

    def with_shown(self, visible: NDArray[np.bool_]) -> torch.Tensor:
        """Return the values of all nodes with the outcomes of the visible firms."""
        if not self.shown.shape[1]:
            return self.inputs
        shown = self.shown * torch.from_numpy(visible).float()[:, None]
        return node_values(torch.cat([self.values, shown], dim=1), self.whole)


class Trained(NamedTuple):
    """What training found: the epoch that was kept, and what it was kept for on validation."""

    best_epoch: int
    held_out: float


def trained(network: Network, lesson: Lesson) -> Trained:
    """Train in place and leave the network at the epoch that was best on validation (`NetworkSpec.kept_epoch`).

    A run that was killed goes on from its last checkpoint and ends at the same weights.
    """
    spec, data = lesson.spec, lesson.data
    truth = torch.from_numpy(data.truth)
    loss = loss_function(spec, truth[torch.from_numpy(data.development)], data.classes)
    optimiser = torch.optim.Adam(network.parameters(), lr=spec.learning_rate, weight_decay=spec.weight_decay)
    name = f"{spec.name}.{lesson.member}"
    state = Checkpoint.load(data.keeper, name, network, optimiser)
    inputs = lesson.values.shape[1] + lesson.shown.shape[1]
    names = side_names(data.graph, typed=spec.hears_other_nodes)
    parts = Parts.asked_by(network, inputs, names, spec.layers)
    sampling = sampler(spec.batches, lesson.whole, spec.layers, parts)
    first = state.epoch
    for epoch in range(first + 1, spec.epochs + 1):
        if epoch - 1 - state.best_epoch >= spec.patience:
            break
        mean_loss = _epoch(network, optimiser, lesson, sampling, loss, epoch)
        held_out, probabilities = _validated(network, lesson, loss)
        state.epoch = epoch
        error = held_out if spec.kept_epoch == "loss" else 1 - _auc(lesson, probabilities)
        if error < state.least_error:
            state.best_epoch, state.least_error = epoch, error
            state.best = copy.deepcopy(network.state_dict())
        if data.watcher.due():
            auc = _auc(lesson, probabilities)
            data.watcher.show(Progress(name, epoch, spec.epochs, first, mean_loss, held_out, auc))
        if data.keeper.due():
            state.save(data.keeper, name, network, optimiser)
    network.load_state_dict(state.best)
    return Trained(state.best_epoch, state.least_error if spec.kept_epoch == "loss" else 1 - state.least_error)


def _auc(lesson: Lesson, probabilities: NDArray[np.float64]) -> float:
    return float(scores(lesson.data.truth[lesson.data.validation], probabilities)["auc"][0])


def _epoch(
    network: Network,
    optimiser: torch.optim.Optimizer,
    lesson: Lesson,
    sampling: Sampler,
    loss: Loss,
    epoch: int,
) -> float:
    network.train()
    rng = lesson.epoch_rng(epoch)
    torch.manual_seed(int(rng.integers(2**62)))  # dropout draws from torch's own stream
    values, learnt = lesson.dealt(rng)
    truth = torch.from_numpy(lesson.data.truth)
    total, count = 0.0, 0
    for batch in sampling.epoch(learnt, rng):
        optimiser.zero_grad()
        outputs = network(batch.blocks, values if batch.senders is None else values[batch.senders])
        value = loss(outputs[batch.learnt], truth[batch.firms], batch.weights)
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total, count = total + float(value.detach()) * len(batch.firms), count + len(batch.firms)
    return total / max(count, 1)


def _validated(network: Network, lesson: Lesson, loss: Loss) -> tuple[float, NDArray[np.float64]]:
    """Return loss and probabilities of validation, which is shown all outcomes of development."""
    rows = torch.from_numpy(lesson.data.validation)
    network.eval()
    with torch.no_grad():
        outputs = network([lesson.whole] * lesson.spec.layers, lesson.asked)[: len(rows)][rows]
        truth = torch.from_numpy(lesson.data.truth)[rows]
        logs = log_probabilities(outputs.double(), ordered=lesson.spec.ordered)
        return float(loss(outputs, truth)), logs.exp().numpy()
