"""Write keys that expire and have a rate; how a project wants its events read."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade(room: str) -> None:
    if room == "ingest":
        op.add_column("projects", sa.Column("settings", sa.Text(), nullable=False, server_default="{}"))
        op.add_column("write_keys", sa.Column("expires_at", sa.BigInteger()))
        op.add_column("write_keys", sa.Column("events_per_s", sa.Integer()))
        op.add_column("write_keys", sa.Column("address_events_per_s", sa.Integer()))
