"""The fair-lending report of a refresh: how groups fare, what of it the graph adds, and what else could be done.

Every figure is a screening statistic and a test of model risk; none is a finding of law.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from monitoring import filters
from monitoring.documents import Dossier, Finding, Form, less_discriminatory_findings, open_findings, written
from monitoring.fairness_trends import lowest_intersections
from schemas.fair_lending import Alternative, FairLending, GroupMeasures, MovedDecisions
from schemas.portfolio import ColumnSpec
from schemas.results import GateResult, Homophily
from schemas.terms import Judgement

#: From this assortativity on a relation tells much of an attribute; shown in words beside the figure.
TELLING = 0.1
#: intersections that are shown
_DRAWN = 12
#: groups below the limit that are named in brief
_NAMED = 6
_GATE = "fairness"


class AttributeShown(NamedTuple):
    """A declared attribute as the report lists it."""

    column: ColumnSpec
    protected: bool
    unknown: int


class NetworkRow(NamedTuple):
    """One group by the score without partners, the combined one and the network part."""

    alone: GroupMeasures
    combined: GroupMeasures
    part: GroupMeasures
    moved: MovedDecisions


class SmallGroup(NamedTuple):
    """A group that was not judged on something, and why."""

    group: GroupMeasures
    statistic: str
    reason: str


def fair_lending_html(dossier: Dossier) -> str:
    """Write the fair-lending report as one self-contained page."""
    return _page(dossier, "html")


def fair_lending_markdown(dossier: Dossier) -> str:
    """Write the fair-lending report as Markdown; charts become sentences."""
    return _page(dossier, "markdown")


def ratio_reading(group: GroupMeasures, limit: float) -> str:
    """Say in words where a group's impact ratio stands."""
    ratio = group.impact_ratio
    if group.is_reference:
        return "reference group"
    if ratio.value is None:
        return f"not judged: {group.impact_reason}"
    parity = "; below parity beyond chance" if ratio.high is not None and ratio.high < 1 else ""
    if ratio.value >= limit:
        return f"at {limit:g} or above{parity}"
    if ratio.high is not None and ratio.high < limit:
        return f"below {limit:g} beyond chance"
    return f"below {limit:g}, within chance{parity}"


def difference_reading(alternative: Alternative) -> str:
    """Say in words what speaks for an alternative."""
    if alternative.chosen:
        return "chosen"
    ranks = "not significantly worse" if alternative.not_worse else "ranks significantly worse"
    ratio = alternative.ratio_difference.value
    if ratio is None:
        return f"{ranks}; ratios not judged"
    if alternative.less_discriminatory:
        return f"{ranks}; less discriminatory beyond chance"
    return f"{ranks}; {'higher ratio within chance' if ratio > 0 else 'no higher ratio'}"


def fairness_gates(dossier: Dossier) -> list[GateResult]:
    """Return the gates on fairness, one a protected attribute."""
    return [gate for gate in dossier.judged.gates if gate.gate.startswith(_GATE)]


def _page(dossier: Dossier, form: Form) -> str:
    fair = dossier.fair_lending
    return written(
        "fair_lending.j2",
        dossier,
        form,
        attributes=_attributes(dossier, fair) if fair else [],
        gates=fairness_gates(dossier),
        verdict=_verdict(fairness_gates(dossier)),
        points=_points(dossier, fair) if fair else [],
        network_rows=_network_rows(fair) if fair else [],
        small=list(_small(fair)) if fair else [],
        lowest=lowest_intersections(fair.combined.groups, _DRAWN) if fair else (),
        drawn=_DRAWN,
        alike=_alike(fair) if fair else ([], []),
        findings=less_discriminatory_findings(dossier),
        fairness_findings=_fairness_findings(dossier),
        ratio_reading=ratio_reading,
        difference_reading=difference_reading,
        telling=TELLING,
        portfolio_samples=", ".join(filters.words(sample) for sample in fair.samples) if fair else "",
    )


def _fairness_findings(dossier: Dossier) -> list[Finding]:
    """Return the open findings of failed fairness gates, then the less discriminatory alternatives."""
    failed = [one for one in open_findings(dossier) if one.finding.startswith(f"Gate failed: {_GATE}")]
    return [*failed, *less_discriminatory_findings(dossier)]


