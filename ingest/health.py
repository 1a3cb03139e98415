"""The batcher's counts in, the `ingest` object of /health out."""

from typing import Any

from ingest.batcher import WAITING_BYTES_MAX, Batcher

REFUSED_RECENTLY_MS = 60_000


def report(batcher: Batcher, now: int) -> dict[str, Any]:
    """`down`: the last append failed and requests were refused within a minute; `degraded`: only the latter."""
    traffic = batcher.traffic
    refused = traffic.last_refused_at is not None and now - traffic.last_refused_at <= REFUSED_RECENTLY_MS
    status = "ok" if not refused else "down" if batcher.failing else "degraded"
    age = None if traffic.last_event_at is None else (now - traffic.last_event_at) / 1000
    return {
        "status": status,
        "events_per_s": round(traffic.events_per_s(now), 2),
        "last_event_age_s": age,
        "rejected_ratio_5m": round(traffic.rejected_ratio(now), 4),
        "waiting_bytes": batcher.waiting_bytes,
        "waiting_bytes_max": WAITING_BYTES_MAX,
    }
