"""What all tests share: the small world, and a budget for property tests."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

# Read when the first OpenMP library is loaded; on a busy machine spinning threads take a hundred times longer.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# The same examples at every run in CI, so that a change is judged by what it changes; new ones at every run elsewhere.
settings.register_profile("creditnet", deadline=None, max_examples=30, derandomize=bool(os.environ.get("CREDITNET_CI")))
settings.load_profile("creditnet")


def _module(name: str) -> ModuleType:
    # tests is no package (importlib mode), so its helpers are loaded by their path, once.
    known = sys.modules.get(f"portfolio_{name}")
    if known is not None:
        return known
    spec = importlib.util.spec_from_file_location(
        f"portfolio_{name}", Path(__file__).parent / "portfolio" / f"{name}.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs dgl where there is none."""
    if importlib.util.find_spec("dgl") is None:
        for item in items:
            if item.get_closest_marker("dgl"):
                item.add_marker(pytest.mark.skip(reason="dgl is not installed"))


@pytest.fixture(scope="session")
def world() -> ModuleType:
    """Return the small world: portfolio(), raw_tables(), admitted_tables(), labels()."""
    return _module("world")


@pytest.fixture(scope="session")
def graphs() -> ModuleType:
    """Return builders of graphs and fitting data: graph_of(), graph_from_networkx(), learnable()."""
    return _module("graphs")
