"""Contracts of the tables that relations come from: pairs of firms, firms with partners, texts or totals of firms."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from schemas.contracts import PROVENANCE, id_column, key_column, known_firm, row_rule, unique_rule
from schemas.relation_kinds import (
    DeliveredRelation,
    PartnerNodesSpec,
    ReconstructedSpec,
    RelationSpec,
    SharedPartnerSpec,
    SimilarTextSpec,
)
from schemas.terms import Kind


def repeated_pair(spec: RelationSpec) -> pl.Expr:
    """Tell which rows share their pair with another row known from the same day; undirected pairs have no order."""
    ends = (pl.col("source"), pl.col("target"))
    pair = ends if spec.directed else (pl.min_horizontal(*ends), pl.max_horizontal(*ends))
    first, second = (end.alias(name) for end, name in zip(pair, ("first", "second"), strict=True))
    return pl.struct(first, second, "published_on", "delivered").is_duplicated()


def relation_contract(spec: RelationSpec, firms: pl.DataFrame) -> pa.DataFrameSchema:
    """Return the contract that a parsed relation must keep, given the admitted firms."""
    pair_rules = []
    if spec.self_loops == "refuse":
        pair_rules.append(row_rule(pl.col("source") != pl.col("target"), "not related to itself"))
    if spec.repeated == "refuse":
        pair_rules.append(row_rule(~repeated_pair(spec), "one row a pair"))
    return pa.DataFrameSchema(
        {
            **PROVENANCE,
            "source": id_column(),
            "target": id_column(),
            "weight": key_column(Kind.NUMBER),
            "published_on": key_column(Kind.DATE),
            "valid_until": key_column(Kind.DATE, nullable=True),
        },
        checks=[
            *_known_firms(("source", "target"), firms, spec),
            row_rule(pl.col("valid_until") > pl.col("published_on"), "ends after it begins"),
            *pair_rules,
            *_weight_rules(spec.weight_between),
        ],
        strict=True,
    )


def shared_partner_contract(spec: SharedPartnerSpec, firms: pl.DataFrame) -> pa.DataFrameSchema:
    """Return the contract that parsed rows of firm and partner must keep; they may repeat over time."""
    return _firm_table({"partner": id_column()}, spec, firms)


def partner_nodes_contract(spec: PartnerNodesSpec, firms: pl.DataFrame) -> pa.DataFrameSchema:
    """Return the contract that parsed links of firms to partners must keep; they may repeat over time."""
    columns = {"partner": id_column(), "weight": key_column(Kind.NUMBER)}
    return _firm_table(columns, spec, firms, *_weight_rules(spec.weight_between))


def similar_text_contract(spec: SimilarTextSpec, firms: pl.DataFrame) -> pa.DataFrameSchema:
    """Return the contract that parsed texts must keep; the newest known text of a firm counts."""
    rules = [_newest_counts()]
    if spec.method == "given":
        rules.append(row_rule(_is_embedding(spec.components), f"is a JSON array of {spec.components} numbers"))
    return _firm_table({"text": id_column()}, spec, firms, *rules)


def reconstructed_contract(spec: ReconstructedSpec, firms: pl.DataFrame) -> pa.DataFrameSchema:
    """Return the contract that parsed totals must keep; the newest known row of a firm counts."""
    columns = {name: key_column(Kind.NUMBER) for name in ("lent", "borrowed")}
    rules = [row_rule(pl.col(name) >= 0, f"{name} at least 0") for name in columns]
    return _firm_table(columns, spec, firms, _newest_counts(), *rules)


def _newest_counts() -> pa.Check:
    return unique_rule(["firm_id", "published_on", "delivered"])


def _is_embedding(numbers: int) -> pl.Expr:
    # JSON's numbers, as long as their squares stay finite.
    number = r"\s*-?(0|[1-9][0-9]{0,17})(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?\s*"
    written = pl.col("text").str.contains(rf"^\s*\[{number}(,{number})*\]\s*$")
    return written & (pl.col("text").str.count_matches(",", literal=True) == numbers - 1)


def _weight_rules(between: tuple[float | None, float | None]) -> list[pa.Check]:
    least, most = between
    return [
        *([row_rule(pl.col("weight") >= least, f"weight at least {least:g}")] if least is not None else []),
        *([row_rule(pl.col("weight") <= most, f"weight at most {most:g}")] if most is not None else []),
    ]


def _known_firms(columns: tuple[str, ...], firms: pl.DataFrame, spec: DeliveredRelation) -> list[pa.Check]:
    return [known_firm(column, firms) for column in columns] if spec.unknown_firms == "refuse" else []


def _firm_table(
    columns: dict[str, pa.Column], spec: DeliveredRelation, firms: pl.DataFrame, *rules: pa.Check
) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(
        {
            **PROVENANCE,
            "firm_id": id_column(),
            **columns,
            "published_on": key_column(Kind.DATE),
            "valid_until": key_column(Kind.DATE, nullable=True),
        },
        checks=[*_known_firms(("firm_id",), firms, spec), *rules],
        strict=True,
    )
