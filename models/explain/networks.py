"""Graph neural networks, opened for explanations: scores of firms on copies of their surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from models.classes import log_probabilities
from models.corporate_graph import CorporateGraph
from models.explain.attribution import Edge, Feature, FloatVector, Kept, Place
from models.explain.surroundings import HeardGraph, Surroundings, surroundings
from models.fitting import FittedGnn
from models.gnn.blocks import Block, node_values, side_names
from models.inputs import design_matrix
from models.sampled import Parts
from schemas.candidates import Group

#: what a firm's own items are; the other groups tell of its place among others
OWN_GROUPS = frozenset({Group.OWN, Group.HISTORY})
#: edges that are scored in one pass, so that memory stays small
_EDGES_A_PASS = 400_000
_PARTNERS = "partners: "


@dataclass(frozen=True)
class OpenedNetwork:
    """A fitted network and a graph whose firms it scores.

    Parameters
    ----------
    adverse
        Class indices whose probability is explained.
    """

    fitted: FittedGnn
    graph: CorporateGraph
    adverse: tuple[int, ...]

    @cached_property
    def heard(self) -> HeardGraph:
        """The graph as the network hears it."""
        spec, shape = self.fitted.spec, self.fitted.shape
        typed = spec.hears_other_nodes
        names = side_names(self.graph, typed=typed)
        parts = Parts.asked_by(self.fitted.networks[0], shape.inputs, names, spec.layers)
        return HeardGraph(self.graph, typed and bool(self.graph.partners), parts)

    @cached_property
    def _columns(self) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[Place, ...]]:
        """The inputs as delivered, their names and whose they are."""
        groups = [(group, *design_matrix(self.graph, [group])) for group in self.fitted.spec.features]
        names = tuple(name for _, _, some in groups for name in some)
        places = tuple(Place.OWN if group in OWN_GROUPS else Place.NETWORK for group, _, some in groups for _ in some)
        return np.concatenate([rows for _, rows, _ in groups], axis=1), names, places

    @cached_property
    def inputs(self) -> torch.Tensor:
        """Scaled inputs of all nodes, (nodes, k), with all known outcomes of development in the last columns."""
        known = self.fitted.known.columns(self.graph.firms)
        values = np.concatenate([self.fitted.scaling.applied(self._columns[0]), known], axis=1)
        return node_values(torch.from_numpy(values.astype(np.float32)), self.heard.whole.block)

    @cached_property
    def folds(self) -> NDArray[np.int64]:
        """With whom a firm is asked about, and its outcome hidden, (nodes,); -1 for other nodes."""
        shown = self.fitted.known.columns(self.graph.firms)
        fold = np.full(len(self.inputs), -1, dtype=np.int64)
        for number, asked in enumerate(self.fitted.known.hidden_folds(self.graph.firms, shown)):
            fold[: self.graph.size][asked] = number
        return fold

    @cached_property
    def feature_of_column(self) -> NDArray[np.int64]:
        """The input that each scaled column is of: a flag of missing values is of the input that was missing."""
        names = self._columns[1]
        known = np.full(self.fitted.known.width, len(names))
        return np.concatenate([np.arange(len(names)), self.fitted.scaling.flagged, known]).astype(np.int64)

    @property
    def own_features(self) -> int:
        """Number of features of the firm itself; those of its partners follow."""
        return len(self._columns[1])

    @cached_property
    def feature_columns(self) -> tuple[torch.Tensor, torch.Tensor]:
        """For each scaled column its feature where it is the firm's own and where it is a partner's, (k,) each."""
        of = self.feature_of_column
        # The firm's own outcome is never shown: that column is zeros, whatever it is multiplied by.
        own = np.where(of < self.own_features, of, 0)
        return torch.from_numpy(own), torch.from_numpy(self.own_features + of)

    def features(self, firm: int) -> tuple[Feature, ...]:
        """Return the features of a firm's score, its own first."""
        rows, names, places = self._columns
        own = [Feature(*one) for one in zip(names, places, rows[firm].tolist(), strict=True)]
        partners = [Feature(_PARTNERS + name, Place.NETWORK, float("nan")) for name in names]
        if self.fitted.known.width:
            partners.append(Feature(_PARTNERS + "known outcomes", Place.NETWORK, float("nan")))
        return (*own, *partners)

    @property
    def number_of_features(self) -> int:
        """Number of features of each firm."""
        return 2 * self.own_features + (self.fitted.known.width > 0)

    def surroundings(self, firms: Sequence[int] | NDArray[np.int64], fanout: int = 0) -> Surroundings:
        """Cut out what the scores of some firms hear."""
        return surroundings(self.heard, firms, self.fitted.spec.layers, fanout)

    def values(self, around: Surroundings) -> torch.Tensor:
        """Return the inputs of copies, (copies, k); nobody's outcome is shown who is asked about with the firm."""
        values = self.inputs[torch.from_numpy(around.copies.node)]
        if self.fitted.known.width:
            hidden = self.folds[around.copies.node] == self.folds[around.firms][around.copies.owner]
            values[torch.from_numpy(hidden), -self.fitted.known.width :] = 0
        return values

    def muted_values(self, around: Surroundings, values: torch.Tensor, volume: torch.Tensor) -> torch.Tensor:
        """Return inputs multiplied by how much each firm's features count, (t, features); 0 is the baseline."""
        own, partners = self.feature_columns
        count = len(around.firms)
        owner = torch.from_numpy(around.copies.owner[count:])
        return torch.cat([values[:count] * volume[:, own], values[count:] * volume[:, partners][owner]])

    def log_odds(self, blocks: Sequence[Block], values: torch.Tensor) -> torch.Tensor:
        """Return ln(P / (1 - P)) of the adverse classes for the receivers of the last block; keeps gradients."""
        adverse = torch.tensor(self.adverse)
        others = torch.tensor([one for one in range(self.fitted.classes) if one not in self.adverse])
        bad, good = [], []
        for network in self.fitted.networks:
            network.eval()
            logs = log_probabilities(network(blocks, values).double(), ordered=self.fitted.spec.ordered)
            bad.append(torch.logsumexp(logs[:, adverse], dim=1))
            good.append(torch.logsumexp(logs[:, others], dim=1))
        return torch.logsumexp(torch.stack(bad), dim=0) - torch.logsumexp(torch.stack(good), dim=0)

    def disturbed(self, scale: float, seed: int) -> OpenedNetwork:
        """Return the same on scaled inputs moved by normal noise of this deviation, for all nodes."""
        other = replace(self)
        other.__dict__.update(self.__dict__)  # the graph is laid out once
        known = self.fitted.known.width
        noise = np.random.default_rng(seed).normal(scale=scale, size=self.inputs.shape).astype(np.float32)
        noise[:, noise.shape[1] - known :] = 0
        other.__dict__["inputs"] = self.inputs + torch.from_numpy(noise)
        return other

    def about(self, firm: int) -> ExplainedNetwork:
        """Return one firm's score for explaining."""
        return ExplainedNetwork(self, firm)


