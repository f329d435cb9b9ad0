"""From a raw table to an admitted one: rename, read strictly, date, hold to the contract.

Rows that break a rule are set aside with the rule, never changed and never dropped silently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from models.pair_rules import excess_shares, reversed_rows
from models.parsing import parsed
from schemas.filings import filings_contract
from schemas.firms import firms_contract
from schemas.outcomes import outcomes_contract
from schemas.partitions import partition_contract
from schemas.portfolio import (
    DeliveredRelation,
    FilingsSpec,
    FirmsSpec,
    OutcomesSpec,
    PartnerNodesSpec,
    PortfolioSpec,
    ReconstructedSpec,
    RelationSpec,
    SharedPartnerSpec,
    SimilarTextSpec,
)
from schemas.relations import (
    partner_nodes_contract,
    reconstructed_contract,
    relation_contract,
    repeated_pair,
    shared_partner_contract,
    similar_text_contract,
)
from schemas.splits import PartitionSpec
from schemas.terms import Kind, Quarter, Table

QUARANTINE_SCHEMA = {
    "table": pl.String(),
    "row": pl.Int64(),
    "column": pl.String(),
    "rule": pl.String(),
    "value": pl.String(),
}
_DATES = {"published_on": Kind.DATE, "valid_until": Kind.DATE}

#: name here -> (name in the delivery or None if the source has no such column, kind)
Reading = dict[str, tuple[str | None, Kind]]


@dataclass(frozen=True)
class Admitted:
    """The rows that kept every rule and, as (table, row, column, rule, value), those that did not."""

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    received: int

    def handled(self, spec: DeliveredRelation, firms: pl.DataFrame) -> dict[str, int]:
        """Count the admitted rows that a relation's declared policies will drop or merge, by policy."""
        counts: dict[str, int] = {}
        if spec.unknown_firms == "drop":
            ends = ("source", "target") if isinstance(spec, RelationSpec) else ("firm_id",)
            known = pl.all_horizontal(pl.col(end).is_in(firms["firm_id"].unique().implode()) for end in ends)
            counts["unknown firms, dropped"] = self.rows.filter(~known).height
        if isinstance(spec, RelationSpec):
            loops = int((self.rows["source"] == self.rows["target"]).sum())
            repeated = int(self.rows.select(repeated_pair(spec)).to_series().sum())
            counts["self-loops, dropped"] = loops if spec.self_loops == "drop" else 0
            counts[f"repeated pairs, merged by {spec.repeated}"] = repeated if spec.repeated != "refuse" else 0
        return {policy: count for policy, count in counts.items() if count}

    def without(self, broken: pl.DataFrame, table: str, column: str, rule: str) -> Admitted:
        """Set further rows aside: `broken` has their ``row`` and ``delivered`` and the ``value`` to show."""
        key = ["row", "delivered"]
        broken = broken.join(self.rows, on=key, how="semi", nulls_equal=True)
        shown = broken.select(_named(table), "row", pl.lit(column).alias("column"), pl.lit(rule).alias("rule"), "value")
        return Admitted(
            rows=self.rows.join(broken, on=key, how="anti", nulls_equal=True, maintain_order="left"),
            quarantine=pl.concat([self.quarantine, shown]).sort("table", "row", "column", "rule"),
            received=self.received,
        )

    @property
    def set_aside(self) -> int:
        """Number of rows with at least one broken rule."""
        return self.received - self.rows.height


def relation_table(name: str) -> str:
    """Name the table of one kind of relation, as in ``relations:supply``."""
    return f"{Table.RELATIONS}:{name}"


def admitted_firms(raw: pl.DataFrame, portfolio: PortfolioSpec) -> Admitted:
    """Admit the firms; the other tables refer to them."""
    spec = portfolio.firms
    rows = _read(raw, _firms_reading(spec), Table.FIRMS)
    return _held_to(firms_contract(spec), _dated(rows, spec, portfolio), Table.FIRMS)


def admitted_relation(
    raw: pl.DataFrame, spec: DeliveredRelation, firms: pl.DataFrame, portfolio: PortfolioSpec
) -> Admitted:
    """Admit the table that one relation comes from."""
    values: Reading
    match spec:
        case RelationSpec():
            return _admitted_pairs(raw, spec, firms, portfolio)
        case SharedPartnerSpec():
            values = {"partner": (spec.partner, Kind.TEXT)}
            return _admitted_values(raw, spec, values, shared_partner_contract(spec, firms), portfolio)
        case PartnerNodesSpec():
            values = {"partner": (spec.partner, Kind.TEXT), "weight": (spec.weight, Kind.NUMBER)}
            return _admitted_values(raw, spec, values, partner_nodes_contract(spec, firms), portfolio)
        case SimilarTextSpec():
            values = {"text": (spec.text, Kind.TEXT)}
            return _admitted_values(raw, spec, values, similar_text_contract(spec, firms), portfolio)
        case ReconstructedSpec():
            values = {"lent": (spec.lent, Kind.NUMBER), "borrowed": (spec.borrowed, Kind.NUMBER)}
            return _admitted_values(raw, spec, values, reconstructed_contract(spec, firms), portfolio)


