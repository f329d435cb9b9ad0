"""A graph in which firms say of themselves what they say in one quarter and hear what is said in another.

It is what takes a change of score apart: a model that is asked about such a graph tells what a firm would score had
only its own inputs changed, or only what surrounds it. Own inputs are its features and its past; what surrounds it are
the relations, what is computed of its place in them, and whatever its partners say, its own words echoed by them too.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from models.corporate_graph import Columns, CorporateGraph, IntVector
from models.neighbours import neighbour_features
from schemas.candidates import CorrectAndSmoothSpec, EnsembleSpec, Group, KrigingSpec, SingleSpec

#: groups of inputs that are a firm's own; the others follow from its place among other firms
OWN_GROUPS = (Group.OWN, Group.HISTORY)


@dataclass(frozen=True)
class MixedGraph(CorporateGraph):
    """A graph whose `features` and own past are each firm's own, while partners are heard as they are in `heard`.

    Attributes
    ----------
    heard
        The same firms and relations with the inputs that partners are heard by. Everything computed of places, the
        aggregates of partners' features among them, is that of `heard`.
    """

    heard: CorporateGraph = field(kw_only=True)


def with_own_of(around: CorporateGraph, own: CorporateGraph) -> MixedGraph:
    """Return the firms of `around` where they are, with the own inputs that those of them in `own` have there.

    Parameters
    ----------
    around, own
        Two quarters with the same features, relations and groups of inputs (`unlike`).
    """
    rows, places = _in_both(around, own)
    features = around.features.copy()
    features[rows] = own.features[places]
    computed = {**around.computed, Group.NEIGHBOUR: Columns(*neighbour_features(around))}
    if Group.HISTORY in around.computed:
        past = around.computed[Group.HISTORY]
        values = past.values.copy()
        values[rows] = own.computed[Group.HISTORY].values[places]
        computed[Group.HISTORY] = Columns(values, past.names)
    parts = {part.name: getattr(around, part.name) for part in fields(CorporateGraph)}
    return MixedGraph(**parts | {"features": features, "computed": computed}, heard=around)


def unlike(first: CorporateGraph, second: CorporateGraph) -> str:
    """Say what of two graphs differs so that a model of one cannot score the other; empty if nothing does."""
    for what, (was, now) in {
        "features": (first.feature_names, second.feature_names),
        "relations": tuple({name: one.directed for name, one in graph.relations.items()} for graph in (first, second)),
        "types of node": tuple((tuple(graph.nodes), tuple(graph.partners)) for graph in (first, second)),
        "groups of inputs": tuple(
            {name: one.names for name, one in graph.computed.items()} for graph in (first, second)
        ),
    }.items():
        if was != now:
            return f"the {what} of the two quarters are not the same"
    return ""


def heard_apart(spec: SingleSpec | EnsembleSpec, members: tuple[SingleSpec, ...] = ()) -> str:
    """Say why a candidate cannot tell a firm's own inputs from what it hears; empty if it can.

    Parameters
    ----------
    members
        The candidates that an ensemble is made of.
    """
    for one in members if isinstance(spec, EnsembleSpec) else (spec,):
        if isinstance(one, CorrectAndSmoothSpec):
            return f"{one.name} spreads every firm's own prediction over the graph"
        if isinstance(one, KrigingSpec) and one.own == "observed":
            return f"{one.name} lets every firm's inputs speak for the firms like it"
    return ""


def _in_both(first: CorporateGraph, second: CorporateGraph) -> tuple[IntVector, IntVector]:
    _, rows, places = np.intersect1d(first.firms, second.firms, assume_unique=True, return_indices=True)
    return rows, places
