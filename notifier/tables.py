"""The notifier's tables. Times are epoch milliseconds; only `store*.py` and the migrations touch them."""

import sqlalchemy as sa

metadata = sa.MetaData()


def _due_index(name: str, tried: str) -> sa.Index:
    """What may be taken of an endpoint's deliveries, the oldest first: those never tried, and the others, apart."""
    may = sa.text(f"{tried} AND due_at IS NOT NULL")
    return sa.Index(name, "endpoint_id", "due_at", postgresql_where=may, sqlite_where=may)


endpoints = sa.Table(
    "endpoints",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("site", sa.Text, nullable=False, comment="scheme and host: what may be shown and logged"),
    sa.Column("url", sa.LargeBinary, nullable=False, comment="encrypted"),
    sa.Column("secrets", sa.LargeBinary, nullable=False, comment="encrypted JSON list, the newest first"),
    sa.Column("headers", sa.LargeBinary, comment="encrypted JSON object; NULL: none"),
    sa.Column("header_names", sa.Text, comment="JSON list: what may be shown; NULL: none"),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("pii", sa.Text, nullable=False, server_default="full", comment="full or minimal"),
    sa.Column("filters", sa.Text, nullable=False, comment="JSON"),
    sa.Column("caps", sa.Boolean, nullable=False, server_default=sa.true(), comment="false: it hears of every lead at once"),
    sa.Column("status", sa.Text, nullable=False, comment="enabled, disabled or deleted"),
    sa.Column("disabled_reason", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("paused_until", sa.BigInteger, nullable=False, comment="Retry-After; 0: not paused"),
    sa.Column("failures", sa.BigInteger, nullable=False, comment="failed attempts in a row"),
    sa.Column("failing_since", sa.BigInteger),
    sa.Column("last_error", sa.Text),
    sa.Column("last_status", sa.Integer),
    sa.Column("last_success_at", sa.BigInteger),
    sa.Column("last_ms", sa.Integer, comment="how long the last attempt took"),
    sa.Column(
        "breaker_opened", sa.Integer, nullable=False, server_default="0", comment="times since the last success; 0: closed"
    ),
    sa.Column("breaker_until", sa.BigInteger, nullable=False, server_default="0", comment="when a probe may go, if it is open"),
    sa.Column("recent", sa.Text, comment="JSON: attempts and failures of the last minutes; NULL: none"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("endpoint_id", sa.Text, sa.ForeignKey("endpoints.id"), nullable=False),
    sa.Column("lead_event_id", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="frozen: stored = signed = sent"),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("due_at", sa.BigInteger, comment="when it may be taken; while sending, the lease's end; NULL: it may not"),
    sa.Column("tries", sa.Integer, nullable=False, comment="tries spent"),
    sa.Column("tries_since", sa.BigInteger, comment="when it was replayed or let go, and its tries began anew; NULL: created_at"),
    sa.Column("fence", sa.BigInteger, nullable=False, comment="grows with each claim; numbers the attempts"),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("settled_at", sa.BigInteger, comment="when it became delivered, dead or skipped"),
    sa.Column("last_error", sa.Text),
    sa.Column("lead_event_at", sa.BigInteger, comment="the lead event's own time"),
    sa.Column("lead_id", sa.Text),
    sa.Column("revision", sa.BigInteger, comment="NULL where every revision is sent"),
    sa.UniqueConstraint("endpoint_id", "lead_event_id", name="uq_deliveries_endpoint_lead_event"),
    _due_index("ix_deliveries_due_first", "fence = 0"),
    _due_index("ix_deliveries_due_again", "fence > 0"),
    sa.Index("ix_deliveries_status", "status", "created_at"),
    sa.Index("ix_deliveries_created", "created_at"),
    sa.Index("ix_deliveries_endpoint", "endpoint_id", "created_at"),
    sa.Index("ix_deliveries_lead_event", "lead_event_id"),
    sa.Index("ix_deliveries_by_lead", "lead_id"),
    sa.Index("ix_deliveries_settled", "settled_at"),
    sa.Index(
        "ix_deliveries_lead",
        "endpoint_id",
        "lead_id",
        "revision",
        postgresql_where=sa.text("lead_id IS NOT NULL"),
        sqlite_where=sa.text("lead_id IS NOT NULL"),
    ),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("delivery_id", sa.Text, sa.ForeignKey("deliveries.id"), nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("finished_at", sa.BigInteger),
    sa.Column("outcome", sa.Text, nullable=False, comment="unknown until it is closed; then delivered or failed"),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("detail", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("dns_ms", sa.Integer),
    sa.Column("connect_ms", sa.Integer),
    sa.Column("headers_ms", sa.Integer),
    sa.Column("ms", sa.Integer),
    sa.Column("body", sa.LargeBinary, comment="head of the answer's body"),
    sa.Index("ix_attempts_delivery", "delivery_id", "number"),
    sa.Index("ix_attempts_started", "started_at"),
)

notifier_checkpoints = sa.Table(
    "notifier_checkpoints",
    metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("next_offset", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
)

noise_projects = sa.Table(
    "noise_projects",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("caps", sa.Text, nullable=False, comment="JSON, of the newest lead event"),
    sa.Column("caps_at", sa.BigInteger, nullable=False, comment="that one's time"),
    sa.Column(
        "changed",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="whether the last decision came with other caps",
    ),
)

noise_told = sa.Table(
    "noise_told",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("scope", sa.Text, primary_key=True, comment="account, person, endpoint or brake"),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("lead_id", sa.Text, primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("counts", sa.Boolean, nullable=False, comment="false: it took over the place of one that does"),
    sa.Index("ix_noise_told_lead", "lead_id"),
    sa.Index(
        "ix_noise_told_there",
        "project",
        "scope",
        "key",
        "at",
        postgresql_where=sa.text("counts"),
        sqlite_where=sa.text("counts = 1"),
    ),
    sa.Index("ix_noise_told_at", "at"),
)

noise_waiting = sa.Table(
    "noise_waiting",
    metadata,
    sa.Column("endpoint_id", sa.Text, sa.ForeignKey("endpoints.id"), primary_key=True),
    sa.Column("lead_id", sa.Text, primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("person", sa.Text, comment="the first to talk to"),
    sa.Column("rank", sa.BigInteger, nullable=False, comment="the greater the better"),
    sa.Column("since", sa.BigInteger, nullable=False, comment="its first lead event's time"),
    sa.Column("takes_over", sa.Text),
    sa.Column("explicit", sa.Boolean, nullable=False),
    sa.Column("held_by", sa.Text, nullable=False, comment="account, person, endpoint or brake"),
    sa.Column("until", sa.BigInteger, nullable=False, comment="there is no room before"),
    sa.Index("ix_noise_waiting_until", "until"),
    sa.Index("ix_noise_waiting_lead", "lead_id"),
    sa.Index("ix_noise_waiting_account", "project", "account"),
)

noise_hours = sa.Table(
    "noise_hours",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("hour", sa.BigInteger, primary_key=True, comment="hours since 1970"),
    sa.Column("leads", sa.BigInteger, nullable=False),
)
