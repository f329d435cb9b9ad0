"""Every option of every architecture acts, and what cannot be is refused in words."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from models.gnn.blocks import whole_graph
from schemas.candidates import AnyNetworkSpec, NetworkSpec
from schemas.portfolio import PortfolioSpec

OPTIONS = (
    ("gcn", {"residual": True}),
    ("gcn", {"dimension_attention": 0.5}),
    ("graphsage", {"aggregator": "pool"}),
    ("graphsage", {"aggregator": "lstm"}),
    ("graphsage", {"residual": True}),
    ("gat", {"heads": 2}),
    ("gat", {"residual": True}),
    ("gat", {"dimension_attention": 0.5}),
    ("gatv2", {"heads": 2}),
    ("gatv2", {"residual": True}),
    ("gin", {"residual": True}),
    ("rgcn", {"decomposition": "basis"}),
    ("rgcn", {"decomposition": "block"}),
    ("rgcn", {"residual": True}),
    ("rgcn", {"dimension_attention": 0.5}),
    ("han", {"heads": 2}),
    ("han", {"dimension_attention": 0.5}),
    ("hgt", {"heads": 2}),
    ("hgt", {"dimension_attention": 0.5}),
    ("gdan", {"beta": 1.0}),
    ("gdan", {"normalisation": "root"}),
    ("gdan", {"own_term": False}),
    ("sehgnn", {"fusion": "semantic"}),
    ("sehgnn", {"layers": 1}),
    ("propagated", {"powers": "last"}),
    ("propagated", {"layers": 3}),
    ("propagated", {"per_relation": True}),
    ("propagated", {"hidden_layers": 2}),
)


def outputs(spec, graph, drawn, inputs):
    """Return the outputs of a network whose shared weights do not depend on how many others were drawn."""
    one = drawn(spec, graph)
    with torch.no_grad():
        for name, parameter in sorted(one.named_parameters()):
            generator = torch.Generator().manual_seed(sum(map(ord, name)))
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
    return one([whole_graph(graph)] * spec.layers, inputs(graph.size)).detach().numpy()


@pytest.mark.parametrize(("kind", "change"), OPTIONS, ids=str)
def test_each_option_acts(kind, change, first, described, drawn, inputs):
    before, after = (outputs(described(kind=kind, **some), first, drawn, inputs) for some in ({}, change))
    assert np.abs(before - after).max() > 1e-3


def test_weights_act_beside_relations_told_apart(first, described, drawn, inputs):
    plain, weighted = (
        outputs(described(kind="propagated", per_relation=True, weighted=some), first, drawn, inputs)
        for some in (False, True)
    )
    assert np.abs(plain - weighted).max() > 1e-3


@pytest.mark.parametrize("decomposition", ["basis", "block"])
def test_the_number_of_parts_acts(decomposition, first, described, drawn):
    def parameters(parts):
        one = drawn(described(kind="rgcn", decomposition=decomposition, parts=parts), first)
        return sum(parameter.numel() for parameter in one.parameters())

    assert (parameters(4) > parameters(2)) == (decomposition == "basis")
    assert parameters(4) != parameters(2)


def test_without_weight_there_is_no_dimension_attention(first, described, drawn):
    names = [name for name, _ in drawn(described(kind="gdan", beta=0), first).named_parameters()]
    assert not [name for name in names if "attention" in name]
    assert len(names) < len(list(drawn(described(kind="gdan"), first).named_parameters()))


@pytest.mark.parametrize("weight", [0.25, 2.0])
def test_dimension_attention_counts_by_its_weight(weight, first, described, drawn, inputs):
    values = inputs(first.size)
    one, double = (
        drawn(described(kind="gcn", layers=1, dimension_attention=beta), first) for beta in (weight, 2 * weight)
    )
    block = whole_graph(first)
    plain = one.layers[0].layer(block, values)
    torch.testing.assert_close(double([block], values) - plain, 2 * (one([block], values) - plain))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "gat", "hidden": 10, "heads": 4}, "4 heads must divide 10"),
        ({"kind": "hgt", "hidden": 9, "heads": 2}, "2 heads must divide 9"),
        ({"kind": "gcn", "dimension_attention": -0.1}, "greater than or equal to 0"),
        ({"kind": "gdan", "beta": -1}, "greater than or equal to 0"),
        ({"kind": "sehgnn", "layers": 3}, "less than or equal to 2"),
        ({"kind": "graphsage", "aggregator": "sum"}, "'mean', 'pool' or 'lstm'"),
        ({"kind": "gin", "dimension_attention": 0.5}, "Extra inputs are not permitted"),
        ({"kind": "gdan", "residual": True}, "Extra inputs are not permitted"),
        ({"kind": "propagated", "weighted": True}, "`weighted` goes with `per_relation`"),
    ],
)
def test_an_impossible_setting_is_refused(settings, message, described):
    with pytest.raises(ValidationError, match=message):
        described(**settings)


def test_a_portfolio_can_name_every_architecture(spec, world):
    portfolio = world.portfolio(candidates=[spec.model_dump(mode="json")])
    assert portfolio.candidates == (spec,)
    assert PortfolioSpec.model_validate_json(portfolio.model_dump_json()) == portfolio


@pytest.mark.parametrize("settings", [{"kind": "rgcn"}, {"kind": "gdan"}, {"kind": "propagated", "per_relation": True}])
def test_what_tells_relations_apart_needs_one(settings, world):
    with pytest.raises(ValidationError, match=f"{settings['kind']} tells relations apart, and none is declared"):
        world.portfolio(relations=[], candidates=[{"name": "one", **settings}])
    assert world.portfolio(relations=[], candidates=[{"name": "one", "kind": "propagated"}]).candidates


@pytest.mark.parametrize("kind", get_args(AnyNetworkSpec), ids=lambda kind: kind.__name__)
def test_every_architecture_and_its_options_are_documented(kind):
    table = (Path(__file__).parents[3] / "docs" / "candidates.md").read_text(encoding="utf-8").splitlines()
    (name,) = get_args(kind.model_fields["kind"].annotation)
    (row,) = [line for line in table if line.startswith(f"| `{name}` |")]
    own = set(kind.model_fields) - set(NetworkSpec.model_fields) - {"kind"}
    assert own
    assert [option for option in sorted(own) if f"`{option}" not in row] == []