def _verdict(gates: Sequence[GateResult]) -> Judgement:
    found = {gate.verdict for gate in gates}
    return next((one for one in (Judgement.FAIL, Judgement.PASS) if one in found), Judgement.NOT_ASSESSABLE)


def _attributes(dossier: Dossier, fair: FairLending) -> list[AttributeShown]:
    portfolio = dossier.portfolio
    return [
        AttributeShown(column, column in portfolio.protected_columns, fair.unknown[column.name])
        for column in (*portfolio.protected_columns, *portfolio.watched_columns)
    ]


def _points(dossier: Dossier, fair: FairLending) -> list[str]:
    """Return what an officer should know first; plain text, for names are delivered and escaped where printed."""
    below = [f"{one.attribute}: {one.name} ({one.impact_ratio.value:.3f})" for one in _below(dossier, fair)]
    if len(below) > _NAMED:
        below = [*below[:_NAMED], f"and {len(below) - _NAMED} more"]
    found = less_discriminatory_findings(dossier)
    unjudged = {(one.group.attributes, one.group.group) for one in _small(fair)}
    return [
        f"Below the limit, watched attributes and intersections included: {'; '.join(below) or 'no judged group'}.",
        _network_point(fair),
        *_proxy_point(fair),
        f"Less discriminatory alternatives: {len(found) or 'none'} found among {len(fair.alternatives)} candidates.",
        f"Too small to judge on something: {len(unjudged)} of {len(fair.combined.groups)} groups, named below.",
    ]


def _network_point(fair: FairLending) -> str:
    found = fair.network
    if found is None:
        return "Network-derived part: none, no candidate uses the graph."
    judged = [one for one in found.of("network part").single if one.impact_ratio.value is not None]
    lowest = min(judged, key=lambda one: one.impact_ratio.value or 0.0, default=None)
    whose = (
        f"of {found.candidate}, the chosen candidate"
        if found.chosen
        else f"of {found.candidate}, by which no firm is scored, since the chosen candidate does not use the graph"
    )
    ratio = (
        f"; lowest impact ratio {lowest.impact_ratio.value:.3f} ({lowest.attribute}: {lowest.name})" if lowest else ""
    )
    return f"Network-derived part: {whose}{ratio}."


def _proxy_point(fair: FairLending) -> Iterator[str]:
    known = [one for one in fair.homophily if one.value is not None]
    if known:
        most = max(known, key=lambda one: abs(one.value or 0.0))
        relation = filters.words(most.relation)
        yield (
            f"Proxy risk: partners tell most of {most.attribute} over the relation {relation} "
            f"(assortativity {most.value:.3f})."
        )


def _below(dossier: Dossier, fair: FairLending) -> list[GroupMeasures]:
    """Return the judged groups whose ratio is below the limit, the lowest first."""
    limit = dossier.portfolio.gates.minimum_impact_ratio
    found = [(one.impact_ratio.value, one) for one in fair.combined.groups if one.impact_ratio.value is not None]
    return [one for ratio, one in sorted(found, key=lambda pair: pair[0]) if ratio < limit]


def _network_rows(fair: FairLending) -> list[NetworkRow]:
    if fair.network is None:
        return []
    moved = {(one.attribute, one.group): one for one in fair.network.moved}
    scores = (fair.network.of("without partners"), fair.network.of("combined"), fair.network.of("network part"))
    return [
        NetworkRow(alone, combined, part, moved[alone.attribute, alone.name])
        for alone, combined, part in zip(*(one.single for one in scores), strict=True)
    ]


def _small(fair: FairLending) -> Iterator[SmallGroup]:
    for group in fair.combined.groups:
        for statistic, reason in (
            ("impact ratio", group.impact_reason),
            ("equal opportunity", group.opportunity_reason),
            ("calibration", group.calibration_reason),
        ):
            if reason:
                yield SmallGroup(group, statistic, reason)


def _alike(fair: FairLending) -> tuple[list[str], list[tuple[str, list[Homophily | None]]]]:
    """Return the relations, and for each attribute its homophily over each of them."""
    relations = list(dict.fromkeys(one.relation for one in fair.homophily))
    by_both = {(one.attribute, one.relation): one for one in fair.homophily}
    names = list(dict.fromkeys(one.attribute for one in fair.homophily))
    return relations, [(name, [by_both.get((name, relation)) for relation in relations]) for name in names]
