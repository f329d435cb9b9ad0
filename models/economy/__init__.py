"""A synthetic corporate economy with known truth."""

from models.economy.generator import Economy, simulate_economy
from models.economy.oracle import true_pds
from models.economy.spec import EconomySpec

__all__ = ["Economy", "EconomySpec", "simulate_economy", "true_pds"]
