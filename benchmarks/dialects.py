"""What reading costs by dialect: `python -m benchmarks.dialects [--runs N]`. In process, one core, requests of 100 track events.

The events are those that the SDKs really sent (tests/golden/requests), each a hundred times with ids of its own. Read, normalised
and encoded for the log. The bound, in the same run: msgspec decodes the same body. Prints µs an event, × the bound, × Segment's:
for SDKs of pages × Segment's for pages, which tells of the page, too.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from contracts.messages import DEAD_LETTERS, EVENTS, UNATTRIBUTED
from ingest.core.browser_form import unwrapped
from ingest.core.dialect import Sent
from ingest.core.normalise import Arrival, normalise
from ingest.core.placement import place
from ingest.core.project import AS_MADE
from ingest.core.request import plain_body
from ingest.core.routes import ROUTES, Route
from tests.sdks.kept import FOLDER, body, read

EVENTS_A_REQUEST = 100
REQUESTS = 40
SEGMENT, SEGMENT_PAGE = "Segment (analytics-node 3.1)", "Segment (analytics-next, a page)"
FORMATS = {
    SEGMENT: ("segment-analytics-node-3.1.0", "messageId"),
    SEGMENT_PAGE: ("segment-in-a-page", "messageId"),
    "Rudder (rudder-sdk-node 3)": ("rudderstack-rudder-sdk-node-3.0.9", "messageId"),
    "PostHog (posthog-node 5)": ("posthog-node-5.70.0", "uuid"),
    "PostHog (Python 7, protocol v1)": ("posthog-7.91.1-python-protocol-v1", "uuid"),
    "PostHog (posthog-js, a page)": ("posthog-in-a-page", "uuid"),
    "CloudEvents (JavaScript)": ("cloudevents-10.0.0-javascript", "id"),
}
_PARTITIONS = {EVENTS: 32, UNATTRIBUTED: 32, DEAD_LETTERS: 1}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    bodies = {title: _request(*named) for title, named in FORMATS.items()}
    found: dict[str, list[tuple[float, float]]] = {title: [] for title in bodies}
    for _ in range(runs):  # in turn: a busy moment is everybody's
        for title, (route, sent) in bodies.items():
            found[title].append((_us(partial(_read, route, sent)), _us(partial(msgspec.json.decode, sent.body))))
    of_segment = {title: statistics.median(ours for ours, _ in found[title]) for title in (SEGMENT, SEGMENT_PAGE)}
    for title, pairs in found.items():
        ours, bound = (statistics.median(each) for each in zip(*pairs, strict=True))
        size = len(bodies[title][1].body) // EVENTS_A_REQUEST
        segment = of_segment[SEGMENT_PAGE if title.endswith("a page)") else SEGMENT]
        print(f"{title:34} {size:5} bytes  {ours:6.2f} µs  {ours / bound:5.2f} × bound  {ours / segment:5.2f} × Segment")


def _us(once: Callable[[], object]) -> float:
    """Microseconds an event."""
    once()
    started = time.process_time()
    for _ in range(REQUESTS):
        once()
    return (time.process_time() - started) / REQUESTS / EVENTS_A_REQUEST * 1e6


def _request(name: str, id_: str) -> tuple[Route, Sent]:
    """The SDK's own request, with its track event a hundred times."""
    for request in read(FOLDER / f"{name}.json")["requests"]:
        path, _, _query = request["path"].partition("?")
        route, headers = ROUTES.get(path.rstrip("/")), request["headers"]
        if route is None:
            continue
        plain = unwrapped(plain_body(body(request), headers.get("content-encoding", "")))
        said: Any = json.loads(plain)
        batch = said.get("batch") if isinstance(said, dict) else said
        for event in batch or [said]:
            if event.get("event") in {"Campaign Sent", "Pricing Viewed"} or event.get("type") == "Campaign Sent":
                many = [event | {id_: f"{event[id_][:-4]}{number:04}"} for number in range(EVENTS_A_REQUEST)]
                whole = said | {"batch": many} if isinstance(said, dict) and batch else many
                if route.dialect is ROUTES["/v1/batch"].dialect:
                    route, whole = ROUTES["/v1/batch"], {"batch": many}
                if "specversion" in event:
                    headers = {"content-type": "application/cloudevents-batch+json"}
                return route, Sent("batch", json.dumps(whole, separators=(",", ":")).encode(), headers)
    raise LookupError(name)


def _read(route: Route, sent: Sent) -> object:
    arrival = Arrival("acme", "key", "server", 1_790_000_000_000, lambda: "x", settings=AS_MADE)
    envelope = route.dialect.read(sent)
    done = normalise(envelope.split(), envelope, None, arrival, route.dialect)
    assert len(done.events) == EVENTS_A_REQUEST, done.rejections[:1]
    return place(done.events, (), _PARTITIONS)


if __name__ == "__main__":
    main()
