"""Alembic at work: in, an open transaction and a room's name; out, that room's tables at the newest revision.

A module of its own: Alembic takes a tenth of a second to import, and only the first start of a new version needs it.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def run(connection: sa.Connection, room: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes.update(connection=connection, room=room)
    command.upgrade(config, "head")
