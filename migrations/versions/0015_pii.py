"""How much of who somebody is an endpoint gets."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade(room: str) -> None:
    if room == "notifier":
        op.add_column("endpoints", sa.Column("pii", sa.Text(), server_default="full", nullable=False, comment="full or minimal"))
