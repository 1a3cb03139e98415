"""The JSON test suite and the big list of naughty strings, sent as events: never a 500, and neighbours are fine."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from tests.ingest.served import Served

REPAIRED = {
    "n_number_NaN.json",
    "n_number_infinity.json",
    "n_number_minus_infinity.json",
}
"""No JSON, but SDKs send them: each of their arrays is kept as [null] (docs/ingest-api.md)."""


class Envelope(NamedTuple):
    """One of the JSON bodies that are read: where it goes, one event with an id and a property, and what goes around events."""

    path: str
    event: bytes
    around: bytes

    def body(self, *events: bytes) -> bytes:
        return self.around % b",".join(events)


_SEGMENT = b'{"type":"track","userId":"ada","event":"Case","messageId":"%s","properties":{"case":%s}}'
_POSTHOG = b'{"event":"Case","distinct_id":"ada","uuid":"%s","properties":{"case":%s}}'
_CLOUD = b'{"specversion":"1.0","id":"%s","source":"s","type":"Case","subject":"bolt","data":{"case":%s}}'
ENVELOPES = (
    Envelope("/v1/events", _SEGMENT, b"[%s]"),
    Envelope("/v1/events", _SEGMENT, b'{"events":[%s]}'),
    Envelope("/v1/batch", _SEGMENT, b'{"batch":[%s],"sentAt":"2026-09-21T14:13:20Z"}'),
    Envelope("/batch/", _POSTHOG, b'{"batch":[%s]}'),
    Envelope("/e/", _POSTHOG, b"[%s]"),
    Envelope("/i/v1/analytics/events", _POSTHOG, b'{"created_at":"2026-09-21T14:13:20Z","batch":[%s]}'),
    Envelope("/api/v1/events", _CLOUD, b"[%s]"),
)
ALONE = (
    Envelope("/v1/track", _SEGMENT, b"%s"),
    Envelope("/capture", _POSTHOG, b"%s"),
    Envelope("/api/v1/events", _CLOUD, b"%s"),
)


async def sent(served: Served, path: str, body: bytes) -> httpx.Response:
    return await served.client.post(path, content=body, headers={"authorization": f"Bearer {served.key}"})


@pytest.mark.parametrize("envelope", [*ENVELOPES, *ALONE], ids=lambda each: f"{each.path} {each.around.decode()}")
async def test_the_json_test_suite_as_the_value_of_a_property(served: Served, test_data: Path, envelope: Envelope) -> None:
    cases = sorted((test_data / "jsontestsuite" / "test_parsing").glob("*.json"))
    assert len(cases) > 300
    accepted: dict[str, bytes] = {}
    for case in cases:
        events = [envelope.event % (case.name.encode(), case.read_bytes())]
        if envelope in ENVELOPES:
            events.append(envelope.event % (b"neighbour", b"1"))
        status = (await sent(served, envelope.path, envelope.body(*events))).status_code
        assert status in (200, 204, 400), case.name
        if case.name.startswith("y_") or case.name in REPAIRED:
            assert status != 400, case.name
            accepted[case.name] = case.read_bytes()
        elif case.name.startswith("n_"):
            assert status == 400, case.name
    read = {event.id.partition("@")[0]: msgspec.json.decode(event.properties) for event in served.usage_events()}
    for name, text in accepted.items():
        wanted = [None] if name in REPAIRED else as_we_keep(json.loads(text))
        assert read[name] == {"case": wanted}, name


def as_we_keep(value: Any) -> Any:
    """NUL goes from strings; all else of the `y_` cases stays."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [as_we_keep(item) for item in value]
    if isinstance(value, dict):
        return {as_we_keep(name): as_we_keep(item) for name, item in value.items()}
    return value


async def test_the_json_test_suite_as_whole_bodies_never_fails_us(served: Served, test_data: Path) -> None:
    paths = {envelope.path for envelope in (*ENVELOPES, *ALONE)}
    for case in sorted((test_data / "jsontestsuite" / "test_parsing").glob("*.json")):
        for path in paths:
            status = (await sent(served, path, case.read_bytes())).status_code
            assert status in (200, 204, 400), (case.name, path)
            if case.name.startswith("n_") and case.name not in REPAIRED:
                assert status == 400, (case.name, path)


@pytest.mark.parametrize("path", ["/batch/", "/api/v1/events"])
async def test_naughty_strings_survive_in_other_tongues(served: Served, test_data: Path, path: str) -> None:
    strings: list[str] = json.loads((test_data / "blns" / "blns.json").read_text())
    for number, text in enumerate(strings):
        cloud = {"specversion": "1.0", "id": str(number), "source": "s", "type": f"e{text}", "userid": f"u{text}"}
        posthog = {"event": f"e{text}", "distinct_id": f"u{text}", "uuid": str(number)}
        properties = {text: text}
        event = posthog | {"properties": properties} if path == "/batch/" else cloud | {"data": properties}
        assert (await sent(served, path, json.dumps([event], ensure_ascii=False).encode())).status_code < 300, text
    read = {event.id.partition("@")[0]: event for event in served.usage_events()}
    kept = 0
    for number, text in enumerate(strings):
        if str(number) in read:
            got = read[str(number)]
            assert (got.name, got.person) == (f"e{text}", f"u{text}")
            assert msgspec.json.decode(got.properties) == {text: text}
            kept += 1
    assert kept >= len(strings) - 5


@pytest.mark.parametrize("place", ["x-write-key", "authorization", "ce-subject", "content-encoding", "x-handraiser-import"])
async def test_naughty_strings_in_headers_and_keys_are_answered(served: Served, test_data: Path, place: str) -> None:
    strings: list[str] = json.loads((test_data / "blns" / "blns.json").read_text())
    for text in strings:
        value = text.encode().replace(b"\n", b" ").replace(b"\r", b" ")
        usual = {"x-write-key": served.key, "ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}
        headers = [(name.encode(), said.encode()) for name, said in usual.items() if name != place]
        answer = await served.client.post("/api/v1/events", content=b"{}", headers=[*headers, (place.encode(), value)])
        assert answer.status_code < 500, text


async def test_naughty_strings_survive_as_ids_names_and_properties(served: Served, test_data: Path) -> None:
    strings: list[str] = json.loads((test_data / "blns" / "blns.json").read_text())
    assert len(strings) > 400
    events = [
        {
            "type": "track",
            "messageId": f"m{number}",
            "userId": f"u{text}",
            "groupId": f"g{text}",
            "event": f"e{text}",
            "properties": {"p": text, text: number},
        }
        for number, text in enumerate(strings)
    ]
    answer = (await served.post("events", json.dumps(events, ensure_ascii=False).encode())).json()
    too_long = [number for number, text in enumerate(strings) if len(text.encode()) > 1_023]
    assert [problem["index"] for problem in answer["rejected"]] == too_long
    read = {event.id: event for event in served.usage_events()}
    for number, text in enumerate(strings):
        if number not in too_long:
            event = read[f"m{number}"]
            assert (event.person, event.account, event.name) == (f"u{text}", f"g{text}", f"e{text}")
            assert msgspec.json.decode(event.properties) == {"p": text, text: number}
