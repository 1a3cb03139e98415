"""Run with a Segment or RudderStack SDK of Python: HOST KEY WHAT. Prints what the SDK's error callback heard, as JSON."""

import importlib
import importlib.util
import json
import sys
from datetime import UTC, datetime
from typing import Any

host, key, what = sys.argv[1:]
errors: list[str] = []


def client() -> Any:
    for name in ("segment.analytics.client", "rudderstack.analytics.client", "analytics.client"):
        if importlib.util.find_spec(name.partition(".")[0]) is None:
            continue
        return importlib.import_module(name).Client(
            key, host=host, on_error=lambda error, _items: errors.append(repr(error)), upload_interval=0.05
        )
    raise SystemExit("no SDK here")


sdk = client()
at = datetime(2026, 1, 31, 14, 5, tzinfo=UTC)
if what == "all":
    sdk.identify("ada", {"email": "ada@bolt.example"})
    sdk.group("ada", "bolt", {"plan": "free"})
    sdk.track("ada", "Campaign Sent", {"recipients": 120}, timestamp=at, context={"groupId": "bolt"})
    sdk.page("ada", "Docs", "Pricing", {"url": "/pricing"})
    sdk.screen("ada", "App", "Home", {})
    sdk.alias("anon-1", "ada")
else:
    sdk.track("ada", "Campaign Sent", {"recipients": 120})
sdk.flush()
sdk.join()
print(json.dumps({"errors": errors}))