@dataclass(frozen=True)
class ExplainedNetwork:
    """One firm's score by a network (`models.explain.attribution.Explained`)."""

    opened: OpenedNetwork
    row: int

    @property
    def firm(self) -> str:
        """Id of the firm."""
        return str(self.opened.graph.firms[self.row])

    @cached_property
    def around(self) -> Surroundings:
        """Its surroundings."""
        return self.opened.surroundings([self.row])

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """The relations that the score can hear along, own ones first."""
        return self.opened.heard.edges(self.around.units)

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The firm's own features, then those of its partners."""
        return self.opened.features(self.row)

    def log_odds(self, edges: Kept | None = None, features: Kept | None = None) -> FloatVector:
        """Return the score under each row of what is kept, (b,)."""
        rows = _rows(edges, features)
        size = max(1, _EDGES_A_PASS // max(1, self.around.number_of_edges))
        parts = []
        for start in range(0, rows, size):
            some = slice(start, min(start + size, rows))
            parts.append(
                self._scored(
                    some.stop - start,
                    None if edges is None else edges[some],
                    None if features is None else features[some],
                )
            )
        return np.concatenate(parts)

    def _scored(self, rows: int, edges: Kept | None, features: Kept | None) -> FloatVector:
        around = self.around if rows == 1 else self.opened.surroundings([self.row] * rows)
        values = self.opened.values(around)
        if features is not None:
            volume = torch.from_numpy(features.astype(np.float32))
            values = self.opened.muted_values(around, values, volume)
        blocks = around.blocks() if edges is None else around.without(edges.ravel())
        with torch.no_grad():
            return np.asarray(self.opened.log_odds(blocks, values).numpy())


def _rows(edges: Kept | None, features: Kept | None) -> int:
    counts = {len(kept) for kept in (edges, features) if kept is not None} or {1}
    if len(counts) != 1:
        raise ValueError(f"edges and features must have the same number of rows, found {sorted(counts)}")
    return counts.pop()
