"""PGExplainer: one small network, learnt on some firms, that tells the masks of all others at once.

    w_uv = f( [ h_near | h_far | h_firm | r | p ] )  near the end of the edge that is nearer to the explained firm
    m_uv = s( (ln e - ln(1 - e) + w_uv) / t )        e uniform on (0, 1), t falling from 5 to 1 while f is learnt

with h the network's last hidden layer (Luo and others 2020, arXiv:2011.04573, equations 4, 6, 10 and section 4.3). The
paper's edges have neither kind nor weight; here r says which relation an edge is of, where the network tells them
apart, and p what share of its receiver's weights it has. In use m_uv = s(w_uv). What is minimised is that of
`models.explain.masks`, without the features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from models.explain.attribution import Attribution, Heard, Method, attribution
from models.explain.masks import LEAST_DISTANCE, MaskSettings, undecidedness
from models.explain.muted import Volume
from models.explain.networks import OpenedNetwork
from models.explain.surroundings import Surroundings

_HIDDEN = 64
_WARM, _COLD = 5.0, 1.0


@dataclass(frozen=True)
class PgExplainer:
    """A learnt explainer of one network and graph."""

    opened: OpenedNetwork
    edge_scores: nn.Module
    hidden: torch.Tensor

    def logits(self, around: Surroundings) -> torch.Tensor:
        """Return w of each unit, (units,)."""
        return _logits(self.edge_scores, self.hidden, around)

    def explain(self, firms: Sequence[int] | NDArray[np.int64], *, fanout: int = 0) -> list[Attribution]:
        """Return the masks of some firms' scores: importances in (0, 1) of the relations they can hear.

        Parameters
        ----------
        fanout
            At most so many partners of a partner are looked at; 0: all.
        """
        around = self.opened.surroundings(firms, fanout)
        with torch.no_grad():
            masks = torch.sigmoid(self.logits(around)).double().numpy()
            scores = self.opened.log_odds(around.blocks(), self.opened.values(around)).tolist()
        edges = self.opened.heard.edges(around.units)
        found = []
        for place, row in enumerate(around.firms.tolist()):
            some = around.units.of(place)
            one = Heard(str(self.opened.graph.firms[row]), edges[some], ())
            found.append(attribution(one, Method.PG_EXPLAINER, log_odds=scores[place], signed=False, edges=masks[some]))
        return found


@dataclass(frozen=True)
class PgSettings:
    """How an explainer is learnt: passes over the firms, firms a step, learning rate and the price of masks."""

    epochs: int = 10
    firms_a_step: int = 32
    rate: float = 0.005
    fanout: int = 5
    masks: MaskSettings = field(default_factory=MaskSettings)


def fitted_pg_explainer(
    opened: OpenedNetwork,
    firms: Sequence[int] | NDArray[np.int64],
    settings: PgSettings | None = None,
    *,
    seed: int = 0,
) -> PgExplainer:
    """Learn an explainer on some firms; no outcome is looked at, only the network's own scores.

    Parameters
    ----------
    firms
        Rows of the graph to learn from; some hundred are enough.
    """
    settings = settings or PgSettings()
    hidden = _last_hidden(opened)
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    kinds = len(opened.heard.relation_names)
    scores = nn.Sequential(nn.Linear(3 * hidden.shape[1] + kinds + 1, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 1))
    optimiser = torch.optim.Adam(scores.parameters(), lr=settings.rate)
    rows = np.asarray(firms, dtype=np.int64)
    for epoch in range(settings.epochs):
        temperature = _WARM * (_COLD / _WARM) ** (epoch / max(1, settings.epochs - 1))
        dealt = rng.permutation(rows)
        for start in range(0, len(dealt), settings.firms_a_step):
            step = _Step(opened, dealt[start : start + settings.firms_a_step], settings.fanout)
            logits = _logits(scores, hidden, step.around)
            loss = step.loss(logits, temperature, settings.masks)
            learnt = list(scores.parameters())
            for one, slope in zip(learnt, torch.autograd.grad(loss, learnt), strict=True):
                one.grad = slope
            optimiser.step()
    return PgExplainer(opened, scores.eval(), hidden)


@dataclass(frozen=True)
class _Step:
    """Some firms to learn from."""

    opened: OpenedNetwork
    firms: NDArray[np.int64]
    fanout: int

    @cached_property
    def around(self) -> Surroundings:
        return self.opened.surroundings(self.firms, self.fanout)

    def loss(self, logits: torch.Tensor, temperature: float, settings: MaskSettings) -> torch.Tensor:
        """Return the mean over the firms of the distance and of what masks cost."""
        opened, around = self.opened, self.around
        volume, values, count = Volume(len(logits)), opened.values(around), len(self.firms)
        blocks = around.muted(volume)
        owner = torch.from_numpy(around.units.owner)
        with torch.no_grad():
            whole = opened.log_odds(blocks, values)
            volume.set(torch.zeros(len(logits)))
            scale = (whole - opened.log_odds(blocks, values)).abs().clamp(min=LEAST_DISTANCE)
        noise = torch.rand(len(logits)).clamp(1e-6, 1 - 1e-6).logit()
        drawn = (noise + logits) / temperature
        mask = torch.sigmoid(drawn)
        volume.set(mask)
        distance = (opened.log_odds(blocks, values) - whole) / scale
        shares = 1 / torch.bincount(owner, minlength=count).clamp(min=1).float()[owner]
        cost = settings.size * mask + settings.entropy * undecidedness(drawn, mask)
        return ((distance**2).sum() + (cost * shares).sum()) / count


def _logits(scores: nn.Module, hidden: torch.Tensor, around: Surroundings) -> torch.Tensor:
    units, nodes = around.units, around.copies.node
    within = np.searchsorted(around.copies.within, units.ends, side="right")
    swapped = within[:, 0] > within[:, 1]
    near = np.where(swapped, units.ends[:, 1], units.ends[:, 0])
    far = np.where(swapped, units.ends[:, 0], units.ends[:, 1])
    ends = [nodes[near], nodes[far], around.firms[units.owner]]
    kind = functional.one_hot(torch.from_numpy(units.relation), len(around.heard.relation_names))
    share = torch.from_numpy(around.unit_shares())[:, None]
    parts = [*(hidden[torch.from_numpy(one)] for one in ends), kind.float(), share.float()]
    found: torch.Tensor = scores(torch.cat(parts, dim=1)).squeeze(1)
    return found


def _last_hidden(opened: OpenedNetwork) -> torch.Tensor:
    """Return the last hidden layer of all nodes, standardised, (nodes, width); no outcome is shown."""
    fitted, values = opened.fitted, opened.inputs.clone()
    if fitted.known.width:
        values[:, -fitted.known.width :] = 0
    block = opened.heard.whole.block
    with torch.no_grad():
        hidden = fitted.networks[0].eval().last_hidden([block] * fitted.spec.layers, values)
    return (hidden - hidden.mean(dim=0)) / hidden.std(dim=0).clamp(min=1e-6)
