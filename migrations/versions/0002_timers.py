"""The detector's timers: when time alone may change an account."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade(room: str) -> None:
    if room != "detector":
        return
    op.create_table(
        "due",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", "account"),
    )
    op.create_index("due_by_partition", "due", ["partition"], unique=False)
