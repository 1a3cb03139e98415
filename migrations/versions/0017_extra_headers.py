"""Static extra headers of an endpoint."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade(room: str) -> None:
    if room == "notifier":
        op.add_column("endpoints", sa.Column("headers", sa.LargeBinary(), comment="encrypted JSON object; NULL: none"))
        op.add_column("endpoints", sa.Column("header_names", sa.Text(), comment="JSON list: what may be shown; NULL: none"))
