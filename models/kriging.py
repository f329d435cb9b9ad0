"""Gaussian-process regression of the order of the classes on who is related to the same firms.

A firm's class is a range of a score f, whose covariance over firms follows from the graph:

    cov(f_i, f_j) = sum_p similarity_p c_ij^p + category_weight c_ij s_ij + feature_weight (x_i . x_j) / d

c_ij is the cosine of the two firms' rows of the adjacency with ones on its diagonal, s_ij the share of categories that
they have in common, x_i the d standardised inputs that are no categories. The classes of development are observed as
their normal scores, the means of a standard normal variable between the quantiles that cut it into the shares of the
classes, with variance `noise`. The posterior mean is the usual one (Rasmussen and Williams 2006, equation 2.25). The
probability of a class is that of its range under a normal variable around the mean whose deviation is that of the
scores of development, each left out once (equation 5.12): one for all firms, since the posterior's own variances
ranked firms worse than the mean alone.

`own: observed` leaves the last term out. Instead, every firm of the graph, with a known outcome or without,
observes its own score through its inputs: with the linear prediction b_i of the score from them, which explains the
share R^2 of the score's variance, b_i / R^2 = f_i + error of variance (1 - R^2) / R^2, independent between firms given
their scores. So a firm's score is told by the inputs of firms like it, which no outcome is needed for: what
co-kriging makes of a second variable that is known everywhere (Cressie 1993, section 3.2.3).

With landmarks L and the inputs phi of `models.landmarks`, f = w . phi(x) + r(x), w standard normal, and the variances
of r are what the landmarks leave unexplained, independent between firms (Snelson and Ghahramani 2006, FITC). Where
every firm is a landmark, nothing is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import ndtr, ndtri

from models.corporate_graph import CorporateGraph, FloatMatrix, bare_ids
from models.fitted import FittingData, ModelContent, Notes
from models.inputs import design_matrix
from models.landmarks import landmark_factor, landmark_inputs, landmark_rows
from models.scaling import Scaling
from schemas.candidates import KrigingSpec

Vector = NDArray[np.float64]

_TEXT = "partners.json"
#: rows whose covariances with the landmarks are held at a time
_BLOCK = 4096
#: ridge penalty of the linear prediction of scores from own inputs, in rows
_RIDGE = 1.0
#: inputs that explain less of the scores than this observe nothing
_LEAST_SHARE = 1e-3


class Places(NamedTuple):
    """Where firms stand.

    Attributes
    ----------
    partners : (n, p) CSR
        Unit rows over known partners, a firm among its own; shorter where a firm also has unknown ones.
    categories : (n, k)
        One-hot columns, divided so that the product of two firms is the share of categories in common.
    inputs : (n, d)
        Standardised.
    """

    partners: sp.csr_array
    categories: FloatMatrix
    inputs: FloatMatrix

    def rows(self, chosen: slice | NDArray[np.int64]) -> Places:
        """Return some of the firms."""
        return Places(self.partners[chosen], self.categories[chosen], self.inputs[chosen])

    def tensors(self, prefix: str) -> dict[str, NDArray[np.float64]]:
        """Return the arrays by name."""
        parts = {
            "indptr": self.partners.indptr.astype(np.float64),
            "indices": self.partners.indices.astype(np.float64),
            "data": self.partners.data,
            "categories": self.categories,
            "inputs": self.inputs,
        }
        return {f"{prefix}.{name}": array for name, array in parts.items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[np.float64]], prefix: str, partners: int) -> Places:
        """Read back what `tensors` returned."""
        indptr, indices = (tensors[f"{prefix}.{part}"].astype(np.int64) for part in ("indptr", "indices"))
        rows = sp.csr_array((tensors[f"{prefix}.data"], indices, indptr), shape=(len(indptr) - 1, partners))
        return cls(rows, tensors[f"{prefix}.categories"], tensors[f"{prefix}.inputs"])


class Posterior(NamedTuple):
    """Weights w given some observations: N(P^-1 h, P^-1).

    Attributes
    ----------
    precision : (m, m)
        P.
    pull : (m,)
        h.
    """

    precision: FloatMatrix
    pull: Vector

    def after(self, phi: FloatMatrix, variance: Vector, seen: Vector) -> Posterior:
        """Return what is known after further observations `seen` = w . phi + error of the given variances, (n,)."""
        scaled = phi / np.sqrt(variance)[:, None]
        return Posterior(self.precision + scaled.T @ scaled, self.pull + phi.T @ (seen / variance))

    def mean(self) -> Vector:
        """Return the mean of w, (m,)."""
        return np.asarray(cho_solve(cho_factor(self.precision, lower=True), self.pull))

    def left_out(self, phi: FloatMatrix, variance: Vector, seen: Vector) -> Vector:
        """Return how far each of its observations lies from the mean without it, (n,).

        Taking one observation out moves the mean of w . phi by a share that follows from its leverage
        h = var(w . phi) / variance: the error is then (seen - mean) / (1 - h).
        """
        factor = cho_factor(self.precision, lower=True)
        spread = solve_triangular(factor[0], phi.T, lower=True)
        leverage = np.einsum("mn,mn->n", spread, spread) / variance
        return np.asarray((seen - phi @ cho_solve(factor, self.pull)) / (1 - leverage))


@dataclass(frozen=True)
class FittedKriging:
    """The observed scores and where their firms stand; the rest follows from them.

    Attributes
    ----------
    landmarks, learnt
        The landmarks, and the firms of development.
    scores : (firms of development,)
    cuts : (classes - 1,)
        Where one class ends and the next begins.
    weights : (d + 1,)
        Linear prediction of scores from inputs, the intercept last.
    share
        R^2 of that prediction.
    deviation
        Standard deviation of a score around the posterior mean.
    names : (p,)
        Ids of the known partners, ascending.
    """

    spec: KrigingSpec
    scaling: Scaling
    landmarks: Places
    learnt: Places
    scores: Vector
    cuts: Vector
    weights: Vector
    share: float
    names: tuple[str, ...]
    deviation: float = 1.0

    @property
    def notes(self) -> Notes:
        """How many landmarks there are, how much of the scores the inputs explain, and the error left out."""
        return {
            "landmarks": self.landmarks.inputs.shape[0],
            "explained by own inputs": self.share,
            "deviation left out": self.deviation,
        }

    @property
    def inputs(self) -> int:
        """Number of input columns beside the partners."""
        return int(self.landmarks.inputs.shape[1])

    def probabilities(self, graph: CorporateGraph) -> FloatMatrix:
        """Return (n, classes)."""
        firms = places(graph, self.spec, self.scaling, self.names)
        blocks = [self._seen(firms.rows(part)) for part in _parts(graph.size)]
        weights = self._posterior(firms.inputs, blocks).mean()
        mean = np.concatenate([phi @ weights for phi, _ in blocks])
        below = ndtr((self.cuts - mean[:, None]) / self.deviation)
        return np.diff(below, axis=1, prepend=0.0, append=1.0)

    def content(self) -> ModelContent:
        """Return the observations and the constants."""
        own = {"scores": self.scores, "cuts": self.cuts, "weights": self.weights}
        numbers = {"share": np.array([self.share]), "deviation": np.array([self.deviation])}
        firms = {**self.landmarks.tensors("landmarks"), **self.learnt.tensors("learnt")}
        return ModelContent({**self.scaling.tensors(), **firms, **own, **numbers}, {_TEXT: json.dumps(self.names)})

    @classmethod
    def from_content(cls, spec: KrigingSpec, content: ModelContent) -> FittedKriging:
        """Rebuild a fitted model from its content."""
        tensors, names = content.tensors, tuple(json.loads(content.texts[_TEXT]))
        landmarks, learnt = (Places.from_tensors(tensors, part, len(names)) for part in ("landmarks", "learnt"))
        scores, cuts, weights = (tensors[name] for name in ("scores", "cuts", "weights"))
        share, deviation = (float(tensors[name][0]) for name in ("share", "deviation"))
        scaling = Scaling.from_tensors(tensors)
        return cls(spec, scaling, landmarks, learnt, scores, cuts, weights, share, names, deviation)

    def with_deviation(self, firms: Places) -> FittedKriging:
        """Return the model with the deviation that its scores have when each is left out, among the graph's `firms`."""
        blocks = [self._seen(firms.rows(part)) for part in _parts(len(firms.inputs))]
        posterior = self._posterior(firms.inputs, blocks)
        phi, rest = self._seen(self.learnt)
        errors = posterior.left_out(phi, self.spec.noise + rest, self.scores)
        return replace(self, deviation=float(np.sqrt(np.square(errors).mean())))

    @cached_property
    def _factor(self) -> FloatMatrix:
        return landmark_factor(covariance(self.spec, self.landmarks, self.landmarks))

    @cached_property
    def _from_outcomes(self) -> Posterior:
        size = len(self._factor)
        posterior = Posterior(np.eye(size), np.zeros(size))
        for part in _parts(len(self.scores)):
            phi, rest = self._seen(self.learnt.rows(part))
            posterior = posterior.after(phi, self.spec.noise + rest, self.scores[part])
        return posterior

    def _posterior(self, inputs: FloatMatrix, blocks: Sequence[tuple[FloatMatrix, Vector]]) -> Posterior:
        """Return what outcomes tell and, with `own: observed`, the inputs of a graph's firms beside them."""
        posterior = self._from_outcomes
        if self.spec.own == "kernel" or self.share < _LEAST_SHARE:
            return posterior
        seen = (inputs @ self.weights[:-1] + self.weights[-1]) / self.share
        error = (1 - self.share) / self.share
        for part, (phi, rest) in zip(_parts(len(inputs)), blocks, strict=True):
            posterior = posterior.after(phi, error + rest, seen[part])
        return posterior

    def _seen(self, firms: Places) -> tuple[FloatMatrix, Vector]:
        """Return phi, (n, m), and the variance that the landmarks leave unexplained, (n,)."""
        phi = landmark_inputs(self._factor, covariance(self.spec, firms, self.landmarks))
        return phi, np.maximum(variances(self.spec, firms) - np.einsum("nm,nm->n", phi, phi), 0.0)


