"""Receiving a delivery: find its files, check their columns, keep the raw tables in the lake."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from models.vintages import vintage_plan
from schemas.errors import DeliveryError, SettingsError, column_diff, examples
from schemas.portfolio import (
    DeliveredRelation,
    FilingsSpec,
    FirmsSpec,
    FolderSource,
    OutcomesSpec,
    PortfolioSpec,
    SqlSource,
)
from schemas.references import DeliveryRef
from schemas.splits import PartitionSpec
from schemas.terms import Quarter, Table
from tasks.catalogue import open_catalogue
from tasks.lake import write_frame
from tasks.progress import note
from tasks.settings import Settings, settings
from tasks.sources.folder import FolderReader
from tasks.sources.reader import SourceReader
from tasks.sources.sql import SqlReader
from tasks.stage import stage

TableSpec = FirmsSpec | DeliveredRelation | FilingsSpec | OutcomesSpec | PartitionSpec


@stage("receive")
def receive(portfolio: PortfolioSpec, quarter: Quarter | None, data_dir: str | None) -> DeliveryRef:
    """Read what the portfolio's source delivers for a quarter and keep it as it is.

    Raises
    ------
    DeliveryError
        If the quarter, a file, a table or a column is missing.
    """
    chosen = settings()
    reader = source_reader(portfolio, data_dir, chosen)
    specs = table_specs(portfolio)
    quarter = quarter or _newest_quarter(portfolio, reader)
    history = _history(portfolio, reader, quarter)
    _check_columns(specs, reader, [*history, quarter])
    tables = {name: _raw_table(spec, reader, [*history, quarter]) for name, spec in specs.items()}
    if not portfolio.firms.quarterly and portfolio.quarter is None:
        _refuse_undelivered(portfolio, tables, quarter)
    delivery = _kept(chosen.home, portfolio, quarter, history, tables)
    open_catalogue(chosen.database_url).record_delivery(delivery)
    rows = sum(table.height for table in tables.values())
    note(f"{quarter} from {reader.where}: {len(tables)} tables, {rows:,} rows")
    return delivery


def source_reader(portfolio: PortfolioSpec, data_dir: str | None, chosen: Settings) -> SourceReader:
    """Open the portfolio's source."""
    source = portfolio.source
    if isinstance(source, SqlSource):
        return SqlReader(source.url)
    if isinstance(source, FolderSource):
        return FolderReader(_folder(portfolio.name, source, data_dir, chosen))
    from tasks.sources.simulated import SimulatedReader  # scipy and the economy, for this source only

    return SimulatedReader(source)


def table_specs(portfolio: PortfolioSpec) -> dict[str, TableSpec]:
    """Return every table of a portfolio by name."""
    specs: dict[str, TableSpec] = {Table.FIRMS.value: portfolio.firms}
    specs |= {f"{Table.RELATIONS}:{relation.name}": relation for relation in portfolio.delivered_relations}
    if portfolio.filings is not None:
        specs[Table.FILINGS.value] = portfolio.filings
    if portfolio.split.partition is not None:
        specs[Table.PARTITION.value] = portfolio.split.partition
    return {**specs, Table.OUTCOMES.value: portfolio.outcomes}


def raw_fingerprint(table: pl.DataFrame) -> str:
    """Return the SHA-256 of a raw table's values, whatever their stored type or chunking."""
    digest = hashlib.sha256()
    for name in sorted(table.columns):
        text = table[name].cast(pl.String)
        filled = text.is_null().cast(pl.UInt8).to_numpy().tobytes()
        lengths = text.str.len_bytes().fill_null(0).cast(pl.UInt64).to_numpy().tobytes()
        values = "".join(text.fill_null("").to_list()).encode()
        for part in (name.encode(), filled, lengths, values):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _folder(name: str, source: FolderSource, data_dir: str | None, chosen: Settings) -> Path:
    root = Path(data_dir).absolute() if data_dir else chosen.data_dir
    path = Path(source.path)
    if path.is_absolute():
        return path
    if root is None:
        raise SettingsError(
            f"The data folder of portfolio {name} is not known.",
            expected=f"a folder that contains {source.path}/",
            way_out="name it with --data-dir DIR or CREDITNET_DATA",
        )
    # The folder itself is accepted too, when it was named instead of the one above it.
    return root / path if (root / path).is_dir() or root.name != path.name else root


def _quarterly_names(spec: TableSpec, reader: SourceReader) -> dict[Quarter, str]:
    before, after = spec.file.split("{quarter}")
    pattern = re.compile(re.escape(before) + r"(\d{4}Q[1-4])" + re.escape(after))
    found = {name: pattern.fullmatch(name) for name in reader.names()}
    return {Quarter.parse(match[1]): name for name, match in found.items() if match}


def _newest_quarter(portfolio: PortfolioSpec, reader: SourceReader) -> Quarter:
    if portfolio.quarter is not None:
        return portfolio.quarter
    if portfolio.firms.quarterly:
        delivered = _quarterly_names(portfolio.firms, reader)
        if not delivered:
            raise DeliveryError(
                "No quarter has been delivered.",
                expected=f"files such as {portfolio.firms.file.format(quarter='2024Q4')} in {reader.where}",
                found=examples(reader.names()),
                way_out="deliver a quarter, or correct `firms.file` in the portfolio",
            )
        return max(delivered)
    quarters = _published_quarters(portfolio.firms, reader.read(portfolio.firms.file))
    if not quarters:
        raise DeliveryError(
            "No quarter has been delivered.",
            expected=f"firms with a date such as 2024-12-31 in {portfolio.firms.published_on}",
            found="no firm with a publication date",
            way_out="correct the delivery, or `firms.published_on` in the portfolio",
        )
    return Quarter.parse(quarters[-1])


