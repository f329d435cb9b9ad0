"""Training graph neural networks: early stopping, label inputs, deep ensembles, resuming."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.classes import log_probabilities, output_width
from models.corporate_graph import CorporateGraph, FloatMatrix
from models.fitted import FittingData, ModelContent, Notes
from models.gnn.architectures import network
from models.gnn.blocks import Block, node_types, node_values, side_names, whole_graph
from models.gnn.listeners import with_listeners
from models.gnn.network import Network, Shape
from models.inputs import design_matrix
from models.label_inputs import KnownOutcomes
from models.mixed_graph import MixedGraph
from models.scaling import Scaling
from models.training import Lesson, trained
from schemas.candidates import AnyNetworkSpec

_MEMBER = "network.{}."
_SHAPE = "network.json"


@dataclass(frozen=True)
class FittedGnn:
    """Trained networks, alike but for their seed, with the scaling of their inputs.

    Attributes
    ----------
    known
        The development outcomes shown as inputs; none unless the candidate has label inputs.
    """

    spec: AnyNetworkSpec
    shape: Shape
    scaling: Scaling
    networks: tuple[Network, ...]
    known: KnownOutcomes
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of input columns."""
        return self.shape.inputs

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.shape.outputs + 1 if self.spec.ordered else self.shape.outputs

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes): the mean over the networks; no firm is shown its own outcome."""
        block = whole_graph(graph, typed=self.spec.hears_other_nodes)
        questions = self._questions(graph)
        if isinstance(graph, MixedGraph):
            block, questions = with_listeners(block, graph.size), self._mixed_questions(graph)
        found = np.zeros((graph.size, self.classes))
        for asked, values in questions:
            found[asked] = self._mean(block, values)[: graph.size][asked]
        return found

    def _mixed_questions(self, graph: MixedGraph) -> Iterator[tuple[NDArray[np.bool_], torch.Tensor]]:
        """Yield who is asked about, (n,), and the inputs of the listeners, then those of the firms that are heard."""
        for (asked, own), (_, heard) in zip(self._questions(graph), self._questions(graph.heard), strict=True):
            yield asked, torch.cat([own, heard])

    def last_hidden(self, graph: CorporateGraph) -> FloatMatrix:
        """Return the last hidden layer of the first network, (n, width); no firm is shown its own outcome."""
        block = whole_graph(graph, typed=self.spec.hears_other_nodes)
        one = self.networks[0].eval()
        parts = []
        with torch.no_grad():
            for asked, values in self._questions(graph):
                layer = one.last_hidden([block] * self.spec.layers, node_values(values, block))[: graph.size]
                parts.append((asked, layer.double().numpy()))
        found = np.zeros((graph.size, parts[0][1].shape[1]))
        for asked, rows in parts:
            found[asked] = rows[asked]
        return found

    def _questions(self, graph: CorporateGraph) -> Iterator[tuple[NDArray[np.bool_], torch.Tensor]]:
        """Yield who is asked about, (n,), and the inputs of all firms, without the outcomes of those asked about."""
        rows, _ = design_matrix(graph, self.spec.features)
        values = torch.from_numpy(self.scaling.applied(rows).astype(np.float32))
        shown = self.known.columns(graph.firms)
        for asked in self.known.hidden_folds(graph.firms, shown):
            visible = torch.from_numpy(np.where(asked[:, None], 0.0, shown).astype(np.float32))
            yield asked, torch.cat([values, visible], dim=1)

    def _mean(self, block: Block, values: torch.Tensor) -> FloatMatrix:
        total = np.zeros((len(values), self.classes))
        for one in self.networks:
            one.eval()
            with torch.no_grad():
                outputs = one([block] * self.spec.layers, node_values(values, block))[: len(values)]
            total += log_probabilities(outputs.double(), ordered=self.spec.ordered).exp().numpy()
        return total / len(self.networks)

    def content(self) -> ModelContent:
        """Return weights, scaling, sizes and the outcomes shown as inputs."""
        weights = {
            _MEMBER.format(member) + name: tensor.numpy().astype(np.float64)
            for member, one in enumerate(self.networks)
            for name, tensor in one.state_dict().items()
        }
        return ModelContent({**self.scaling.tensors(), **weights}, {_SHAPE: self.shape.text(), **self.known.texts()})

    @classmethod
    def from_content(cls, spec: AnyNetworkSpec, content: ModelContent) -> FittedGnn:
        """Rebuild a fitted candidate from its content."""
        shape = Shape.from_text(content.texts[_SHAPE])
        networks = tuple(network(spec, shape) for _ in range(spec.members))
        for member, one in enumerate(networks):
            prefix = _MEMBER.format(member)
            tensors = {
                name.removeprefix(prefix): torch.from_numpy(array)
                for name, array in content.tensors.items()
                if name.startswith(prefix)
            }
            one.load_state_dict(tensors)
        scaling, known = Scaling.from_tensors(content.tensors), KnownOutcomes.from_texts(content.texts)
        return cls(spec, shape, scaling, networks, known, {})


def fit_gnn(spec: AnyNetworkSpec, data: FittingData) -> FittedGnn:
    """Train on the outcomes of development and keep the epoch that was best on validation."""
    torch.set_num_threads(data.training.threads)
    torch.use_deterministic_algorithms(mode=True)
    rows, _ = design_matrix(data.graph, spec.features)
    scaling = Scaling.fitted(rows[data.development], logarithmic=spec.log_inputs)
    values = torch.from_numpy(scaling.applied(rows).astype(np.float32))
    known = KnownOutcomes.of(data, spec.label_inputs)
    shown = torch.from_numpy(np.where(data.development[:, None], known.columns(data.graph.firms), 0).astype(np.float32))
    width = output_width(data.classes, ordered=spec.ordered)
    typed = spec.hears_other_nodes
    names, types = side_names(data.graph, typed=typed), node_types(data.graph, typed=typed)
    shape = Shape(values.shape[1] + known.width, width, names, types)
    networks, found = [], []
    for member in range(spec.members):
        lesson = Lesson(spec, data, values, shown, member)
        torch.manual_seed(lesson.seed)
        one = network(spec, shape)
        found.append(trained(one, lesson))
        networks.append(one)
    notes: Notes = {
        "best epoch": found[0].best_epoch,
        f"validation {spec.kept_epoch}": float(np.mean([member.held_out for member in found])),
    }
    if spec.members > 1:
        notes["best epoch"] = ", ".join(str(member.best_epoch) for member in found)
    return FittedGnn(spec, shape, scaling, tuple(networks), known, notes)