def fit_kriging(spec: KrigingSpec, data: FittingData) -> FittedKriging:
    """Fit on development; validation is not looked at, but for the inputs of its firms with `own: observed`.

    With m landmarks, n rows cost some 2 n m^2 operations in use, and memory is 8 n m bytes a few times over.
    """
    rows = np.flatnonzero(data.development)
    scaling = Scaling.fitted(_numbers(data.graph, spec)[rows])
    pool = np.arange(data.graph.size) if spec.own == "observed" else rows
    chosen = pool[landmark_rows(len(pool), spec.landmarks, data.training.seed)]
    names = _partner_names(data.graph, np.union1d(chosen, rows))
    firms = places(data.graph, spec, scaling, names)
    values, cuts = normal_scores(np.bincount(data.truth[rows], minlength=data.classes))
    scores = values[data.truth[rows]]
    weights, share = _linear(firms.inputs[rows], scores)
    model = FittedKriging(spec, scaling, firms.rows(chosen), firms.rows(rows), scores, cuts, weights, share, names)
    return model.with_deviation(firms)


def normal_scores(counts: NDArray[np.int64]) -> tuple[Vector, Vector]:
    """Return the mean of a standard normal variable in the range of each class, (k,), and the cuts between, (k - 1,).

    Ranges are as probable as the classes are frequent; an absent class has an empty one.
    """
    ends = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    ends[-1] = 1.0
    density = np.exp(-(ndtri(ends) ** 2) / 2) / np.sqrt(2 * np.pi)
    shares = np.diff(ends)
    means = np.divide(-np.diff(density), shares, out=np.zeros(len(shares)), where=shares > 0)
    return means, ndtri(ends[1:-1])


