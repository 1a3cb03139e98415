"""How much of who somebody is an endpoint gets; which revision of which lead a delivery tells, where only the latest is sent."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade(room: str) -> None:
    if room == "notifier":
        upgrade_notifier()


def upgrade_notifier() -> None:
    pii = sa.Column("pii", sa.Text(), server_default="full", nullable=False, comment="full or minimal")
    op.add_column("endpoints", pii)
    op.add_column("deliveries", sa.Column("lead_event_at", sa.BigInteger(), comment="the lead event's own time"))
    op.add_column("deliveries", sa.Column("lead_id", sa.Text(), comment="NULL where every revision is sent"))
    op.add_column("deliveries", sa.Column("revision", sa.BigInteger()))
    given = sa.text("lead_id IS NOT NULL")
    op.create_index(
        "ix_deliveries_lead",
        "deliveries",
        ["endpoint_id", "lead_id", "revision"],
        postgresql_where=given,
        sqlite_where=given,
    )
