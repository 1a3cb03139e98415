"""Since when facts are kept and rules are judged that an applied rulebook began, and which facts it removed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade(room: str) -> None:
    if room == "detector":
        upgrade_detector()


def upgrade_detector() -> None:
    op.create_table(
        "adopted_since",
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("project", sa.Text(), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("gone", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
    )
