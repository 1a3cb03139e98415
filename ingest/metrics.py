"""Ingest's counters, for Prometheus. No project, account, person or event name is a label."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("handraiser_ingest_requests", "Requests to the event routes.", ["route", "outcome"])
requests_of = cache(REQUESTS.labels)
"""The counter of a route and an outcome. There are a few dozens."""
EVENTS = Counter("handraiser_ingest_events", "Events durably in the log.")
REJECTED = Counter("handraiser_ingest_rejected", "Events kept as dead letters.", ["code"])
BODY_BYTES = Counter("handraiser_ingest_body_bytes", "Bytes of request bodies as sent.")
TRAITS_DROPPED = Counter("handraiser_ingest_traits_dropped", "Traits that a browser key may not set.")
REFUSED = Counter(
    "handraiser_ingest_refused", "Requests told to come again: neither the log nor the spool took theirs, or too much waits."
)
SPOOLED = Counter("handraiser_ingest_spooled_records", "Records that went to the spool, for the log took none.")
SPOOL_BYTES = Gauge("handraiser_ingest_spool_bytes", "Bytes in the spool, waiting for the log.")
WAITING_BYTES = Gauge("handraiser_ingest_waiting_bytes", "Bytes that wait to be durable.")
APPEND_SECONDS = Histogram(
    "handraiser_ingest_append_seconds",
    "One append of everything that waited.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
)
