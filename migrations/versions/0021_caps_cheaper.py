"""A project's row says whether its caps have just changed; what counts under caps has an index by itself."""

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
    op.drop_index("ix_noise_told_there", "noise_told")
    op.create_index(
        "ix_noise_told_there",
        "noise_told",
        ["project", "scope", "key", "at"],
        postgresql_where=sa.text("counts"),
        sqlite_where=sa.text("counts = 1"),
    )
