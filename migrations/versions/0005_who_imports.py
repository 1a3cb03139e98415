"""Which accounts have history that is not judged yet, beside when they are due."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade(room: str) -> None:
    if room == "detector":
        upgrade_detector()


def upgrade_detector() -> None:
    """With a default of the server's: of what the version before writes it is not known, so an import's end looks."""
    op.add_column("due", sa.Column("importing", sa.Boolean(), server_default=sa.true(), nullable=False))
