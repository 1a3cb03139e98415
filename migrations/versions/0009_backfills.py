"""How far the log was read again for facts that an applied rulebook began, and for which facts it was."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade(room: str) -> None:
    if room == "detector":
        upgrade_detector()


def upgrade_detector() -> None:
    op.add_column("adopted_since", sa.Column("filled", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "backfills",
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("project", sa.Text(), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("begin", sa.BigInteger(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
    )
