"""Bringing the catalogue's tables up to date."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from schemas.errors import SettingsError
from tasks.catalogue.database import unusable

#: The newest file in `versions/`. Named here so that opening a database that is up to date, the
#: usual case, need not import Alembic; a test holds the two together.
HEAD = "0002"


def bring_up_to_date(engine: Engine) -> None:
    """Run the migrations this database still lacks, unless another process is doing so right now.

    Raises
    ------
    SettingsError
        If the database cannot be reached or was made by a newer version.
    """
    try:
        with engine.connect() as connection:
            if _revision(connection) == HEAD:
                return
        # A second process waits here for the first, and then finds nothing left to do.
        with engine.execution_options(writing=True).begin() as connection:
            revision = _revision(connection)
            if revision != HEAD:
                _migrate(connection, revision)
    except DBAPIError as error:
        raise unusable(f"{engine.url.render_as_string(hide_password=True)}: {error.orig}") from error


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)


def _migrate(connection: Connection, revision: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    # A percent sign would be read as the start of a variable.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise SettingsError(
            "The catalogue was made by a newer version of creditnet, or is not a catalogue.",
            expected=f"revision {HEAD} or one before it",
            found=f"revision {revision}",
            way_out="install the newer version, or set CREDITNET_DATABASE_URL to another database",
        )
    command.upgrade(config, "head")
