"""The state of an unfinished training as bytes, so that a killed run goes on where it was."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from safetensors.torch import load, save
from torch import nn

from models.fitted import Keeper

_NOW, _BEST, _OPTIMISER, _NUMBERS = "now.", "best.", "optimiser.", "numbers"


@dataclass
class Checkpoint:
    """Where training stands.

    Attributes
    ----------
    epoch
        Epochs done.
    best
        Weights of the best epoch so far.
    least_error
        Its error on validation: the loss, or 1 - AUC.
    """

    epoch: int
    best_epoch: int
    least_error: float
    best: dict[str, torch.Tensor]

    @classmethod
    def load(cls, keeper: Keeper, name: str, network: nn.Module, optimiser: torch.optim.Optimizer) -> Checkpoint:
        """Bring network and optimiser to where they were kept, or return the beginning."""
        data = keeper.load(name)
        if data is None:
            return cls(0, 0, float("inf"), {key: value.clone() for key, value in network.state_dict().items()})
        tensors = load(data)
        network.load_state_dict(_part(tensors, _NOW))
        state = optimiser.state_dict()
        state["state"] = {}
        for key, tensor in _part(tensors, _OPTIMISER).items():
            number, field = key.split(".", 1)
            state["state"].setdefault(int(number), {})[field] = tensor
        optimiser.load_state_dict(state)
        epoch, best_epoch, least_error = tensors[_NUMBERS].tolist()
        return cls(int(epoch), int(best_epoch), least_error, _part(tensors, _BEST))

    def save(self, keeper: Keeper, name: str, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Keep everything that the next epoch depends on."""
        tensors = {_NOW + key: value for key, value in network.state_dict().items()}
        tensors |= {_BEST + key: value for key, value in self.best.items()}
        for number, fields in optimiser.state_dict()["state"].items():
            tensors |= {f"{_OPTIMISER}{number}.{field}": tensor for field, tensor in fields.items()}
        tensors[_NUMBERS] = torch.tensor([self.epoch, self.best_epoch, self.least_error], dtype=torch.float64)
        keeper.save(name, save({key: value.detach().clone().contiguous() for key, value in tensors.items()}))


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
