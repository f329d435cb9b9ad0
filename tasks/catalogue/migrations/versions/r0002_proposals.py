"""Proposals and the votes on them; a version can be retired; what was pruned is marked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ALIAS = "ck_decisions_alias"


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "proposals",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio", sa.Text(), nullable=False),
        sa.Column("refresh_key", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("open_points", sa.JSON(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("closed_at", sa.String(32), nullable=True),
        sa.CheckConstraint(
            "status IN ('open', 'approved', 'rejected', 'superseded')", name=op.f("ck_proposals_status")
        ),
        sa.ForeignKeyConstraint(["refresh_key"], ["refreshes.key"], name="fk_proposals_refresh_key"),
        sa.PrimaryKeyConstraint("id", name="pk_proposals"),
    )
    op.create_index("ix_proposals_portfolio", "proposals", ["portfolio"])
    op.create_table(
        "votes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("choice", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", sa.String(32), nullable=False),
        sa.CheckConstraint("choice IN ('approve', 'reject')", name=op.f("ck_votes_choice")),
        sa.ForeignKeyConstraint(["proposal_id"], ["proposals.id"], name="fk_votes_proposal_id"),
        sa.PrimaryKeyConstraint("id", name="pk_votes"),
        sa.UniqueConstraint("proposal_id", "person", name="uq_votes_proposal_id"),
    )
    _replace_alias_check("alias IN ('challenger', 'champion', 'retired')")
    op.add_column("refreshes", sa.Column("pruned_at", sa.String(32), nullable=True))


def downgrade() -> None:
    """Go back; refused by the check on aliases once a version has been retired."""
    op.drop_column("refreshes", "pruned_at")
    _replace_alias_check("alias IN ('challenger', 'champion')")
    op.drop_table("votes")
    op.drop_table("proposals")


def _replace_alias_check(condition: str) -> None:
    with op.batch_alter_table("decisions") as table:
        # SQLite copies the table, without its checks; elsewhere the old one is still there.
        if op.get_bind().dialect.name != "sqlite":
            table.drop_constraint(op.f(_ALIAS), type_="check")
        table.create_check_constraint(op.f(_ALIAS), condition)
