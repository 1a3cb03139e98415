"""The notifier's Prometheus metrics. No endpoint, account or person is a label."""

from prometheus_client import Counter, Gauge, Histogram

ATTEMPTS = Counter("handraiser_notifier_attempts_total", "Webhook attempts, by how they ended", ["outcome"])
DELIVERIES = Counter("handraiser_notifier_deliveries_total", "Deliveries after an attempt, by their state", ["status"])
OPENED = Counter("handraiser_notifier_opened_total", "Deliveries opened from lead events")
DISABLED = Counter("handraiser_notifier_endpoints_disabled_total", "Endpoints that were disabled, by why", ["reason"])
REPLAYED = Counter("handraiser_notifier_replayed_total", "Deliveries that were made due again")
IN_FLIGHT = Gauge("handraiser_notifier_in_flight", "Attempts under way")
BREAKERS = Gauge("handraiser_notifier_breakers_open", "Endpoints whose breaker is open")
ATTEMPT_SECONDS = Histogram(
    "handraiser_notifier_attempt_seconds", "Length of an attempt", buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
)
FIRST_TRY_SECONDS = Histogram(
    "handraiser_notifier_first_try_seconds",
    "From opening a delivery to the end of its first try",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120),
)
