"""Contracts of the tables that relations come from: pairs of firms, firms with partners, texts of firms."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from schemas.contracts import PROVENANCE, id_column, key_column, known_firm, row_rule, unique_rule
from schemas.portfolio import RelationSpec
from schemas.terms import Kind


def repeated_pair(spec: RelationSpec) -> pl.Expr:
    """Tell which rows share their pair with another row known from the same day; undirected pairs have no order."""
    ends = (pl.col("source"), pl.col("target"))
    pair = ends if spec.directed else (pl.min_horizontal(*ends), pl.max_horizontal(*ends))
    first, second = (end.alias(name) for end, name in zip(pair, ("first", "second"), strict=True))
    return pl.struct(first, second, "published_on", "delivered").is_duplicated()


def relation_contract(spec: RelationSpec, firms: pl.DataFrame) -> pa.DataFrameSchema:
    """Return the contract that a parsed relation must keep, given the admitted firms."""
    least, most = spec.weight_between
    weight_rules = [
        *([row_rule(pl.col("weight") >= least, f"weight at least {least:g}")] if least is not None else []),
        *([row_rule(pl.col("weight") <= most, f"weight at most {most:g}")] if most is not None else []),
    ]
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
            known_firm("source", firms),
            known_firm("target", firms),
            row_rule(pl.col("valid_until") > pl.col("published_on"), "ends after it begins"),
            *pair_rules,
            *weight_rules,
        ],
        strict=True,
    )


def shared_partner_contract(firms: pl.DataFrame) -> pa.DataFrameSchema:
    """Return the contract that parsed rows of firm and partner must keep; they may repeat over time."""
    return _firm_table("partner", firms)


def similar_text_contract(firms: pl.DataFrame) -> pa.DataFrameSchema:
    """Return the contract that parsed texts must keep; the newest known text of a firm counts."""
    return _firm_table("text", firms, unique_rule(["firm_id", "published_on", "delivered"]))


def _firm_table(value: str, firms: pl.DataFrame, *rules: pa.Check) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(
        {
            **PROVENANCE,
            "firm_id": id_column(),
            value: id_column(),
            "published_on": key_column(Kind.DATE),
            "valid_until": key_column(Kind.DATE, nullable=True),
        },
        checks=[known_firm("firm_id", firms), *rules],
        strict=True,
    )