def places(graph: CorporateGraph, spec: KrigingSpec, scaling: Scaling, names: tuple[str, ...]) -> Places:
    """Return where the firms of a graph stand."""
    return Places(_unit_rows(graph, names), _categories(graph), scaling.applied(_numbers(graph, spec)))


def covariance(spec: KrigingSpec, firms: Places, landmarks: Places) -> FloatMatrix:
    """Return the covariances of the scores, (n, m)."""
    cosines = np.asarray((firms.partners @ landmarks.partners.T).toarray(), dtype=np.float64)
    total = sum(weight * cosines**power for power, weight in spec.similarity.items())
    if spec.category_weight and firms.categories.shape[1]:
        total = total + spec.category_weight * cosines * (firms.categories @ landmarks.categories.T)
    if _in_kernel(spec):
        total = total + spec.feature_weight * (firms.inputs @ landmarks.inputs.T) / max(1, firms.inputs.shape[1])
    return np.asarray(total)


def variances(spec: KrigingSpec, firms: Places) -> Vector:
    """Return the variance of each firm's score, (n,), unknown partners included."""
    total = np.full(firms.inputs.shape[0], sum(spec.similarity.values()))
    total += spec.category_weight * np.square(firms.categories).sum(axis=1)
    if _in_kernel(spec):
        total += spec.feature_weight * np.square(firms.inputs).sum(axis=1) / max(1, firms.inputs.shape[1])
    return total


