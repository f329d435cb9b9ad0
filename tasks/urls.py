"""The one driver that is installed for PostgreSQL, for a database URL that names none."""

from __future__ import annotations

from sqlalchemy import URL, make_url


def with_driver(database_url: str) -> URL:
    """Read a database URL; ``postgresql://`` without a driver means pg8000, which is installed with creditnet.

    Raises
    ------
    sqlalchemy.exc.ArgumentError
        If it is not a URL.
    """
    url = make_url(database_url)
    return url.set(drivername="postgresql+pg8000") if url.drivername in {"postgresql", "postgres"} else url
