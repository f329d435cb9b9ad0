"""Admitting a delivery: contracts row by row, expectations over columns, quarantine for the rest."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from models.admission import (
    QUARANTINE_SCHEMA,
    Admitted,
    admitted_filings,
    admitted_firms,
    admitted_outcomes,
    admitted_partition,
    admitted_relation,
    relation_table,
)
from schemas.errors import DeliveryRefused, examples
from schemas.expectations import Expectation, table_expectations
from schemas.portfolio import DeliveredRelation, PortfolioSpec
from schemas.references import AdmissionRef, RefreshRun
from schemas.results import AdmissionResult, QuarantinedRow, TableAdmission
from schemas.terms import Table
from tasks.catalogue import open_catalogue
from tasks.expectations import checked_expectations
from tasks.lake import read_frame, write_frame, write_json
from tasks.progress import note
from tasks.receiving import table_specs
from tasks.settings import settings
from tasks.stage import stage


@stage("admit", cached=True)
def admit(run: RefreshRun) -> AdmissionRef:
    """Hold every table to its contract and set the bad rows aside.

    Raises
    ------
    DeliveryRefused
        If more rows of a table are bad than the portfolio tolerates. What was found stays in the
        catalogue's quarantine.
    """
    home = Path(run.home)
    admitted = _admitted(home, run)
    quarantine = pl.concat([pl.DataFrame(schema=QUARANTINE_SCHEMA), *(table.quarantine for table in admitted.values())])
    rows = [QuarantinedRow(**row) for row in quarantine.iter_rows(named=True)]
    open_catalogue(settings().database_url).record_quarantine(
        run.portfolio.name, run.quarter, run.delivery.fingerprint, rows
    )
    _refuse_beyond_tolerance(admitted, run.portfolio)
    frames = {name: table.rows for name, table in admitted.items()}
    met = checked_expectations(_delivered_for(run, frames), _stated(run.portfolio))
    evidence = AdmissionResult(
        tables=tuple(_summary(name, table, frames[Table.FIRMS], run.portfolio) for name, table in admitted.items()),
        expectations=met,
    )
    aside = sum(table.set_aside for table in admitted.values())
    note(f"{sum(f.height for f in frames.values()):,} rows admitted, {aside:,} set aside, {len(met)} expectations")
    return AdmissionRef(
        tables={name: write_frame(home, f"{run.work}/{admitted_file(name)}", frame) for name, frame in frames.items()},
        quarantine=write_frame(home, f"{run.work}/quarantine.parquet", quarantine),
        evidence=write_json(home, f"{run.work}/admission.json", evidence),
    )


def admitted_file(table: str) -> str:
    """Return where a refresh keeps an admitted table."""
    return f"admitted/{table.replace(':', '-')}.parquet"


def _admitted(home: Path, run: RefreshRun) -> dict[str, Admitted]:
    portfolio = run.portfolio
    raw = {name: read_frame(home, ref) for name, ref in run.delivery.tables.items()}
    firms = admitted_firms(raw[Table.FIRMS], portfolio)
    admitted = {Table.FIRMS.value: firms}
    for relation in portfolio.delivered_relations:
        table = relation_table(relation.name)
        admitted[table] = admitted_relation(raw[table], relation, firms.rows, portfolio)
    if portfolio.filings is not None:
        admitted[Table.FILINGS.value] = admitted_filings(raw[Table.FILINGS], portfolio.filings, firms.rows, portfolio)
    if portfolio.split.partition is not None:
        admitted[Table.PARTITION.value] = admitted_partition(raw[Table.PARTITION], portfolio.split.partition)
    admitted[Table.OUTCOMES.value] = admitted_outcomes(raw[Table.OUTCOMES], firms.rows, portfolio)
    return admitted


def _refuse_beyond_tolerance(admitted: dict[str, Admitted], portfolio: PortfolioSpec) -> None:
    specs = table_specs(portfolio)
    beyond = {n: t for n, t in admitted.items() if t.set_aside > specs[n].tolerance * t.received}
    if not beyond:
        return
    lines = [
        f"{name}: {table.set_aside:,} of {table.received:,} rows ({table.set_aside / table.received:.2%}; "
        f"tolerated {specs[name].tolerance:.2%})\n{_rules(table.quarantine)}"
        for name, table in beyond.items()
    ]
    raise DeliveryRefused(
        f"The delivery is refused: too many bad rows in {', '.join(beyond)}.\n" + "\n".join(lines),
        expected="no more bad rows than the portfolio tolerates",
        found=f"{sum(t.set_aside for t in beyond.values()):,} bad rows",
        way_out="correct the delivery, or raise the table's `tolerance` in the portfolio; "
        "every bad row is kept in the catalogue's quarantine",
    )


def _rules(quarantine: pl.DataFrame) -> str:
    lines = []
    for (rule, column), rows in quarantine.group_by("rule", "column", maintain_order=True):
        shown = examples(f"row {row} {value!r}" for row, value in rows.select("row", "value").iter_rows())
        lines.append(f"    {column} breaks {rule!r}: {shown}")
    return "\n".join(lines)


def _delivered_for(run: RefreshRun, frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return the rows that expectations are about: of quarterly files, the refreshed quarter's only."""
    specs = table_specs(run.portfolio)
    return {
        name: frame.filter(pl.col("delivered") == str(run.quarter)) if specs[name].quarterly else frame
        for name, frame in frames.items()
    }


def _stated(portfolio: PortfolioSpec) -> dict[str, list[Expectation]]:
    stated = {Table.FIRMS.value: table_expectations(Table.FIRMS, portfolio.firms.rows_between, portfolio.firms.columns)}
    for relation in portfolio.delivered_relations:
        table = relation_table(relation.name)
        stated[table] = table_expectations(table, relation.rows_between, ())
    if portfolio.filings is not None:
        filings = portfolio.filings
        stated[Table.FILINGS.value] = table_expectations(Table.FILINGS, filings.rows_between, filings.columns)
    if portfolio.split.partition is not None:
        rows_between = portfolio.split.partition.rows_between
        stated[Table.PARTITION.value] = table_expectations(Table.PARTITION, rows_between, ())
    stated[Table.OUTCOMES.value] = table_expectations(Table.OUTCOMES, portfolio.outcomes.rows_between, ())
    return stated


def _summary(name: str, table: Admitted, firms: pl.DataFrame, portfolio: PortfolioSpec) -> TableAdmission:
    counts = table.quarantine.group_by("rule").agg(pl.struct("table", "row").n_unique().alias("rows")).sort("rule")
    spec = table_specs(portfolio)[name]
    return TableAdmission(
        table=name,
        received=table.received,
        admitted=table.rows.height,
        broken=dict(counts.iter_rows()),
        tolerance=spec.tolerance,
        handled=table.handled(spec, firms) if isinstance(spec, DeliveredRelation) else {},
    )
