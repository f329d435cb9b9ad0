"""The tables of the first version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "audit_log",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_log"),
    )
    op.create_table(
        "deliveries",
        sa.Column("portfolio", sa.Text(), nullable=False),
        sa.Column("quarter", sa.String(6), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("received_at", sa.String(32), nullable=False),
        sa.Column("tables", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("portfolio", "quarter", "fingerprint", name="pk_deliveries"),
    )
    op.create_table(
        "graphs",
        sa.Column("portfolio", sa.Text(), nullable=False),
        sa.Column("quarter", sa.String(6), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("firms", sa.Integer(), nullable=False),
        sa.Column("edges", sa.Integer(), nullable=False),
        sa.Column("statistics", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("portfolio", "quarter", "fingerprint", name="pk_graphs"),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio", sa.Text(), nullable=False),
        sa.Column("quarter", sa.String(6), nullable=False),
        sa.Column("delivery_fingerprint", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["portfolio", "quarter", "delivery_fingerprint"],
            ["deliveries.portfolio", "deliveries.quarter", "deliveries.fingerprint"],
            name="fk_quarantine_portfolio",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
    )
    op.create_index("ix_quarantine_delivery_fingerprint", "quarantine", ["delivery_fingerprint"])

    op.create_table(
        "refreshes",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("portfolio", sa.Text(), nullable=False),
        sa.Column("quarter", sa.String(6), nullable=False),
        sa.Column("input_fingerprint", sa.Text(), nullable=False),
        sa.Column("code_digest", sa.Text(), nullable=False),
        sa.Column("spec_hash", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("owner_host", sa.Text(), nullable=False),
        sa.Column("owner_pid", sa.Integer(), nullable=False),
        sa.Column("owner_started", sa.Float(), nullable=False),
        sa.Column("lease_expires_at", sa.String(32), nullable=False),
        sa.Column("started_at", sa.String(32), nullable=False),
        sa.Column("finished_at", sa.String(32), nullable=True),
        sa.Column("published_at", sa.String(32), nullable=True),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("graph_fingerprint", sa.Text(), nullable=True),
        sa.Column("folder", sa.Text(), nullable=True),
        sa.Column("manifest_sha256", sa.Text(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("model_name", sa.Text(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("registry_synced", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint(
            "status IN ('running', 'published', 'failed', 'abandoned')", name=op.f("ck_refreshes_status")
        ),
        sa.ForeignKeyConstraint(
            ["portfolio", "quarter", "graph_fingerprint"],
            ["graphs.portfolio", "graphs.quarter", "graphs.fingerprint"],
            name="fk_refreshes_portfolio",
        ),
        sa.PrimaryKeyConstraint("key", name="pk_refreshes"),
        sa.UniqueConstraint(
            "portfolio", "quarter", "input_fingerprint", "code_digest", "spec_hash", name="uq_refreshes_portfolio"
        ),
        sa.UniqueConstraint("sequence", name="uq_refreshes_sequence"),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("portfolio", sa.Text(), nullable=False),
        sa.Column("refresh_key", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("made_at", sa.String(32), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("alias IN ('challenger', 'champion')", name=op.f("ck_decisions_alias")),
        sa.ForeignKeyConstraint(["refresh_key"], ["refreshes.key"], name="fk_decisions_refresh_key"),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_portfolio", "decisions", ["portfolio"])

    op.create_table(
        "scores",
        sa.Column("refresh_key", sa.Text(), nullable=False),
        sa.Column("firm_id", sa.Text(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("predicted_class", sa.Text(), nullable=False),
        sa.CheckConstraint("probability BETWEEN 0 AND 1", name=op.f("ck_scores_probability")),
        sa.ForeignKeyConstraint(["refresh_key"], ["refreshes.key"], name="fk_scores_refresh_key"),
        sa.PrimaryKeyConstraint("refresh_key", "firm_id", name="pk_scores"),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("scores")
    op.drop_table("decisions")
    op.drop_table("refreshes")
    op.drop_table("quarantine")
    op.drop_table("graphs")
    op.drop_table("deliveries")
    op.drop_table("audit_log")
