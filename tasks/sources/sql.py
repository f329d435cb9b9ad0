"""A database behind a SQLAlchemy URL."""

from __future__ import annotations

import os
from decimal import Decimal

import polars as pl
import sqlalchemy as sa

from schemas.errors import DeliveryError, SettingsError, examples, nearest
from tasks.urls import with_driver


def configured_url(url: str) -> str:
    """Return the URL itself, or what the environment variable holds when it is written ``env:NAME``."""
    if not url.startswith("env:"):
        return url
    variable = url.removeprefix("env:")
    if not os.environ.get(variable):
        raise SettingsError(
            f"The environment variable {variable} is not set.",
            expected="the SQLAlchemy URL of the portfolio's source",
            way_out=f"export {variable}=... before the refresh",
        )
    return os.environ[variable]


class SqlReader:
    """Reads whole tables; a column of mixed types comes as text, to be parsed strictly like any other."""

    def __init__(self, url: str) -> None:
        try:
            # No connection is held while a refresh fits for an hour.
            self._engine = sa.create_engine(with_driver(configured_url(url)), poolclass=sa.NullPool)
        except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
            # The URL may hold a password, and SQLAlchemy's own message may repeat the URL.
            raise SettingsError(
                "The URL of the portfolio's source cannot be used.",
                expected="a SQLAlchemy URL such as postgresql://host/bank, with its driver installed",
                found=str(error) if isinstance(error, ModuleNotFoundError) else "an unreadable URL or an unknown kind",
                way_out="correct `source.url`, or the environment variable that it names",
            ) from None

    @property
    def where(self) -> str:
        """Tell people where this source is, without its password."""
        return self._engine.url.render_as_string(hide_password=True)

    def names(self) -> list[str]:
        """List tables and views."""
        try:
            inspector = sa.inspect(self._engine)
        except sa.exc.SQLAlchemyError as error:
            raise self._unreachable(error) from error
        return sorted([*inspector.get_table_names(), *inspector.get_view_names()])

    def read(self, name: str) -> pl.DataFrame:
        """Read one table or view."""
        names = self.names()
        if name not in names:
            twin = nearest(name, names)
            raise DeliveryError(
                f"The table {name} is missing in {self.where}.",
                expected=name,
                found=examples(names),
                way_out=f"is it {twin}? Rename it or change the portfolio" if twin else "deliver the table",
            )
        try:
            with self._engine.connect() as connection:
                table = sa.Table(name, sa.MetaData(), autoload_with=connection)
                result = connection.execute(sa.select(table))
                columns = list(result.keys())
                rows = result.fetchall()
        except sa.exc.SQLAlchemyError as error:
            raise self._unreachable(error) from error
        return pl.DataFrame([_series(column, [row[i] for row in rows]) for i, column in enumerate(columns)])

    def _unreachable(self, error: sa.exc.SQLAlchemyError) -> DeliveryError:
        return DeliveryError(
            f"The database {self.where} cannot be read.",
            expected="a database that answers",
            found=str(error).splitlines()[0],
            way_out="check the URL, the network and the rights of the user",
        )


def _series(name: str, values: list[object]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 or kinds & {Decimal, bytes}:
        return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)
    return pl.Series(name, values)
