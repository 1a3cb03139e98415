"""The JSON test suite and the big list of naughty strings, sent as events: never a 500, and neighbours are fine."""

import json
from pathlib import Path
from typing import Any

import msgspec

from tests.ingest.served import Served

NEIGHBOUR = b'{"type":"track","userId":"ada","event":"Neighbour","messageId":"neighbour"}'
REPAIRED = {
    "n_number_NaN.json",
    "n_number_infinity.json",
    "n_number_minus_infinity.json",
}
"""No JSON, but SDKs send them: they become null (docs/ingest-api.md)."""


def event_with(properties: bytes, name: str) -> bytes:
    return b'{"type":"track","userId":"ada","event":"Case","messageId":"%s","properties":{"case":%s}}' % (
        name.encode(),
        properties,
    )


async def test_the_json_test_suite(served: Served, test_data: Path) -> None:
    cases = sorted((test_data / "jsontestsuite" / "test_parsing").glob("*.json"))
    assert len(cases) > 300
    accepted: dict[str, Any] = {}
    for case in cases:
        text = case.read_bytes()
        response = await served.post("events", b"[%s,%s]" % (event_with(text, case.name), NEIGHBOUR))
        assert response.status_code in (200, 400), case.name
        if case.name.startswith("y_") or case.name in REPAIRED:
            assert response.json() == {"accepted": 2, "rejected": []}, case.name
        elif case.name.startswith("n_"):
            assert response.status_code == 400, case.name
        if response.status_code == 200:
            assert response.json()["accepted"] >= 1, case.name
            accepted[case.name] = text
    read = {event.id: msgspec.json.decode(event.properties) for event in served.usage_events()}
    for name, text in accepted.items():
        if name.startswith("y_"):
            assert read[name]["case"] == as_we_keep(json.loads(text)), name


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
    for case in sorted((test_data / "jsontestsuite" / "test_parsing").glob("*.json")):
        for route in ("batch", "track", "events"):
            response = await served.post(route, case.read_bytes())
            assert response.status_code in (200, 400), (case.name, route)
            if case.name.startswith("n_") and case.name not in REPAIRED:
                assert response.status_code == 400, (case.name, route)


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
