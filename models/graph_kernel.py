"""A kernel machine on who is related to the same firms.

With u_i the row of firm i in the union of all relations, scaled to length 1, and x_i its standardised inputs,

    K(i, j) = (u_i . u_j)^power + feature_weight * exp(-gamma |x_i - x_j|^2).

Every power of a kernel is one (Schur's product theorem), and no product of rows of the adjacency is negative. Partners
are known by their ids: a firm never seen before is like those it shares partners with, and a firm of a new quarter is
like itself as far as it kept its partners.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from models.corporate_graph import CorporateGraph, FloatMatrix, bare_ids
from models.fitted import FittingData, ModelContent, Notes
from models.inputs import design_matrix
from models.landmarks import landmark_factor, landmark_inputs, landmark_rows, landmark_weights, rbf_kernel
from models.margins import Margins, fitted_margins
from models.scaling import Scaling
from schemas.candidates import GraphKernelSpec

_TEXT = "partners.json"
#: rows whose kernel values are held at a time
_BLOCK = 4096


class Places(NamedTuple):
    """Where firms stand: whom they are related to, and their inputs.

    Attributes
    ----------
    partners : (n, p) CSR
        Unit rows over known partners; shorter where a firm also has unknown ones.
    inputs : (n, d)
        Standardised.
    """

    partners: sp.csr_array
    inputs: FloatMatrix

    def rows(self, chosen: slice | np.ndarray) -> Places:
        """Return some of the firms."""
        return Places(self.partners[chosen], self.inputs[chosen])


@dataclass(frozen=True)
class FittedGraphKernel:
    """Margins over kernel values with the landmarks.

    Attributes
    ----------
    names : (p,)
        Ids of the landmarks' partners, ascending.
    """

    spec: GraphKernelSpec
    scaling: Scaling
    landmarks: Places
    names: tuple[str, ...]
    margins: Margins
    notes: Notes

    @property
    def inputs(self) -> int:
        """Number of input columns beside the partners."""
        return int(self.landmarks.inputs.shape[1])

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes)."""
        inputs = self.scaling.applied(design_matrix(graph, self.spec.features)[0])
        firms = Places(unit_partners(graph, self.names), inputs)
        blocks = (firms.rows(slice(start, start + _BLOCK)) for start in range(0, graph.size, _BLOCK))
        return np.concatenate(
            [self.margins.probabilities(place_kernel(self.spec, block, self.landmarks)) for block in blocks]
        )

    def content(self) -> ModelContent:
        """Return margins, landmarks and the scaling."""
        partners = self.landmarks.partners
        tensors = {
            "landmarks.inputs": self.landmarks.inputs,
            "landmarks.indptr": partners.indptr.astype(np.float64),
            "landmarks.indices": partners.indices.astype(np.float64),
            "landmarks.data": partners.data,
        }
        return ModelContent(
            {**self.scaling.tensors(), **self.margins.tensors(), **tensors}, {_TEXT: json.dumps(self.names)}
        )

    @classmethod
    def from_content(cls, spec: GraphKernelSpec, content: ModelContent) -> FittedGraphKernel:
        """Rebuild a fitted model from its content."""
        tensors, names = content.tensors, tuple(json.loads(content.texts[_TEXT]))
        indptr, indices = (tensors[f"landmarks.{part}"].astype(np.int64) for part in ("indptr", "indices"))
        shape = (len(indptr) - 1, len(names))
        partners = sp.csr_array((tensors["landmarks.data"], indices, indptr), shape=shape)
        landmarks = Places(partners, tensors["landmarks.inputs"])
        return cls(spec, Scaling.from_tensors(tensors), landmarks, names, Margins.from_tensors(tensors), {})


def fit_graph_kernel(spec: GraphKernelSpec, data: FittingData) -> FittedGraphKernel:
    """Fit on development; validation is not looked at.

    Memory is 8 bytes for each development row and landmark, time as in `models.svm.fit_svm`.
    """
    rows = np.flatnonzero(data.development)
    chosen = landmark_rows(len(rows), spec.landmarks, data.training.seed)
    names = _partner_names(data.graph, rows[chosen])
    inputs, _ = design_matrix(data.graph, spec.features)
    scaling = Scaling.fitted(inputs[rows], logarithmic=spec.log_inputs)
    firms = Places(unit_partners(data.graph, names)[rows], scaling.applied(inputs[rows]))
    landmarks = firms.rows(chosen)
    factor = landmark_factor(place_kernel(spec, landmarks, landmarks))
    margins = fitted_margins(
        landmark_inputs(factor, place_kernel(spec, firms, landmarks)),
        data.truth[rows],
        data.communities[rows],
        classes=data.classes,
        inverse_penalty=spec.inverse_penalty,
        folds=spec.folds,
    )
    margins = replace(margins, weights=landmark_weights(factor, margins.weights))
    return FittedGraphKernel(spec, scaling, landmarks, names, margins, {"landmarks": len(chosen)})


def unit_partners(graph: CorporateGraph, names: tuple[str, ...]) -> sp.csr_array:
    """Return each firm's row of the union over the named partners, (n, p), of length 1 over all its partners."""
    union = graph.union().tocoo()
    degrees = np.bincount(union.row, minlength=graph.size)
    known = {name: place for place, name in enumerate(names)}
    column = np.array([known.get(firm, -1) for firm in bare_ids(graph.firms).tolist()], dtype=np.int64)[union.col]
    kept = column >= 0
    row = union.row[kept]
    return sp.csr_array((1 / np.sqrt(degrees[row]), (row, column[kept])), shape=(graph.size, len(names)))


def place_kernel(spec: GraphKernelSpec, firms: Places, landmarks: Places) -> FloatMatrix:
    """Return K, (n, m)."""
    shared = np.asarray((firms.partners @ landmarks.partners.T).toarray(), dtype=np.float64) ** spec.power
    if not spec.feature_weight:
        return shared
    gamma = spec.gamma if spec.gamma is not None else 1.0 / max(1, firms.inputs.shape[1])
    return np.asarray(shared + spec.feature_weight * rbf_kernel(firms.inputs, landmarks.inputs, gamma))


def _partner_names(graph: CorporateGraph, rows: np.ndarray) -> tuple[str, ...]:
    partners = np.unique(graph.union()[rows].indices)
    return tuple(np.unique(bare_ids(graph.firms[partners])).tolist())
