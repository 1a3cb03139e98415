"""CloudEvents in each of their modes, over the real application."""

import json
from typing import Any

import httpx
import pytest

from ingest.core.cloudevents import read_cloudevent
from ingest.core.project import ProjectSettings
from tests.ingest.served import NOW, Served

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/billing",
    "type": "invoice.paid",
    "subject": "bolt",
    "time": "2026-09-21T14:13:20Z",
    "userid": "ada",
    "datacontenttype": "application/json",
    "data": {"amount": 12},
}
STRUCTURED = "application/cloudevents+json; charset=utf-8"


async def post(served: Served, body: Any, kind: str = STRUCTURED, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"authorization": f"Bearer {served.key}", "content-type": kind, **headers}
    return await served.client.post("/api/v1/events", content=content, headers=given)


def binary(**more: str) -> dict[str, str]:
    """The headers of EVENT."""
    return {f"ce-{name}": value for name, value in EVENT.items() if name not in ("data", "datacontenttype")} | more


@pytest.mark.parametrize("mode", ["structured", "batch", "binary", "json alone"])
async def test_each_mode(served: Served, mode: str) -> None:
    match mode:
        case "structured":
            response = await post(served, EVENT)
        case "batch":
            response = await post(served, [EVENT], "application/cloudevents-batch+json")
        case "binary":
            response = await post(served, {"amount": 12}, "application/json", **binary())
        case _:
            response = await post(served, EVENT, "application/json")
    assert (response.status_code, response.content) == (204, b"")
    (event,) = served.usage_events()
    assert (event.type, event.name, event.id, event.account, event.person) == (
        *("track", "invoice.paid", "e1@/billing", "bolt", "ada"),
    )
    assert (event.timestamp, json.loads(bytes(event.properties))) == (NOW, {"amount": 12})


async def test_bad_neighbours_are_listed(served: Served) -> None:
    response = await post(served, [EVENT, {**EVENT, "source": ""}, 5])
    assert response.status_code == 200
    assert response.json() == {
        "accepted": 1,
        "rejected": [
            {"index": 1, "id": "e1", "code": "missing_attribute",
             "message": "A CloudEvent has `source`; this one has none, or an empty one."},
            {"index": 2, "id": None, "code": "not_an_object", "message": "An event is a JSON object."},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "subject", "names"),
    [
        ({}, "account", ("bolt", "ada", None)),
        ({"groupid": "other"}, "account", ("other", "ada", None)),
        ({"userid": None}, "person", (None, "bolt", None)),
        ({}, "person", (None, "ada", None)),
        ({"userid": None, "anonymousid": "x"}, "account", ("bolt", None, "x")),
        ({"subject": 5}, "account", (5, "ada", None)),
    ],
)
def test_whom_it_is_about(said: dict[str, Any], subject: Any, names: Any) -> None:
    wire = read_cloudevent(json.dumps({**EVENT, **said}).encode(), ProjectSettings(cloudevents_subject=subject))
    assert (wire.groupId, wire.userId, wire.anonymousId) == names


@pytest.mark.parametrize(
    ("body", "kind", "properties"),
    [
        (b"", "", {}),
        (b'{"a":1}', "", {"a": 1}),
        (b"[1]", "application/json", {"data": [1]}),
        (b"null", "application/vnd.x+json", {}),
        (b"plain \x00text", "text/plain", {"data": "plain text"}),
        (b"\xff\xfe", "application/octet-stream", {"data_base64": "//4="}),
    ],
)
async def test_data_of_binary_mode_is_kept_whatever_it_is(served: Served, body: bytes, kind: str, properties: Any) -> None:
    assert (await post(served, body, kind, **binary())).status_code == 204
    (event,) = served.usage_events()
    assert json.loads(bytes(event.properties)) == properties


async def test_headers_of_binary_mode_are_in_percent_encoding(served: Served) -> None:
    await post(served, b"{}", "application/json", **binary(**{"ce-subject": "Bäcker%20%E2%82%AC".replace("ä", "%C3%A4")}))
    (event,) = served.usage_events()
    assert event.account == "Bäcker €"


async def test_no_nul_comes_out_of_a_header(served: Served) -> None:
    """PostgreSQL keeps none in a text."""
    await post(served, b"{}", "application/json", **binary(**{"ce-subject": "bo%00lt", "ce-type": "%00Sent"}))
    (event,) = served.usage_events()
    assert (event.account, event.name) == ("bolt", "Sent")


@pytest.mark.parametrize(
    ("said", "code", "field"),
    [
        ({"time": "soon"}, "invalid_timestamp", "$.time"),
        ({"time": 5}, "invalid_timestamp", "$.time"),
        ({"type": 5}, "invalid_field", "$.type"),
        ({"type": " "}, "missing_event", "$.type"),
        ({"userid": []}, "invalid_id", "$.userid"),
        ({"specversion": None}, "missing_attribute", "$.specversion"),
        ({"subject": None, "userid": None}, "missing_identity", "$.userid"),
    ],
)
async def test_what_is_wrong_is_said_in_words_of_cloudevents(served: Served, said: Any, code: str, field: str) -> None:
    assert (await post(served, {**EVENT, **said})).json()["rejected"][0]["code"] == code
    (letter,) = served.dead_letters()
    assert (letter.field, "userId" in letter.message) == (field, False)


async def test_what_cannot_be_read(served: Served) -> None:
    for body, headers in ((b"5", {}), (b"{", {}), (b"{", binary())):
        assert (await post(served, body, "application/json", **headers)).status_code == 400
    assert (await post(served, b'[{"id":"e1"},' + b"1," * 5000 + b"1]")).status_code == 413
