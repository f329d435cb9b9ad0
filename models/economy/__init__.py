"""A synthetic corporate economy with known truth."""

from models.economy.contagion import carrying_edges, contagion_shares
from models.economy.generator import DELIVERED, Economy, simulate_economy
from models.economy.oracle import true_pds
from models.economy.spec import Channel, EconomySpec

__all__ = [
    "DELIVERED",
    "Channel",
    "Economy",
    "EconomySpec",
    "carrying_edges",
    "contagion_shares",
    "simulate_economy",
    "true_pds",
]