def _published_quarters(spec: FirmsSpec, firms: pl.DataFrame) -> list[str]:
    """Return the quarters in which a firm was published, as text, ascending."""
    column = str(spec.published_on)
    if column not in firms.columns:
        raise DeliveryError(
            f"Table {spec.file} does not have the declared columns.",
            expected=column,
            found=column_diff([column], firms.columns),
            way_out="correct the delivery, or the column names in the portfolio",
        )
    days = firms[column].cast(pl.String).str.to_date("%Y-%m-%d", strict=False).drop_nulls()
    return sorted({str(Quarter.of(day)) for day in days.unique()})


def _history(portfolio: PortfolioSpec, reader: SourceReader, quarter: Quarter) -> list[Quarter]:
    """Return the earlier quarters to read; a source with dated rows has its history inside."""
    if portfolio.quarter is not None:
        if quarter != portfolio.quarter:
            raise _undelivered(quarter, [portfolio.quarter], reader)
        return []
    if not portfolio.firms.quarterly:
        return []
    delivered = _quarterly_names(portfolio.firms, reader)
    if quarter not in delivered:
        raise _undelivered(quarter, sorted(delivered), reader)
    horizon, history = portfolio.target.horizon_quarters, portfolio.graph.history
    plan = vintage_plan(quarter, horizon, portfolio.split, delivered)
    observed = {*plan.every, quarter}
    past = {vintage.shifted(-back) for vintage in observed for back in (history.reach(horizon) if history else ())}
    return sorted((observed | (past & {*delivered})) - {quarter})


def _undelivered(quarter: Quarter, delivered: list[Quarter], reader: SourceReader) -> DeliveryError:
    span = f"{delivered[0]} to {delivered[-1]}" if len(delivered) > 1 else examples(delivered)
    return DeliveryError(
        f"The quarter {quarter} has not been delivered.",
        expected=f"{quarter} in {reader.where}",
        found=span,
        way_out="deliver it, or refresh a quarter that is there",
    )


def _refuse_undelivered(portfolio: PortfolioSpec, tables: dict[str, pl.DataFrame], quarter: Quarter) -> None:
    quarters = _published_quarters(portfolio.firms, tables[Table.FIRMS])
    newest = Quarter.parse(quarters[-1]) if quarters else None
    if newest is None or quarter > newest:
        raise DeliveryError(
            f"The quarter {quarter} has not been delivered.",
            expected=f"firms published in {quarter}",
            found=f"the newest firm was published in {newest}" if newest else "no firm with a publication date",
            way_out="deliver it, or refresh a quarter that is there",
        )


def _names(spec: TableSpec, reader: SourceReader, quarters: Iterable[Quarter]) -> list[tuple[Quarter | None, str]]:
    if not spec.quarterly:
        return [(None, spec.file)]
    return [(quarter, spec.file.format(quarter=quarter)) for quarter in quarters]


def _check_columns(specs: dict[str, TableSpec], reader: SourceReader, quarters: list[Quarter]) -> None:
    """Refuse a file with a column missing, or with one that nobody declared."""
    declared: dict[str, set[str]] = {}
    ignored: dict[str, set[str]] = {}
    for spec in specs.values():
        declared.setdefault(spec.file, set()).update(spec.declared_columns())
        ignored.setdefault(spec.file, set()).update(spec.ignore)
    for spec in {spec.file: spec for spec in specs.values()}.values():
        for _, name in _names(spec, reader, quarters):
            found = [c for c in reader.read(name).columns if c not in ignored[spec.file] or c in declared[spec.file]]
            expected = sorted(declared[spec.file])
            strange = set() if "*" in ignored[spec.file] else set(found) - set(expected)
            if strange or set(expected) - set(found):
                raise DeliveryError(
                    f"{name} does not have the declared columns.",
                    expected=", ".join(expected),
                    found="these differences (- missing, + not declared):"
                    + column_diff(expected, found if strange else [c for c in found if c in expected]),
                    way_out="correct the delivery, or in the portfolio the column's name or the table's `ignore`",
                )


def _raw_table(spec: TableSpec, reader: SourceReader, quarters: list[Quarter]) -> pl.DataFrame:
    parts = [
        reader.read(name)
        .select(spec.declared_columns())
        .with_row_index("row", offset=1)
        .with_columns(pl.col("row").cast(pl.Int64), delivered=pl.lit(str(quarter) if quarter else None, pl.String))
        for quarter, name in _names(spec, reader, quarters)
    ]
    if isinstance(spec, DeliveredRelation) and spec.where:
        parts = [part.filter(pl.col(c).cast(pl.String) == value for c, value in spec.where.items()) for part in parts]
    try:
        return pl.concat(parts, how="vertical")
    except pl.exceptions.PolarsError as error:
        raise DeliveryError(
            f"The quarters of {spec.file} have columns of different types.",
            expected="the same type in each quarter",
            found=str(error).splitlines()[0],
            way_out="deliver the quarters alike",
        ) from error


def _kept(
    home: Path, portfolio: PortfolioSpec, quarter: Quarter, history: list[Quarter], tables: dict[str, pl.DataFrame]
) -> DeliveryRef:
    lines = [f"{name} {raw_fingerprint(table)}" for name, table in sorted(tables.items())]
    fingerprint = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    folder = f"lake/deliveries/{portfolio.name}/{quarter}/{fingerprint[:16]}"
    return DeliveryRef(
        portfolio=portfolio.name,
        quarter=quarter,
        fingerprint=fingerprint,
        history=tuple(history),
        tables={
            name: write_frame(home, f"{folder}/{name.replace(':', '-')}.parquet", table)
            for name, table in tables.items()
        },
    )
