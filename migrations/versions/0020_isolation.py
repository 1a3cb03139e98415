"""How an endpoint's last attempts went, its breaker, and its due deliveries by whether they were tried."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade(room: str) -> None:
    if room == "notifier":
        op.add_column("endpoints", sa.Column("last_ms", sa.Integer(), comment="how long the last attempt took"))
        op.add_column("endpoints", _zero("breaker_opened", sa.Integer(), "times since the last success; 0: closed"))
        op.add_column("endpoints", _zero("breaker_until", sa.BigInteger(), "when a probe may go, if it is open"))
        op.add_column(
            "endpoints", sa.Column("recent", sa.Text(), comment="JSON: attempts and failures of the last minutes; NULL: none")
        )
        for name, tried in (("first", "fence = 0"), ("again", "fence > 0")):
            may = sa.text(f"{tried} AND due_at IS NOT NULL")
            op.create_index(
                f"ix_deliveries_due_{name}", "deliveries", ["endpoint_id", "due_at"], postgresql_where=may, sqlite_where=may
            )
        op.drop_index("ix_deliveries_due", "deliveries")


def _zero(name: str, type_: sa.types.TypeEngine[int], comment: str) -> sa.Column[int]:
    return sa.Column(name, type_, nullable=False, server_default="0", comment=comment)