def _admitted_pairs(raw: pl.DataFrame, spec: RelationSpec, firms: pl.DataFrame, portfolio: PortfolioSpec) -> Admitted:
    table = relation_table(spec.name)
    reading: Reading = {
        "source": (spec.source, Kind.TEXT),
        "target": (spec.target, Kind.TEXT),
        "weight": (spec.weight, Kind.NUMBER),
        **_date_reading(spec.published_on, spec.valid_until),
    }
    rows = _dated(_weighted(_read(raw, reading, table), spec.weight), spec, portfolio)
    admitted = _held_to(relation_contract(spec, firms), rows, table)
    if spec.reciprocal == "refuse":
        rule = "no pair in both directions"
        admitted = admitted.without(reversed_rows(admitted.rows), table, "source, target", rule)
    if spec.shares_at_most is not None:
        # An unknown owner's share is a share too: otherwise a firm made known later would change what was admitted.
        anybody = relation_contract(spec.model_copy(update={"unknown_firms": "drop"}), firms)
        beyond = excess_shares(_held_to(anybody, rows, table).rows, spec.shares_at_most)
        rule = f"shares of a target at most {spec.shares_at_most:g}"
        admitted = admitted.without(beyond, table, "target, weight", rule)
    return admitted


def _admitted_values(
    raw: pl.DataFrame,
    spec: SharedPartnerSpec | PartnerNodesSpec | SimilarTextSpec | ReconstructedSpec,
    values: Reading,
    contract: pa.DataFrameSchema,
    portfolio: PortfolioSpec,
) -> Admitted:
    table = relation_table(spec.name)
    reading: Reading = {
        "firm_id": (spec.firm_id, Kind.TEXT),
        **values,
        **_date_reading(spec.published_on, spec.valid_until),
    }
    rows = _read(raw, reading, table)
    if isinstance(spec, PartnerNodesSpec):
        rows = _weighted(rows, spec.weight)
    return _held_to(contract, _dated(rows, spec, portfolio), table)


def _weighted(rows: _Rows, weight: str | None) -> _Rows:
    # A source without weights gets weight 1.
    return rows if weight else rows.changed(weight=pl.lit(1.0))


def admitted_filings(raw: pl.DataFrame, spec: FilingsSpec, firms: pl.DataFrame, portfolio: PortfolioSpec) -> Admitted:
    """Admit the filings; a filing without a period belongs to the quarter it was delivered for."""
    reading: Reading = {
        "firm_id": (spec.firm_id, Kind.TEXT),
        "period": (spec.period, Kind.QUARTER),
        **_date_reading(spec.published_on, spec.valid_until),
        **{column.name: (column.source_name, column.kind) for column in spec.columns},
    }
    rows = _read(raw, reading, Table.FILINGS)
    if spec.period is None:
        rows = rows.changed(period=_delivered_quarter(portfolio))
    return _held_to(filings_contract(spec, firms), _dated(rows, spec, portfolio), Table.FILINGS)


def admitted_outcomes(raw: pl.DataFrame, firms: pl.DataFrame, portfolio: PortfolioSpec) -> Admitted:
    """Admit the outcomes; one without a publication date is published when its window closes."""
    spec: OutcomesSpec = portfolio.outcomes
    reading: Reading = {
        "firm_id": (spec.firm_id, Kind.TEXT),
        "vintage": (spec.vintage, Kind.QUARTER),
        "outcome": (spec.value, Kind.TEXT),
        "published_on": (spec.published_on, Kind.DATE),
    }
    if spec.grade is not None:
        reading["grade"] = (spec.grade, Kind.TEXT)
    rows = _read(raw, reading, Table.OUTCOMES)
    if spec.vintage is None:
        rows = rows.changed(vintage=_delivered_quarter(portfolio))
    if spec.published_on is None:
        horizon = portfolio.target.horizon_quarters
        rows = rows.changed(published_on=_by_quarter("vintage", rows, lambda vintage: vintage.shifted(horizon)))
    # An outcome that is not known yet is an empty cell in many deliveries; it is no outcome, not a bad one.
    return _held_to(outcomes_contract(portfolio.target, firms), rows.without_empty("outcome"), Table.OUTCOMES)


def admitted_partition(raw: pl.DataFrame, spec: PartitionSpec) -> Admitted:
    """Admit a given partition; a firm with two groups is set aside with both rows."""
    reading: Reading = {"firm_id": (spec.firm_id, Kind.TEXT), "group": (spec.group, Kind.TEXT)}
    if spec.community is not None:
        reading["community"] = (spec.community, Kind.TEXT)
    return _held_to(partition_contract(spec), _read(raw, reading, Table.PARTITION), Table.PARTITION)


