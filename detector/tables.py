"""The detector's tables. Times are epoch milliseconds; only `detector.store` and the migrations read this."""

import sqlalchemy as sa

metadata = sa.MetaData()

_Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""A number that the database counts up and never gives twice."""

topics = sa.Table(
    "topics",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("partitions", sa.Integer, nullable=False),
    sa.Column("topic_id", sa.Text, nullable=False),
)

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("next_offset", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("partition_time", sa.BigInteger, nullable=False),
    sa.Column("halted", sa.Text),
    sa.Column("committed_at", sa.BigInteger, nullable=False),
)

rulebooks = sa.Table(
    "rulebooks",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("resolved", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)

adopted = sa.Table(
    "adopted",
    metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)

# What a partition of `events` knows of the versions that it went through: a row for each key of facts, or of a rule, that was
# not always there, or is gone.
adopted_since = sa.Table(
    "adopted_since",
    metadata,
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("gone", sa.BigInteger, nullable=False),
    sa.Column("last", sa.Integer, nullable=False),
    sa.Column("filled", sa.Integer, nullable=False, server_default="0"),
)

# How far a partition of `events` was read again for them.
backfills = sa.Table(
    "backfills",
    metadata,
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("begin", sa.BigInteger, nullable=False),
    sa.Column("next_offset", sa.BigInteger, nullable=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
)

# Rewritten all the time: no index but the key (an index on a column that changes halves the speed of PostgreSQL).
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("hot", sa.LargeBinary, nullable=False),
)

facts = sa.Table(
    "facts",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("measure", sa.Text, primary_key=True),
    sa.Column("chunk", sa.Integer, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

# Small, and moved lazily: a time that comes too early is looked at, and written anew. Of partitions of `events`.
due = sa.Table(
    "due",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("due", sa.BigInteger, nullable=False),
    sa.Column("importing", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Index("due_by_partition", "partition"),
)

leads = sa.Table(
    "leads",
    metadata,
    sa.Column("lead_id", sa.Text, primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("lead_type", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("temperature", sa.Text),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("rulebook_version", sa.Integer, nullable=False),
    sa.Column("qualified_at", sa.BigInteger, nullable=False),
    sa.Column("opened_at", sa.BigInteger, nullable=False),
    sa.Column("updated_at", sa.BigInteger, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("stored_at", sa.BigInteger, nullable=False, server_default="0", comment="wall clock"),
    sa.Index("leads_by_store", "stored_at", "lead_id"),
    sa.Index("leads_by_account", "project", "account"),
)

lead_events = sa.Table(
    "lead_events",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("lead_id", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("timestamp", sa.BigInteger, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("partition_time", sa.BigInteger, nullable=False),
    sa.Column("rulebook_version", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("lead_events_by_lead", "lead_id", "revision"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("seq", _Serial, primary_key=True, autoincrement=True),
    sa.Column("source_topic", sa.Text, nullable=False),
    sa.Column("source_partition", sa.Integer, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# One appended row per hour that a transaction touched, 8 bytes an id: never a row per id. `partition_time` is the beginning of
# the day at which they were first seen.
seen = sa.Table(
    "seen",
    metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("hour", sa.BigInteger, primary_key=True),
    sa.Column("end_offset", sa.BigInteger, primary_key=True),
    sa.Column("partition_time", sa.BigInteger, primary_key=True),
    sa.Column("ids", sa.LargeBinary, nullable=False),
)

# The key of the hashes in `seen`, made once: without it nobody can choose an id that collides with another's.
seen_keys = sa.Table(
    "seen_keys",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.LargeBinary, nullable=False),
)

dead_letters = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("seq", _Serial, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("field", sa.Text),
    sa.Column("route", sa.Text),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("truncated", sa.Boolean, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("replayed_at", sa.BigInteger),
    sa.Index("dead_letters_by_time", "received_at"),
    sa.Index("dead_letters_by_project", "project", "seq"),
    sa.Index("dead_letters_by_code", "code", "seq"),
    sqlite_autoincrement=True,
)

# How many bytes of dead letters came for a project, by the UTC day (days since 1970) that ingest received them on.
dead_letter_days = sa.Table(
    "dead_letter_days",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)

# Which events arrive: counts that are added to. A row for each partition, for its owner alone writes it.
event_names = sa.Table(
    "event_names",
    metadata,
    sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("first_seen", sa.BigInteger, nullable=False),
    sa.Column("last_seen", sa.BigInteger, nullable=False),
)

# What became of each command of sales. `arguments` and `result` are JSON objects.
commands = sa.Table(
    "commands",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("arguments", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("code", sa.Text),
    sa.Column("message", sa.Text),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("applied_at", sa.BigInteger, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Index("commands_by_time", "applied_at"),
)

memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("since", sa.BigInteger, nullable=False),
)

email_domains = sa.Table(
    "email_domains",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("said", sa.Text, nullable=False),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("anonymous", sa.Text, primary_key=True),
    sa.Column("said", sa.Text, nullable=False),
)

held = sa.Table(
    "held",
    metadata,
    sa.Column("seq", _Serial, primary_key=True, autoincrement=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("partition", sa.Integer, nullable=False),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("until", sa.BigInteger, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("project", "person", "id", name="held_once"),
    sa.Index("held_by_partition", "topic", "partition"),
    sqlite_autoincrement=True,
)
