"""Caps on noise: which leads wait for room, whom was told of what, how many leads an hour brings; endpoints that know no cap."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade(room: str) -> None:
    if room != "notifier":
        return
    op.add_column(
        "endpoints",
        sa.Column(
            "caps", sa.Boolean(), nullable=False, server_default=sa.true(), comment="false: it hears of every lead at once"
        ),
    )
    op.create_table(
        "noise_projects",
        sa.Column("project", sa.Text(), primary_key=True),
        sa.Column("caps", sa.Text(), nullable=False, comment="JSON, of the newest lead event"),
        sa.Column("caps_at", sa.BigInteger(), nullable=False, comment="that one's time"),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="grows with each decision: who has the row decides"),
    )
    op.create_table(
        "noise_told",
        sa.Column("project", sa.Text(), primary_key=True),
        sa.Column("scope", sa.Text(), primary_key=True, comment="account, person, endpoint or brake"),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("lead_id", sa.Text(), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False, comment="false: it took over the place of one that does"),
    )
    op.create_index("ix_noise_told_lead", "noise_told", ["lead_id"])
    op.create_index("ix_noise_told_there", "noise_told", ["project", "scope", "key", "at"])
    op.create_index("ix_noise_told_at", "noise_told", ["at"])
    op.create_table(
        "noise_waiting",
        sa.Column("endpoint_id", sa.Text(), sa.ForeignKey("endpoints.id"), primary_key=True),
        sa.Column("lead_id", sa.Text(), primary_key=True),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), comment="the first to talk to"),
        sa.Column("rank", sa.BigInteger(), nullable=False, comment="the greater the better"),
        sa.Column("since", sa.BigInteger(), nullable=False, comment="its first lead event's time"),
        sa.Column("takes_over", sa.Text()),
        sa.Column("explicit", sa.Boolean(), nullable=False),
        sa.Column("held_by", sa.Text(), nullable=False, comment="account, person, endpoint or brake"),
        sa.Column("until", sa.BigInteger(), nullable=False, comment="there is no room before"),
    )
    op.create_index("ix_noise_waiting_until", "noise_waiting", ["until"])
    op.create_index("ix_noise_waiting_lead", "noise_waiting", ["lead_id"])
    op.create_index("ix_noise_waiting_account", "noise_waiting", ["project", "account"])
    op.create_table(
        "noise_hours",
        sa.Column("project", sa.Text(), primary_key=True),
        sa.Column("hour", sa.BigInteger(), primary_key=True, comment="hours since 1970"),
        sa.Column("leads", sa.BigInteger(), nullable=False),
    )
    remember_who_knows_what()


def remember_who_knows_what() -> None:
    """What endpoints were told of before is not held back, and takes up no room."""
    op.execute(
        """
        INSERT INTO noise_told (project, scope, key, lead_id, at, counts)
        SELECT e.project, 'endpoint', d.endpoint_id, d.lead_id, MIN(d.created_at), false
        FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id
        WHERE d.lead_id IS NOT NULL
        GROUP BY e.project, d.endpoint_id, d.lead_id
        """
    )
