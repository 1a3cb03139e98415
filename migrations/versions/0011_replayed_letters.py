"""When a dead letter was sent through once more."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade(room: str) -> None:
    if room == "detector":
        op.add_column("dead_letters", sa.Column("replayed_at", sa.BigInteger()))
