"""How many bytes of dead letters each day brought."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade(room: str) -> None:
    if room == "detector":
        op.create_table(
            "dead_letter_days",
            sa.Column("project", sa.Text(), primary_key=True),
            sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
            sa.Column("bytes", sa.BigInteger(), nullable=False),
        )
