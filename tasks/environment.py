"""What a fit's bits depend on besides data and code: libraries, Python, machine, threads, seed, graph engine."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from models.engine import engine_name
from schemas.portfolio import PortfolioSpec

_LIBRARIES = ("prefect", "torch", "dgl", "lightgbm", "catboost", "autogluon.tabular", "scikit-learn", "networkit",
              "polars", "pandera", "great-expectations", "evidently", "mlflow", "numpy", "scipy")  # fmt: skip


def environment(portfolio: PortfolioSpec) -> dict[str, str]:
    """Return what a fit's bits depend on besides data and code."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "threads": str(portfolio.training.threads),
        "seed": str(portfolio.training.seed),
        "graph engine": engine_name(),
        **{library: _version(library) for library in _LIBRARIES},
    }


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"
