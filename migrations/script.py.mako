"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade(room: str) -> None:
    {"ingest": upgrade_ingest, "detector": upgrade_detector, "notifier": upgrade_notifier}[room]()


def upgrade_ingest() -> None:
    pass


def upgrade_detector() -> None:
    pass


def upgrade_notifier() -> None:
    pass
