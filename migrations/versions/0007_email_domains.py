"""What the domains of people's e-mail addresses were, where a rulebook finds accounts by them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade(room: str) -> None:
    if room == "detector":
        upgrade_detector()


def upgrade_detector() -> None:
    op.create_table(
        "email_domains",
        sa.Column("project", sa.Text(), primary_key=True),
        sa.Column("person", sa.Text(), primary_key=True),
        sa.Column("said", sa.Text(), nullable=False),
    )
