"""Leads know when they were stored: whoever keeps a copy reads them in that order, and misses none that came late."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade(room: str) -> None:
    if room != "detector":
        return
    op.add_column("leads", sa.Column("stored_at", sa.BigInteger(), nullable=False, server_default="0", comment="wall clock"))
    op.execute("UPDATE leads SET stored_at = updated_at")
    op.create_index("leads_by_store", "leads", ["stored_at", "lead_id"])
    op.drop_index("leads_by_update", "leads")
