"""Write keys that may import history; those made before may not."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade(room: str) -> None:
    {"ingest": upgrade_ingest, "detector": upgrade_detector, "notifier": upgrade_notifier}[room]()


def upgrade_ingest() -> None:
    """With a default of the server's: a program of the version before goes on making keys, and none of them may import."""
    op.add_column("write_keys", sa.Column("may_import", sa.Boolean(), server_default=sa.false(), nullable=False))


def upgrade_detector() -> None:
    pass


def upgrade_notifier() -> None:
    pass
