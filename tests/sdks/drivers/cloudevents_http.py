"""Run with CloudEvents' SDK of Python: HOST KEY WHAT. It makes requests and does not send them: this does, as its docs say."""

import json
import sys
import urllib.request
from datetime import UTC, datetime
from typing import Any

host, key, what = sys.argv[1:]
ATTRIBUTES = {
    "type": "Campaign Sent",
    "source": "/mail",
    "subject": "bolt",
    "userid": "ada",
    "time": datetime(2026, 1, 31, 14, 5, tzinfo=UTC),
}
DATA = {"recipients": 120}


def messages() -> list[tuple[Any, Any]]:
    """(headers, body) of one event in each mode."""
    try:
        from cloudevents.http import CloudEvent, to_binary, to_structured
    except ImportError:
        from cloudevents.core.bindings.http import to_binary_event, to_structured_event
        from cloudevents.core.v1.event import CloudEvent as Event

        events = [
            Event(ATTRIBUTES | {"id": each, "specversion": "1.0", "datacontenttype": "application/json"}, DATA)
            for each in ("structured", "binary")
        ]
        made = [to_structured_event(events[0]), to_binary_event(events[1])]
        return [(message.headers, message.body) for message in made]
    said = ATTRIBUTES | {"time": "2026-01-31T14:05:00Z"}
    return [to_structured(CloudEvent(said | {"id": "structured"}, DATA)), to_binary(CloudEvent(said | {"id": "binary"}, DATA))]


errors = []
for headers, body in messages():
    request = urllib.request.Request(f"{host}/api/v1/events", body, {**headers, "authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request) as answer:
        if answer.status != 204:
            errors.append(answer.read().decode())
print(json.dumps({"errors": errors}))
