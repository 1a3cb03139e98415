"""Which events arrive at ingest, by name."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade(room: str) -> None:
    if room == "ingest":
        op.create_table(
            "arrived",
            sa.Column("project", sa.Text(), primary_key=True),
            sa.Column("type", sa.Text(), primary_key=True),
            sa.Column("name", sa.Text(), primary_key=True),
            sa.Column("number", sa.BigInteger(), nullable=False),
            sa.Column("first_seen", sa.BigInteger(), nullable=False),
            sa.Column("last_seen", sa.BigInteger(), nullable=False),
        )
