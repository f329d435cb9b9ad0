"""Reason codes of firms: the factors that count most against them, in words that name no other firm.

Texts are made of the names of columns and relations, and of the words that the portfolio gives them; nothing of a
firm's partners gets into them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.contributions import HIGH, LOW, MISSING, Contributions
from models.factors import NUMBER, POSITION, Factor
from schemas.portfolio import PortfolioSpec
from schemas.reasons import MOST_REASONS, Level, Reason, ReasonCount, ReasonSpec, ReasonSummary

#: what adds less than this share of all that counts against a firm is no principal reason
LEAST_SHARE = 0.05
#: for a firm that nothing stands out of
GENERAL = Reason(
    code="GENERAL", text="No single item stands out: the estimate is about that of an ordinary firm",
    feature="", network=False, contribution=0.0,
)  # fmt: skip
_LEVELS: dict[int, Level] = {HIGH: "high", LOW: "low", MISSING: "missing"}
_PARTNERS = {
    "out": "firms that {relation} leads to",
    "in": "firms that {relation} comes from",
    "": "firms related by {relation}",
}
_PLACES = (
    (r"(number|weight) of (.+)", "the {0} of its {1}"),
    (r"herfindahl of (.+)", "its concentration on few {0}"),
    (r"(?:pagerank.*|katz|eigenvector centrality|betweenness)", "its centrality"),
    (r"clustering", "the closeness among the firms around it"),
    (r"core number", "the density of its part of the network"),
    (r"(?:longest|mean) upstream path", "the length of the chains above it"),
    (r"(least|largest) (.+) of (.+)", "the {0} {1} among its {2}"),
)


@dataclass(frozen=True)
class Wording:
    """The words of a portfolio's factors, its own and those made of names."""

    portfolio: PortfolioSpec

    def reason(self, factor: Factor, level: int, contribution: float) -> Reason:
        """Return the reason that a factor is."""
        name, spec = _LEVELS.get(level, "level"), self._spec(factor)
        special = getattr(spec, name, None) if name != "level" else None
        given = special or (spec.text if spec else None)
        itself = (factor.relation, factor.side, factor.feature)
        if spec is not None and given:
            # Words for a whole relation are one reason, whatever is heard by it.
            parts: tuple[str, ...] = spec.key
            variant: Level = name if special else "level"
        else:
            parts, variant = (*itself, factor.aspect), name
            spec = spec if spec is not None and spec.key == itself else None
        return Reason(
            code=_code(spec.code if spec else None, factor.network, parts, variant),
            text=given or default_text(factor, name),
            feature=" ".join(filter(None, parts)),
            network=factor.network,
            contribution=contribution,
        )

    def _spec(self, factor: Factor) -> ReasonSpec | None:
        if factor.aspect:  # words for an item or a relation are not words for its change, or for how many there are
            return None
        wanted = (
            (factor.relation, factor.side, factor.feature),
            (factor.relation, "", factor.feature),
            (factor.relation, factor.side, ""),
            (factor.relation, "", ""),
        )
        specs = {spec.key: spec for spec in self.portfolio.reasons}
        return next((specs[key] for key in wanted if any(key) and key in specs), None)


def default_text(factor: Factor, level: Level) -> str:
    """Return words made of the names of columns and relations."""
    if factor == POSITION:
        return "Its position among the firms that it is related to"
    feature, relation = (name.replace("_", " ") for name in (factor.feature, factor.relation))
    about = _sentence(factor, feature)
    if factor.relation:
        partners = _PARTNERS[factor.side].format(relation=relation)
        if not (feature or factor.aspect):
            # Without a side they may be persons or banks; short, since charts cut long names off at their end.
            return f"The condition of the {partners}" if factor.side else f"The condition of its partners ({relation})"
        if factor.aspect == NUMBER:
            about = f"The number of {partners}"
            return about if level == "level" else f"{about} is {level}"
        about = f"{about} among the {partners}" if feature else f"{about} ({relation})"
    return {
        "high": f"{about} is high",
        "low": f"{about} is low",
        "missing": f"{about} is not known",
        "level": about,
    }[level]