@dataclass(frozen=True)
class _Rows:
    typed: pl.DataFrame
    unread: pl.DataFrame

    def changed(self, **columns: pl.Expr) -> _Rows:
        return _Rows(self.typed.with_columns(**columns), self.unread)

    def without_empty(self, column: str) -> _Rows:
        read = set(self.unread["index"])
        keep = self.typed[column].is_not_null() | pl.Series(range(self.typed.height)).is_in(list(read))
        if keep.all():
            return self
        renumbered = self.typed.with_row_index("index").filter(keep).with_row_index("new").select("index", "new")
        unread = self.unread.join(renumbered, on="index").drop("index").rename({"new": "index"})
        return _Rows(self.typed.filter(keep), unread.select(self.unread.columns))


def _firms_reading(spec: FirmsSpec) -> Reading:
    return {
        "firm_id": (spec.firm_id, Kind.TEXT),
        "name": (spec.name, Kind.TEXT),
        **_date_reading(spec.published_on, spec.valid_until),
        **{column.name: (column.source_name, column.kind) for column in spec.columns},
    }


def _date_reading(published_on: str | None, valid_until: str | None) -> Reading:
    return {"published_on": (published_on, Kind.DATE), "valid_until": (valid_until, Kind.DATE)}


def _read(raw: pl.DataFrame, reading: Reading, table: str) -> _Rows:
    named = raw.select(
        "row",
        "delivered",
        *((pl.col(source) if source else pl.lit(None, pl.String)).alias(name) for name, (source, _) in reading.items()),
    )
    result = parsed(named, {name: kind for name, (_, kind) in reading.items()}, table=table)
    return _Rows(result.rows, result.unread)


def _delivered_quarter(portfolio: PortfolioSpec) -> pl.Expr:
    return pl.col("delivered") if portfolio.quarter is None else pl.lit(str(portfolio.quarter))


def _by_quarter(column: str, rows: _Rows, day: Callable[[Quarter], Quarter]) -> pl.Expr:
    quarters = rows.typed[column].drop_nulls().unique().to_list()
    ends = {quarter: day(Quarter.parse(quarter)).end for quarter in quarters}
    return pl.col(column).replace_strict(ends, default=None, return_dtype=pl.Date)


def _dated(rows: _Rows, spec: FirmsSpec | DeliveredRelation | FilingsSpec, portfolio: PortfolioSpec) -> _Rows:
    # A source without publication dates counts as known at the quarter's end, and a quarterly file
    # describes its quarter only: the next quarter's file replaces it.
    rows = rows.changed(_quarter=_delivered_quarter(portfolio))
    derived = {}
    if spec.published_on is None:
        derived["published_on"] = _by_quarter("_quarter", rows, lambda quarter: quarter)
    if spec.quarterly and spec.valid_until is None:
        derived["valid_until"] = _by_quarter("_quarter", rows, lambda quarter: quarter.shifted(1))
    return _Rows(rows.typed.with_columns(**derived).drop("_quarter"), rows.unread)


def _held_to(contract: pa.DataFrameSchema, rows: _Rows, table: str) -> Admitted:
    received = rows.typed.height
    indexed = rows.typed.with_row_index("index")
    readable = indexed.filter(~pl.col("index").is_in(rows.unread["index"].unique().implode()))
    broken = _broken(contract, readable)
    quarantine = pl.concat([rows.unread, broken]).join(indexed.select("index", "row", "delivered"), on="index")
    return Admitted(
        rows=readable.filter(~pl.col("index").is_in(broken["index"].unique().implode())).drop("index"),
        quarantine=quarantine.select(_named(table), "row", "column", "rule", "value").sort(
            "table", "row", "column", "rule"
        ),
        received=received,
    )


def _named(table: str) -> pl.Expr:
    """Name the table in the quarantine, with its quarter where it has one a quarter."""
    quarter = pl.col("delivered")
    return pl.when(quarter.is_null()).then(pl.lit(table)).otherwise(pl.lit(f"{table} ") + quarter).alias("table")


def _broken(contract: pa.DataFrameSchema, readable: pl.DataFrame) -> pl.DataFrame:
    schema: Mapping[str, pl.DataType] = {
        "index": readable.schema["index"],
        "column": pl.String(),
        "rule": pl.String(),
        "value": pl.String(),
    }
    if readable.is_empty():
        return pl.DataFrame(schema=schema)
    try:
        contract.validate(readable.drop("index"), lazy=True)
    except SchemaErrors as errors:
        looked_at = {check.error: str(check.name) for check in contract.checks}
        cases = errors.failure_cases.select("index", "check", "column").unique(maintain_order=True)
        return pl.DataFrame(
            [
                (int(readable["index"][position]), *_shown(readable, position, column, check, looked_at))
                for position, check, column in cases.iter_rows()
            ],
            schema=schema,
            orient="row",
        )
    return pl.DataFrame(schema=schema)


def _shown(
    readable: pl.DataFrame, position: int, column: str | None, check: str, looked_at: Mapping[str, str]
) -> tuple[str, str, str]:
    columns = [column] if column else looked_at[check].split()
    cells = [readable[name][position] for name in columns]
    rule = "is filled" if check == "not_nullable" else check
    return ", ".join(columns), rule, "" if cells == [None] else ", ".join(map(str, cells))
