"""Full-batch training of a graph neural network, stopped early on the validation sample."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fitted import FittingData, ModelContent, Notes
from models.gnn.graphsage import GraphSage
from models.message_passing import Neighbourhood
from models.scaling import Scaling
from schemas.specs import GraphSageSpec

_PREFIX = "network."


@dataclass(frozen=True)
class FittedGnn:
    """A trained network with the scaling of its inputs."""

    spec: GraphSageSpec
    scaling: Scaling
    network: nn.Module
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of input columns."""
        return len(self.scaling.mean) + len(self.scaling.flagged)

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes)."""
        neighbourhood = Neighbourhood(graph.union())
        values = torch.from_numpy(self.scaling.applied(graph.features).astype(np.float32))
        self.network.eval()
        with torch.no_grad():
            logits = self.network(neighbourhood, values)
        return cast(FloatMatrix, torch.softmax(logits.double(), dim=1).numpy())

    def content(self) -> ModelContent:
        """Return weights and scaling."""
        weights = {
            _PREFIX + name: tensor.numpy().astype(np.float64) for name, tensor in self.network.state_dict().items()
        }
        return ModelContent({**self.scaling.tensors(), **weights})

    @classmethod
    def from_content(cls, spec: GraphSageSpec, content: ModelContent) -> FittedGnn:
        """Rebuild a fitted network from its content."""
        scaling = Scaling.from_tensors(content.tensors)
        state = {
            name.removeprefix(_PREFIX): torch.from_numpy(array.astype(np.float32))
            for name, array in content.tensors.items()
            if name.startswith(_PREFIX)
        }
        classes = len(state[f"layers.{spec.layers - 1}.own.bias"])
        network = GraphSage(len(scaling.mean) + len(scaling.flagged), classes, spec)
        network.load_state_dict(state)
        return cls(spec, scaling, network, {})


def fit_gnn(spec: GraphSageSpec, data: FittingData) -> FittedGnn:
    """Train on the outcomes of development and keep the epoch with the least validation loss."""
    torch.set_num_threads(data.training.threads)
    torch.manual_seed(data.training.seed)
    torch.use_deterministic_algorithms(mode=True)
    scaling = Scaling.fitted(data.graph.features[data.development])
    values = torch.from_numpy(scaling.applied(data.graph.features).astype(np.float32))
    network = GraphSage(values.shape[1], data.classes, spec)
    best_epoch, best_loss = _trained(network, Neighbourhood(data.graph.union()), values, data, spec)
    return FittedGnn(spec, scaling, network, {"best epoch": best_epoch, "validation loss": best_loss})


def _trained(
    network: nn.Module, neighbourhood: Neighbourhood, values: torch.Tensor, data: FittingData, spec: GraphSageSpec
) -> tuple[int, float]:
    truth = torch.from_numpy(data.truth)
    development, validation = torch.from_numpy(data.development), torch.from_numpy(data.validation)
    optimiser = torch.optim.Adam(network.parameters(), lr=spec.learning_rate, weight_decay=spec.weight_decay)
    best_epoch, best_loss, best_state = 0, float("inf"), copy.deepcopy(network.state_dict())
    for epoch in range(1, spec.epochs + 1):
        network.train()
        optimiser.zero_grad()
        logits = network(neighbourhood, values)
        loss = functional.cross_entropy(logits[development], truth[development])
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        held_out = _validation_loss(network, neighbourhood, values, truth, validation)
        if held_out < best_loss:
            best_epoch, best_loss, best_state = epoch, held_out, copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= spec.patience:
            break
    network.load_state_dict(best_state)
    return best_epoch, best_loss


def _validation_loss(
    network: nn.Module,
    neighbourhood: Neighbourhood,
    values: torch.Tensor,
    truth: torch.Tensor,
    validation: torch.Tensor,
) -> float:
    network.eval()
    with torch.no_grad():
        logits = network(neighbourhood, values)
        return float(functional.cross_entropy(logits[validation], truth[validation]))
