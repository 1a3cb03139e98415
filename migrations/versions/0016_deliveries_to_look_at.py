"""Deliveries to look at, by time, endpoint, lead event and lead; and since when their tries count."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

ROWS_MAX = 500
deliveries = sa.table("deliveries", sa.column("id"), sa.column("body"), sa.column("lead_id"))


def upgrade(room: str) -> None:
    if room == "notifier":
        op.add_column(
            "deliveries",
            sa.Column(
                "tries_since",
                sa.BigInteger(),
                comment="when it was replayed or let go, and its tries began anew; NULL: created_at",
            ),
        )
        say_what_they_hold(op.get_bind().dialect)
        know_their_lead(op.get_bind())
        op.create_index("ix_deliveries_created", "deliveries", ["created_at"])
        op.create_index("ix_deliveries_endpoint", "deliveries", ["endpoint_id", "created_at"])
        op.create_index("ix_deliveries_lead_event", "deliveries", ["lead_event_id"])
        op.create_index("ix_deliveries_by_lead", "deliveries", ["lead_id"])
        op.create_index("ix_deliveries_settled", "deliveries", ["settled_at"])


def say_what_they_hold(dialect: sa.Dialect) -> None:
    if dialect.supports_comments:
        op.alter_column("deliveries", "lead_id", comment=None)
        op.alter_column("deliveries", "revision", comment="NULL where every revision is sent")
        op.alter_column("deliveries", "settled_at", comment="when it became delivered, dead or skipped")


def know_their_lead(tx: sa.Connection) -> None:
    """Where only the latest revision is sent they know it. Not in SQL: PostgreSQL reads no JSON that has a NUL anywhere."""
    id_, body = deliveries.c.id, deliveries.c.body
    change = deliveries.update().where(id_ == sa.bindparam("mine")).values(lead_id=sa.bindparam("lead"))
    unknown = sa.select(id_, body).where(deliveries.c.lead_id.is_(None)).order_by(id_).limit(ROWS_MAX)
    last = ""
    while rows := tx.execute(unknown.where(id_ > last)).all():
        tx.execute(change, [{"mine": row.id, "lead": _lead_of(json.loads(row.body))} for row in rows])
        last = rows[-1].id


def _lead_of(told: dict[str, Any]) -> str | None:
    """In the format `flat` there is no `data`."""
    lead: str | None = told.get("data", told).get("lead_id")
    return lead
