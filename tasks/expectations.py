"""Running Great Expectations, in memory, without its pages or its network."""

from __future__ import annotations

from typing import Any

import polars as pl

from schemas.errors import IntegrityError
from schemas.expectations import Expectation, expectation_suite
from schemas.results import ExpectationResult


def checked_expectations(
    frames: dict[str, pl.DataFrame], stated: dict[str, list[Expectation]]
) -> tuple[ExpectationResult, ...]:
    """Hold each table against what is stated about it.

    Raises
    ------
    IntegrityError
        If an expectation could not be evaluated: that is a mistake of ours, not bad data, and the
        library would report it as merely unmet.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("admitted")
    results: list[ExpectationResult] = []
    for table, expectations in stated.items():
        if not expectations:
            continue
        frame = frames[table]
        coded = {name: f"c{position}" for position, name in enumerate(frame.columns)}
        asset = source.add_dataframe_asset(f"t{len(results)}")
        batch = asset.add_batch_definition_whole_dataframe("whole").get_batch(
            batch_parameters={"dataframe": frame.rename(coded).to_pandas()}
        )
        validation = batch.validate(expectation_suite(table, expectations, coded), result_format="SUMMARY")
        found = {result.expectation_config.meta["number"]: result for result in validation.results}
        results += [_result(expectation, found[number]) for number, expectation in enumerate(expectations)]
    return tuple(results)


def _result(expectation: Expectation, found: Any) -> ExpectationResult:
    information = found.exception_info or {}
    raised = information.get("raised_exception") or any(
        isinstance(entry, dict) and entry.get("raised_exception") for entry in information.values()
    )
    if raised:
        raise IntegrityError(
            f"The expectation {expectation.text!r} on {expectation.table} {expectation.column} could not be evaluated.",
            expected="a result",
            found=str(information)[:300],
            way_out="correct the portfolio's expectation",
        )
    outcome = found.result
    empty_share, value = outcome.get("unexpected_percent"), outcome.get("observed_value")
    if empty_share is not None:
        observed = f"{1 - empty_share / 100:.1%} filled"
    else:
        observed = "no row" if value is None else f"{value:,.4g}"
    return ExpectationResult(
        table=expectation.table,
        column=expectation.column,
        expectation=expectation.text,
        met=bool(found.success),
        observed=observed,
    )
