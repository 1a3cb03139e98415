"""What the detector counts. No account, person or event name is a label; of a project and a rule there are few."""

from prometheus_client import Counter, Gauge, Histogram

EVENTS = Counter("handraiser_detector_events", "Usage events read, copies included.", ["topic"])
DUPLICATES = Counter("handraiser_detector_duplicates", "Usage events dropped because their id was seen before.")
GATHERED = Counter("handraiser_detector_events_backfilled", "Usage events read again for facts that a rulebook began to keep.")
WITHOUT_RULEBOOK = Counter("handraiser_detector_events_without_rulebook", "Usage events of projects without a rulebook.")
DROPPED = Counter("handraiser_detector_events_dropped", "Usage events that the rulebook's drop_events made count for nothing.")
SILENT = Counter(
    "handraiser_detector_signals_silent",
    "New signals that sales was not told of: shadow (the rule's mode), opted_out, suppressed, quiet (after an outcome).",
    ["project", "rule", "why"],
)
LEAD_EVENTS = Counter("handraiser_detector_lead_events", "Lead events committed.")
COMMANDS = Counter("handraiser_detector_commands", "Commands of sales committed, applied or refused.", ["status"])
DEAD_LETTERS = Counter("handraiser_detector_dead_letters", "Dead letters committed, of ingest and detector.", ["code"])
DEAD_LETTERS_BEYOND = Counter(
    "handraiser_detector_dead_letters_beyond_limit", "Dead letters of these that only the log has: too many bytes for one day."
)
HELD = Counter("handraiser_detector_held_events", "Usage events that began to wait for their account.")
LOST = Counter("handraiser_detector_partitions_lost", "Times a commit found its partition in other hands.")
OWNED = Gauge("handraiser_detector_partitions_owned", "Partitions that this process reads.", ["topic"])
HALTED = Gauge("handraiser_detector_partitions_halted", "Partitions that stand still; /health says why.")
COMMIT_SECONDS = Histogram("handraiser_detector_commit_seconds", "One commit of a batch, with sending its outbox.")
BATCH_EVENTS = Histogram(
    "handraiser_detector_batch_events", "Usage events in one commit.", buckets=[1, 10, 100, 1_000, 10_000, 100_000, 1_000_000]
)
ACCOUNT_CACHE_BYTES = Gauge("handraiser_detector_account_cache_bytes", "Accounts kept in memory, roughly.")
BUSIEST_ACCOUNT = Gauge(
    "handraiser_detector_busiest_account_ratio",
    "Share of the busiest account in some 4,000 usage events that this process read last (one in 13 is looked at); 0: none come.",
)
