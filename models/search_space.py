"""Which settings a portfolio's search may try, and the candidate that settings make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from schemas.candidates import NetworkSpec, SingleSpec
from schemas.errors import SettingsError, nearest
from schemas.portfolio import PortfolioSpec
from schemas.search_spaces import ARCHITECTURES, SPACES, Choice, Integers, Reals, Space
from schemas.tabular import Group
from schemas.terms import TargetKind

Value = str | bool | int | float

#: joins the names of groups of inputs into one option
_AND = "+"
#: sampled numbers are rounded to so many digits, so that a pasted candidate is the very same one
_DIGITS = 4
#: what a kind cannot do without where the portfolio has none of it
_NEEDED: dict[str, dict[str, Any]] = {"correct_and_smooth": {"base": {"kind": "lightgbm", "features": "neighbour"}}}

_ADAPTER: TypeAdapter[SingleSpec] = TypeAdapter(Annotated[SingleSpec, Field(discriminator="kind")])


def searched_kinds(portfolio: PortfolioSpec, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the kinds to search: those asked for, or the portfolio's own and a few architectures of networks.

    AutoGluon searches by itself and takes minutes a trial, so that it is only searched when asked for.

    Raises
    ------
    SettingsError
        If a kind has no space, or needs relations where none is declared.
    """
    unknown = [kind for kind in asked if kind not in SPACES]
    if unknown:
        twin = nearest(unknown[0], list(SPACES))
        raise SettingsError(
            f"{unknown[0]!r} is not a kind of candidate that can be searched.",
            expected=f"some of {', '.join(SPACES)}",
            found=", ".join(asked),
            way_out=f"did you mean {twin}?" if twin else "correct `--kinds`",
        )
    wanted = asked or [
        *(one.kind for one in portfolio.single_candidates if one.kind != "autogluon"),
        *ARCHITECTURES,
    ]
    related = bool(portfolio.linking_relations)
    possible = [kind for kind in dict.fromkeys(wanted) if related or not _on_relations(portfolio, kind)]
    if not possible:
        raise SettingsError(
            "The portfolio declares no relation, and every kind asked for tells relations apart.",
            found=", ".join(wanted),
            way_out="declare a relation, or ask for other kinds",
        )
    return tuple(possible)


def space(portfolio: PortfolioSpec, kind: str) -> Space:
    """Return the settings of a kind that may be tried on a portfolio."""
    found = dict(SPACES[kind])
    fields = type(_start(portfolio, kind)).model_fields
    if "features" in fields:
        found["features"] = Choice(options=tuple(_AND.join(groups) for groups in _feature_groups(portfolio)))
    if portfolio.target.kind is TargetKind.ORDINAL and "ordered" in fields:
        found["ordered"] = Choice(options=(False, True))
    if not portfolio.linking_relations:
        found.pop("per_relation", None)
    return found


def candidate(portfolio: PortfolioSpec, kind: str, values: Mapping[str, Value], name: str) -> SingleSpec:
    """Return the candidate with these settings; what is not among them is as in the portfolio's first of this kind.

    Without one of the kind the other settings are the defaults, but for the `batches` of the portfolio's first
    network: a graph that is too large for one network is for all.
    """
    settings = {key: tuple(str(value).split(_AND)) if key == "features" else value for key, value in values.items()}
    return _ADAPTER.validate_python(_start(portfolio, kind).model_dump() | settings | {"name": name})


def rounded(value: float, within: Integers | Reals) -> float | int:
    """Return a drawn number as it is tried: a multiple where one is asked for, else with a few digits."""
    if isinstance(within, Integers):
        step = within.multiple_of
        return min(max(round(value / step), -(-within.low // step)), within.high // step) * step
    return min(max(float(f"{value:.{_DIGITS}g}"), within.low), within.high)


def settings_within(portfolio: PortfolioSpec, spec: SingleSpec) -> dict[str, Value]:
    """Return those settings of a candidate that its kind's space holds: what the search can learn from it."""
    found: dict[str, Value] = {}
    for key, within in space(portfolio, spec.kind).items():
        value = getattr(spec, key)
        value = _AND.join(value) if key == "features" else value
        if within.holds(value):
            found[key] = float(value) if isinstance(within, Reals) else value
    return found


def free_name(portfolio: PortfolioSpec, kind: str) -> str:
    """Return a name for a tuned candidate that the portfolio does not use yet."""
    taken = {one.name for one in portfolio.candidates}
    names = [f"{kind}_tuned", *(f"{kind}_tuned_{number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


def _start(portfolio: PortfolioSpec, kind: str) -> SingleSpec:
    own = next((one for one in portfolio.single_candidates if one.kind == kind), None)
    if own is not None:
        return own
    plain = _ADAPTER.validate_python({"name": kind, "kind": kind, **_NEEDED.get(kind, {})})
    network = next((one for one in portfolio.single_candidates if isinstance(one, NetworkSpec)), None)
    if network is not None and isinstance(plain, NetworkSpec):
        return plain.model_copy(update={"batches": network.batches})
    return plain


def _on_relations(portfolio: PortfolioSpec, kind: str) -> bool:
    return bool(getattr(_start(portfolio, kind), "tells_relations_apart", False))


def _feature_groups(portfolio: PortfolioSpec) -> list[list[str]]:
    """Return own inputs alone, with the neighbours', and with what else the portfolio computes of the graph."""
    described = [
        str(group)
        for group, there in ((Group.STRUCTURE, portfolio.graph.structure), (Group.EMBEDDING, portfolio.graph.embedding))
        if there
    ]
    own, neighbour = str(Group.OWN), str(Group.NEIGHBOUR)
    groups = [[own], [own, neighbour]]
    groups += [[own, group] for group in described]
    groups += [[own, *sorted([neighbour, *described])]] if described else []
    return groups
