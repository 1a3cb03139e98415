"""Run with PostHog's SDK of Python: HOST KEY WHAT. Prints what the SDK's error callback heard, as JSON."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

import posthog

host, key, what = sys.argv[1:]
errors: list[str] = []
mode: dict[str, Any] = {}
if what.endswith("-v1"):
    from posthog.capture_mode import CaptureMode

    mode = {"capture_mode": CaptureMode.V1}
sdk = posthog.Posthog(
    key, host=host, on_error=lambda error, _items: errors.append(repr(error)), flush_interval=0.05, gzip=True, **mode
)
at = datetime(2026, 1, 31, 14, 5, tzinfo=UTC)


def capture(event: str, **more: Any) -> None:
    if hasattr(sdk, "identify"):  # until version 5
        sdk.capture("ada", event, **more)
    else:
        sdk.capture(event, distinct_id="ada", **more)


if what.startswith("all"):
    (sdk.identify if hasattr(sdk, "identify") else sdk.set)(distinct_id="ada", properties={"email": "ada@bolt.example"})
    sdk.group_identify("company", "bolt", {"plan": "free"})
    capture("Campaign Sent", properties={"recipients": 120}, timestamp=at, groups={"company": "bolt"})
    capture("$pageview", properties={"$pathname": "/pricing"})
    sdk.alias("ada", "anon-1")
else:
    capture("Campaign Sent", properties={"recipients": 120})
sdk.flush()
sdk.join()
print(json.dumps({"errors": errors}))
