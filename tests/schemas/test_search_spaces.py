"""Every kind can be searched, within what its settings may be, and at least where JumpStart looked."""

from __future__ import annotations

from typing import get_args

import pytest

from schemas.candidates import CandidateSpec
from schemas.search_spaces import ARCHITECTURES, SPACES, Choice, Integers, Reals

#: hidden, dropout, weight decay, epochs and learning rate as the published solution searched them
JUMPSTART = {
    "hidden": (32, 1024),
    "dropout": (0, 0.6),
    "weight_decay": (1e-5, 1e-2),
    "epochs": (70, 120),
    "learning_rate": (0.002, 0.02),
}
SPECS = {get_args(spec.model_fields["kind"].annotation)[0]: spec for spec in get_args(get_args(CandidateSpec)[0])}
NEEDED = {"correct_and_smooth": {"base": {"kind": "logistic"}}}


def test_every_kind_but_the_ensemble_has_a_space():
    assert set(SPACES) == set(SPECS) - {"ensemble"}
    assert set(ARCHITECTURES) <= set(SPACES)


@pytest.mark.parametrize("kind", SPACES)
def test_every_end_of_every_range_is_a_possible_setting(kind):
    for name, within in SPACES[kind].items():
        ends = within.options if isinstance(within, Choice) else (within.low, within.high)
        for value in ends:
            assert within.holds(value), (name, value)
            settings = {"name": kind, "kind": kind, **NEEDED.get(kind, {}), name: value}
            if name == "heads":
                settings["hidden"] = SPACES[kind]["hidden"].low
            assert getattr(SPECS[kind].model_validate(settings), name) == value


@pytest.mark.parametrize("kind", [kind for kind, space in SPACES.items() if "hidden" in space])
def test_the_networks_ranges_contain_those_of_jumpstart(kind):
    for name, (low, high) in JUMPSTART.items():
        assert SPACES[kind][name].low <= low
        assert SPACES[kind][name].high >= high


def test_what_a_range_holds():
    assert Integers(low=16, high=64, multiple_of=16).holds(48)
    assert not Integers(low=16, high=64, multiple_of=16).holds(50)
    assert not Integers(low=0, high=2).holds(True)
    assert not Integers(low=0, high=2).holds(3)
    assert Reals(low=0, high=1).holds(1)
    assert not Reals(low=0, high=1).holds(None)
    assert not Choice(options=(0, 1)).holds(True)
