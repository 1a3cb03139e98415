"""The batcher's and the spool's counts in, the `ingest` object of /health out."""

from typing import Any, Final

from ingest.batcher import WAITING_BYTES_MAX, Batcher
from ingest.spooling import SpoolState

REFUSED_RECENTLY_MS = 60_000
_REFUSING: Final = {
    "code": "ingest_refusing",
    "since": None,
    "what": "Within the last minute requests were told to come again: neither the log nor the spool took their events",
    "do": "The SDKs send them again. See that the disk of the log and of the data folder has room and is not slow, or that Kafka "
    "is there.",
}


def report(batcher: Batcher, spool: SpoolState, now: int) -> dict[str, Any]:
    """`down`: the last append failed and requests were refused within a minute; `degraded`: only the latter, or events wait."""
    traffic = batcher.traffic
    refused = traffic.last_refused_at is not None and now - traffic.last_refused_at <= REFUSED_RECENTLY_MS
    problems = [_REFUSING] if refused else []
    if spool.oldest_at is not None:
        problems.append(_spooling(spool, now))
    age = None if traffic.last_event_at is None else (now - traffic.last_event_at) / 1000
    return {
        "status": "down" if refused and batcher.failing else "degraded" if problems else "ok",
        "events_per_s": round(traffic.events_per_s(now), 2),
        "last_event_age_s": age,
        "rejected_ratio_5m": round(traffic.rejected_ratio(now), 4),
        "waiting_bytes": batcher.waiting_bytes,
        "waiting_bytes_max": WAITING_BYTES_MAX,
        "spool_bytes": spool.bytes,
        "spool_bytes_max": spool.bytes_max,
        "spool_oldest_s": None if spool.oldest_at is None else max(0, now - spool.oldest_at) / 1000,
        **({"problems": problems} if problems else {}),
    }


def _spooling(spool: SpoolState, now: int) -> dict[str, Any]:
    waits_s = max(0, now - (spool.oldest_at or now)) // 1000
    why = f": {spool.failing}" if spool.failing else ", and takes what waits"
    return {
        "code": "ingest_spooling",
        "since": None,
        "what": f"{spool.bytes:,} bytes of events wait in the spool, the oldest for {waits_s} s. The log was away{why}",
        "do": "Bring the log back: what waits is then given to it by itself. At spool_bytes_max clients are told to wait.",
    }
