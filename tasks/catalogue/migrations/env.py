"""Run by Alembic. creditnet hands over its own connection; the `alembic` command opens one."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from tasks.catalogue.database import connect
from tasks.catalogue.tables import Base, is_ours
from tasks.settings import settings


def migrate(connection: Connection) -> None:
    """Run the migrations on one connection, within its transaction."""
    # SQLite cannot alter a column in place; in batches the table is copied instead.
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, include_name=is_ours)
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    migrate(handed_over)
else:
    with connect(settings().database_url).execution_options(writing=True).begin() as own:
        migrate(own)