def _place(aspect: str) -> str:
    """Name a measure of a firm's place in the network (`models.structure`) in plain words."""
    for pattern, words in _PLACES:
        found = re.fullmatch(pattern, aspect)
        if found:
            return words.format(*(part.replace("_", " ").partition("=")[0] for part in found.groups()))
    return f"its place in the network: {aspect}"


def _sentence(factor: Factor, feature: str) -> str:
    if not feature:
        text = _place(factor.aspect) if factor.network else factor.aspect
    elif factor.aspect:
        text = f"{feature}, {factor.aspect}"
    else:
        text = feature
    return text[:1].upper() + text[1:]


def _code(given: str | None, network: bool, parts: Sequence[str], variant: Level) -> str:
    named = [given] if given else ["NETWORK" if network else "OWN", *parts]
    named += [] if variant == "level" else [variant]
    return "-".join(re.sub(r"[^A-Z0-9_.-]+", "_", part.upper()).strip("_-") for part in named if part)


def reasons(found: Contributions, portfolio: PortfolioSpec) -> list[tuple[Reason, ...]]:
    """Return the reasons of each firm, (m,): up to four that count most against it, own ones first.

    Factors with the same words are one reason, which counts what they add together. The four are chosen by what they
    add, wherever they come from: a list of own items alone would hide what decided. Then own ones go before those of
    the firms around, each in falling order.
    """
    wording = Wording(portfolio)
    words: dict[tuple[int, int], Reason] = {}
    rows = []
    for values, levels in zip(found.values, found.levels, strict=True):
        together: dict[str, Reason] = {}
        added: dict[str, float] = {}
        for place in np.flatnonzero(values):
            key = (int(place), int(levels[place]))
            if key not in words:
                words[key] = wording.reason(found.factors[place], key[1], 0.0)
            one = words[key]
            together.setdefault(one.code, one)
            added[one.code] = added.get(one.code, 0.0) + float(values[place])
        rows.append(_principal(together, added))
    return rows


def _principal(together: Mapping[str, Reason], added: Mapping[str, float]) -> tuple[Reason, ...]:
    against = {code: rounded for code, value in added.items() if (rounded := round(value, 9)) > 0}
    least = LEAST_SHARE * sum(against.values())
    largest = sorted((code for code in against if against[code] >= least), key=lambda code: (-against[code], code))
    chosen = [together[code].model_copy(update={"contribution": against[code]}) for code in largest[:MOST_REASONS]]
    return tuple(sorted(chosen, key=lambda one: (one.network, -one.contribution))) or (GENERAL,)


def reason_summary(
    candidate: str, found: Contributions, scored: int, rows: Sequence[Sequence[Reason]]
) -> ReasonSummary:
    """Count the codes that firms were given."""
    every = Counter(one.code for row in rows for one in row)
    first = Counter(max(row, key=lambda one: one.contribution).code for row in rows)
    table = {one.code: one for row in rows for one in row}
    return ReasonSummary(
        candidate=candidate,
        method=method(found),
        scored=scored,
        unfavourable=len(rows),
        with_network=sum(any(one.network for one in row) for row in rows),
        codes=tuple(
            ReasonCount(
                code=code,
                text=table[code].text,
                feature=table[code].feature,
                network=table[code].network,
                firms=count,
                first=first[code],
            )
            for code, count in sorted(every.items(), key=lambda pair: (-pair[1], pair[0]))
        ),
    )


def method(found: Contributions) -> str:
    """Say how contributions were found."""
    if found.exact:
        return (
            "Contributions are the model's own terms: they and the log-odds of an ordinary firm add up to the score's."
        )
    return (
        "Contributions are to first order, or by leaving one factor out at a time against the median of development; "
        "they need not add up to the score's log-odds."
    )
