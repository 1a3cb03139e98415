"""Deliveries to look at, by time, endpoint, lead event and lead; and since when their tries count."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"

ROWS_MAX = 500
deliveries = sa.table("deliveries", sa.column("id"), sa.column("body"), sa.column("lead_id"))


def upgrade(room: str) -> None:
    if room == "notifier":
        op.add_column("deliveries", sa.Column("lead_id", sa.Text()))
        op.add_column(
            "deliveries",
            sa.Column(
                "tries_since",
                sa.BigInteger(),
                comment="when it was replayed or let go, and its tries began anew; NULL: created_at",
            ),
        )
        know_their_lead(op.get_bind())
        op.create_index("ix_deliveries_created", "deliveries", ["created_at"])
        op.create_index("ix_deliveries_endpoint", "deliveries", ["endpoint_id", "created_at"])
        op.create_index("ix_deliveries_lead_event", "deliveries", ["lead_event_id"])
        op.create_index("ix_deliveries_lead", "deliveries", ["lead_id"])
        op.create_index("ix_deliveries_settled", "deliveries", ["settled_at"])


def know_their_lead(tx: sa.Connection) -> None:
    """Not in SQL: PostgreSQL reads no JSON that has a NUL anywhere."""
    id_, body = deliveries.c.id, deliveries.c.body
    change = deliveries.update().where(id_ == sa.bindparam("mine")).values(lead_id=sa.bindparam("lead"))
    last = ""
    while rows := tx.execute(sa.select(id_, body).where(id_ > last).order_by(id_).limit(ROWS_MAX)).all():
        tx.execute(change, [{"mine": row.id, "lead": json.loads(row.body).get("data", {}).get("lead_id")} for row in rows])
        last = rows[-1].id
