"""Who an anonymous id turned out to be."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade(room: str) -> None:
    if room == "detector":
        op.create_table(
            "links",
            sa.Column("project", sa.Text(), primary_key=True),
            sa.Column("anonymous", sa.Text(), primary_key=True),
            sa.Column("said", sa.Text(), nullable=False),
        )
