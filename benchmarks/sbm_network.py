"""The network of 300 firms that the chapter on graph neural networks draws, and the best score anybody could give.

The recipe is that of "Graph Neural Networks and Network Credit Risk", section 31.5: two blocks of 150 firms, edges
with probability .06 within and .01 across, a latent default score of block, leverage and return on assets, and features
that were corrupted. Draw 0 is the chapter's own; draw d takes d for its seed and d + 1 for the network's.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import networkx as nx
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import ndtr

from models.corporate_graph import CorporateGraph
from models.edges import edges_from_matrix
from models.fitted import FittingData
from models.panel import UNKNOWN
from schemas.specs import TrainingSpec

FIRMS, BLOCK, WITHIN, ACROSS = 300, 150, 0.06, 0.01
DEFAULT_SHARE = 0.30
_NAMES = ("leverage", "return_on_assets", "size", "age", "industry=0", "industry=1", "industry=2")
#: Leverage between these; standard deviations of what corrupts it, of return on assets and of its corruption, and of
#: the latent score's noise.
_LEVERAGE, _LEVERAGE_NOISE = (0.1, 0.9), 0.4
_ROA_MEAN, _ROA_SPREAD, _ROA_NOISE = 0.04, 0.10, 0.10
_LATENT_NOISE = 0.3
_AS_OF = dt.date(2024, 12, 31)

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]


class Draw(NamedTuple):
    """One network: what fitting may see, the truth of all firms, the rows to test, and the oracle's probabilities."""

    data: FittingData
    truth: NDArray[np.int64]
    test: Rows
    oracle: Floats


def drawn(number: int) -> Draw:
    """Draw a network; every random number is drawn in the chapter's order.

    Its graph has no embedding yet (`models.inputs.with_computed`).
    """
    rng = np.random.default_rng(number)
    network = nx.DiGraph(nx.stochastic_block_model([BLOCK] * 2, [[WITHIN, ACROSS], [ACROSS, WITHIN]], seed=number + 1))
    rng.uniform(0.1, 1.0, size=network.number_of_edges())  # the chapter's weights, which its models do not look at
    block = np.repeat([0, 1], BLOCK)
    leverage = rng.uniform(*_LEVERAGE, size=FIRMS)
    roa = rng.normal(_ROA_MEAN, _ROA_SPREAD, size=FIRMS)
    size, age = rng.normal(0.0, 1.0, size=FIRMS), rng.uniform(1.0, 30.0, size=FIRMS)
    industry = rng.integers(0, 3, size=FIRMS)
    latent = 0.5 * leverage - roa + 2.0 * block + _LATENT_NOISE * rng.normal(size=FIRMS)
    cut = np.quantile(latent, 1 - DEFAULT_SHARE)
    seen_leverage = leverage + _LEVERAGE_NOISE * rng.normal(size=FIRMS)
    seen_roa = roa + _ROA_NOISE * rng.normal(size=FIRMS)
    order = np.arange(FIRMS)
    rng.shuffle(order)
    development, validation, test = (np.isin(np.arange(FIRMS), part) for part in np.split(order, [180, 240]))
    truth = (latent > cut).astype(np.int64)
    features = np.column_stack([seen_leverage, seen_roa, size, age / 30.0, np.eye(3)[industry]])
    data = FittingData(
        graph=_graph(network, (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)),
        truth=np.where(test, UNKNOWN, truth),
        development=development,
        validation=validation,
        communities=np.array([f"c{row % 10}" for row in range(FIRMS)]),
        classes=2,
        training=TrainingSpec(seed=number, threads=1),
    )
    return Draw(data, truth, test, oracle(block, seen_leverage, seen_roa, float(cut)))


def oracle(block: NDArray[np.int64], seen_leverage: Floats, seen_roa: Floats, cut: float) -> Floats:
    """Return P(default | block, observed leverage, observed return on assets), (n,), by Bayes' rule.

    The latent score exceeds the cut with probability E[ Phi((l / 2 - m + 2 b - cut) / s) ]: return on assets is normal
    given what was observed (mean m; its variance and that of the latent noise make s squared), and the expectation is
    over leverage, uniform a priori, given what was observed, on a grid of 801 points.
    """
    grid = np.linspace(*_LEVERAGE, 801)
    weights = np.exp(-0.5 * ((seen_leverage[:, None] - grid) / _LEVERAGE_NOISE) ** 2)
    precision = _ROA_SPREAD**-2 + _ROA_NOISE**-2
    mean = (_ROA_MEAN * _ROA_SPREAD**-2 + seen_roa * _ROA_NOISE**-2) / precision
    spread = np.sqrt(1 / precision + _LATENT_NOISE**2)
    beyond = ndtr((0.5 * grid - mean[:, None] + 2.0 * block[:, None] - cut) / spread)
    found: Floats = (weights * beyond).sum(axis=1) / weights.sum(axis=1)
    return found


def _graph(network: nx.DiGraph, features: Floats) -> CorporateGraph:
    adjacency = sp.csr_array(nx.to_scipy_sparse_array(network, nodelist=range(FIRMS), weight=None, format="csr"))
    return CorporateGraph(
        as_of=_AS_OF,
        firms=np.array([f"f{row:03d}" for row in range(FIRMS)]),
        relations={"supply": edges_from_matrix(adjacency.astype(np.float64), directed=False)},
        features=features,
        feature_names=_NAMES,
    )
