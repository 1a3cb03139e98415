"""A project's row says whether its caps have just changed: whoever decides asks for it in the statement that takes the row."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade(room: str) -> None:
    if room != "notifier":
        return
    told = "whether the last decision came with other caps"
    op.add_column("noise_projects", sa.Column("changed", sa.Boolean(), nullable=False, server_default=sa.false(), comment=told))
    op.drop_column("noise_projects", "version")