def _numbers(graph: CorporateGraph, spec: KrigingSpec) -> FloatMatrix:
    # Firms alike in their texts or partners share an industry too, so that it would not be an error of its own a firm.
    inputs, names = design_matrix(graph, spec.features)
    own = set(graph.feature_names)
    return inputs[:, [place for place, name in enumerate(names) if not ("=" in name and name in own)]]


def _in_kernel(spec: KrigingSpec) -> bool:
    return spec.own == "kernel" and spec.feature_weight > 0


def _linear(inputs: FloatMatrix, scores: Vector) -> tuple[Vector, float]:
    """Return the ridge prediction of scores, intercept last, and its R^2, corrected for the number of inputs."""
    mean, count = inputs.mean(axis=0), inputs.shape[1]
    centred, middle = inputs - mean, float(scores.mean())
    slopes = np.linalg.solve(centred.T @ centred + _RIDGE * np.eye(count), centred.T @ (scores - middle))
    total = float(np.square(scores - middle).sum())
    left = float(np.square(scores - middle - centred @ slopes).sum())
    freedom = len(scores) - count - 1
    share = 1 - left / total * (len(scores) - 1) / freedom if total > 0 and freedom > 0 else 0.0
    return np.append(slopes, middle - mean @ slopes), float(np.clip(share, 0.0, 0.99))


def _unit_rows(graph: CorporateGraph, names: tuple[str, ...]) -> sp.csr_array:
    rows = sp.csr_array(graph.union() + sp.eye_array(graph.size, format="csr")).tocoo()
    known = {name: place for place, name in enumerate(names)}
    column = np.array([known.get(firm, -1) for firm in bare_ids(graph.firms).tolist()], dtype=np.int64)[rows.col]
    length = np.sqrt(np.bincount(rows.row, minlength=graph.size))
    kept = column >= 0
    shape = (graph.size, len(names))
    return sp.csr_array((1 / length[rows.row[kept]], (rows.row[kept], column[kept])), shape=shape)


def _categories(graph: CorporateGraph) -> FloatMatrix:
    at = [place for place, name in enumerate(graph.feature_names) if "=" in name]
    count = len({graph.feature_names[place].split("=")[0] for place in at})
    return np.asarray(np.nan_to_num(graph.features[:, at]) / np.sqrt(max(1, count)))


def _partner_names(graph: CorporateGraph, rows: NDArray[np.int64]) -> tuple[str, ...]:
    partners = np.union1d(graph.union()[rows].indices, rows)
    return tuple(np.unique(bare_ids(graph.firms[partners])).tolist())


def _parts(size: int) -> Iterator[slice]:
    return (slice(at, at + _BLOCK) for at in range(0, size, _BLOCK))
