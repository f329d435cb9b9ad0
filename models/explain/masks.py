"""Learnt masks: the few relations and features that are enough for a score, found by gradient descent.

For each firm, numbers m in (0, 1) mute the messages along its relations, and numbers f its features, its own and its
partners', such that the score stays what it was while as little as possible is kept:

    least of  ((s(m, f) - s) / d)^2 + size * (mean m + mean f) + entropy * (mean H(m) + mean H(f))

with s the log-odds, d how far they are from those of a firm that hears nothing and has average features, and H the
entropy of a number that should become 0 or 1 (Ying and others 2019, GNNExplainer, arXiv:1903.03894, equations 3 to 7
and section 4.2). The paper's log-likelihood of the predicted class would say why a firm is not in default, for nearly
all firms; the squared distance of log-odds is what its regression form comes to, and explains high scores and low ones.

Firms do not share parameters: many of them, each on a copy of its surroundings, are optimised together in the time
that one takes several times over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.explain.attribution import Attribution, Heard, Method, attribution
from models.explain.muted import Volume
from models.explain.networks import ExplainedNetwork, OpenedNetwork
from models.explain.surroundings import Surroundings

#: log-odds that a score must be away from its baseline before the distance is told in units of it
LEAST_DISTANCE = 0.05


@dataclass(frozen=True)
class MaskSettings:
    """How masks are learnt.

    Attributes
    ----------
    steps
        Steps of Adam.
    rate
        Its learning rate; masks are logistic functions of what it moves.
    size, entropy
        What it costs to keep everything, and to be undecided.
    spread
        Standard deviation of the starting points around even odds; tells seeds apart.
    """

    steps: int = 50
    rate: float = 0.2
    size: float = 0.2
    entropy: float = 0.05
    spread: float = 0.1


@dataclass(frozen=True)
class LearntMasks:
    """Masks of some firms.

    Attributes
    ----------
    edges : (units,) float64
        In the order of `Surroundings.units`.
    features : (t, features) float64
    log_odds : (t,) float64
        The explained scores.
    distance : (t,) float64
        Root of the first term that was left: 0 where the masks keep the score.
    """

    around: Surroundings
    edges: NDArray[np.float64]
    features: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    distance: NDArray[np.float64]


def learnt_masks(
    opened: OpenedNetwork,
    firms: Sequence[int] | NDArray[np.int64],
    settings: MaskSettings,
    *,
    seed: int = 0,
    fanout: int = 0,
) -> LearntMasks:
    """Learn the masks of some firms together; every firm's are what it would get by itself, but for their start.

    Parameters
    ----------
    firms : (t,)
        Rows of the graph.
    fanout
        At most so many partners of a partner are heard (`models.explain.surroundings.surroundings`); 0: all.
    """
    around = opened.surroundings(firms, fanout)
    values = opened.values(around)
    count, owner = len(around.firms), torch.from_numpy(around.units.owner)
    volume = Volume(len(owner))
    blocks = around.muted(volume)
    generator = torch.Generator().manual_seed(seed)
    edges = (settings.spread * torch.randn(len(owner), generator=generator)).requires_grad_()
    features = (settings.spread * torch.randn(count, opened.number_of_features, generator=generator)).requires_grad_()

    def score(edge_mask: torch.Tensor, feature_mask: torch.Tensor) -> torch.Tensor:
        volume.set(edge_mask)
        return opened.log_odds(blocks, opened.muted_values(around, values, feature_mask))

    with torch.no_grad():
        whole = score(torch.ones_like(edges), torch.ones_like(features))
        nothing = score(torch.zeros_like(edges), torch.zeros_like(features))
    scale = (whole - nothing).abs().clamp(min=LEAST_DISTANCE)
    shares = 1 / torch.bincount(owner, minlength=count).clamp(min=1).float()[owner]
    optimiser = torch.optim.Adam([edges, features], lr=settings.rate)
    distance = torch.zeros_like(whole)
    for _ in range(settings.steps):
        m, f = torch.sigmoid(edges), torch.sigmoid(features)
        distance = (score(m, f) - whole) / scale
        kept = (m * shares).sum() + f.mean(dim=1).sum()
        undecided = (undecidedness(edges, m) * shares).sum() + undecidedness(features, f).mean(dim=1).sum()
        loss = (distance**2).sum() + settings.size * kept + settings.entropy * undecided
        # Of the masks alone: the network's own weights keep what gradients they have, and cost no time.
        slopes = torch.autograd.grad(loss, [edges, features], allow_unused=True, materialize_grads=True)
        edges.grad, features.grad = slopes
        optimiser.step()
    return LearntMasks(
        around,
        torch.sigmoid(edges).detach().double().numpy(),
        torch.sigmoid(features).detach().double().numpy(),
        whole.double().numpy(),
        distance.detach().abs().double().numpy(),
    )


def gnn_explainer(explained: ExplainedNetwork, settings: MaskSettings | None = None, *, seed: int = 0) -> Attribution:
    """Return the masks of one firm's score: importances in (0, 1) of all relations and features it can hear."""
    found = learnt_masks(explained.opened, [explained.row], settings or MaskSettings(), seed=seed)
    return attribution(
        explained,
        Method.GNN_EXPLAINER,
        log_odds=float(found.log_odds[0]),
        signed=False,
        edges=found.edges,
        features=found.features[0],
    )


def batched_masks(
    opened: OpenedNetwork,
    firms: Sequence[int] | NDArray[np.int64],
    settings: MaskSettings | None = None,
    *,
    seed: int = 0,
    fanout: int = 5,
) -> list[Attribution]:
    """Return the masks of many firms' scores, optimised together on sampled surroundings.

    A firm's own relations are all among the edges; of its partners' at most `fanout` each.
    """
    found = learnt_masks(opened, firms, settings or MaskSettings(), seed=seed, fanout=fanout)
    edges = opened.heard.edges(found.around.units)
    told = []
    for place, row in enumerate(found.around.firms.tolist()):
        some = found.around.units.of(place)
        one = Heard(str(opened.graph.firms[row]), edges[some], opened.features(row))
        told.append(
            attribution(
                one,
                Method.BATCHED_MASKS,
                log_odds=float(found.log_odds[place]),
                signed=False,
                edges=found.edges[some],
                features=found.features[place],
            )
        )
    return told


def undecidedness(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return -m ln m - (1 - m) ln(1 - m) of masks and what they are logistic functions of."""
    return torch.nn.functional.softplus(logits) - mask * logits
