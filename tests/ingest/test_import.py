"""History over HTTP: who may send it, whose times count, and the record that ends an import."""

from typing import Any

import pytest

from contracts.messages import EVENTS, UNATTRIBUTED, ImportEnd
from eventlog.port import LogError
from tests.ingest.served import NOW, Served

YEARS_AGO = "2019-03-01T00:00:00.000Z"
YEARS_AGO_MS = 1_551_398_400_000
TRACK = {"type": "track", "userId": "ada", "groupId": "bolt", "event": "Sent", "messageId": "m1", "timestamp": YEARS_AGO}
IMPORT = {"x-handraiser-import": "i-1"}


def end(served: Served, key: str, body: Any) -> Any:
    return served.client.post("/v1/import/end", json=body, auth=(key, ""))


@pytest.mark.parametrize(
    ("route", "body", "headers"),
    [
        ("batch", {"batch": [TRACK], "historical_migration": True}, {}),
        ("events", {"events": [TRACK], "historical_migration": True}, {}),
        ("batch", {"batch": [TRACK]}, IMPORT),
        ("events", [TRACK], IMPORT),
        ("track", TRACK, IMPORT),
    ],
)
async def test_a_request_is_history_by_its_body_or_by_its_header(served: Served, route: str, body: Any, headers: Any) -> None:
    for key in (served.key, served.browser_key):
        refused = await served.post(route, body, key=key, **headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "import_not_allowed")
        assert "handraiser keys create --project acme --may-import" in refused.json()["message"]
    assert served.usage_events() == []
    assert (await served.post(route, body, key=served.import_key, **headers)).status_code == 200
    (event,) = served.usage_events()
    assert (event.historical, event.timestamp, event.received_at) == (True, YEARS_AGO_MS, NOW)


@pytest.mark.parametrize("word", [False, None, "true", 1])
async def test_only_true_makes_history(served: Served, word: Any) -> None:
    for key in (served.key, served.import_key):
        assert (await served.post("batch", {"batch": [TRACK], "historical_migration": word}, key=key)).status_code == 200
    assert [event.historical for event in served.usage_events()] == [False]


async def test_times_of_history_are_taken_as_said(served: Served) -> None:
    """An exported event was corrected when it was sent first; its `sentAt` says nothing about the clock of today."""
    exported = {**TRACK, "originalTimestamp": "2019-03-01T05:00:00Z", "sentAt": "2019-03-01T05:00:01Z"}
    body = {"batch": [exported], "sentAt": "2019-03-01T05:00:01Z", "historical_migration": True}
    await served.post("batch", body, key=served.import_key)
    (event,) = served.usage_events()
    assert (event.timestamp, event.original_timestamp) == (YEARS_AGO_MS, YEARS_AGO_MS)


async def test_history_from_the_future_still_becomes_now(served: Served) -> None:
    await served.post("batch", {"batch": [{**TRACK, "timestamp": "2100-01-01T00:00:00Z"}]}, key=served.import_key, **IMPORT)
    (event,) = served.usage_events()
    assert (event.timestamp, event.future, event.historical) == (NOW, True, True)


async def test_the_end_of_an_import_lies_after_its_events_in_every_partition(served: Served) -> None:
    people = [{**TRACK, "userId": f"u{n}", "groupId": None, "messageId": f"m{n}"} for n in range(40)]
    accounts = [{**TRACK, "groupId": f"a{n}", "messageId": f"n{n}"} for n in range(40)]
    await served.post("batch", {"batch": people + accounts}, key=served.import_key, **IMPORT)
    answer = await end(served, served.import_key, {"import_id": "i-1"})
    assert (answer.status_code, answer.json()) == (200, {"import_id": "i-1"})
    mark = ImportEnd(project="acme", import_id="i-1")
    for topic in (EVENTS, UNATTRIBUTED):
        messages = served.read(topic)
        assert (len(messages), messages.count(mark)) == (44, 4)
    assert {(entry.topic, entry.partition) for entry in served.producer.appends[-1]} == {
        (topic, partition) for topic in (EVENTS, UNATTRIBUTED) for partition in range(4)
    }


async def test_only_a_key_that_may_import_ends_one(served: Served) -> None:
    refused = await end(served, served.key, {"import_id": "i-1"})
    assert (refused.status_code, refused.json()["code"]) == (403, "import_not_allowed")
    assert (await end(served, "wk_none", {"import_id": "i-1"})).json()["code"] == "unknown_key"
    assert (await served.client.post("/v1/import/end", json={"import_id": "i-1"})).json()["code"] == "missing_key"
    assert served.producer.appends == []


@pytest.mark.parametrize("body", [{}, {"import_id": ""}, {"import_id": 7}, {"import_id": "a b"}, {"import_id": "x" * 101}, []])
async def test_an_end_must_name_its_import(served: Served, body: Any) -> None:
    assert (await end(served, served.import_key, body)).status_code == 422
    assert served.producer.appends == []


async def test_an_end_that_the_log_does_not_take_is_to_be_sent_again(served: Served) -> None:
    served.producer.error = LogError("no")
    answer = await end(served, served.import_key, {"import_id": "i-1"})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "log_busy", "2")
    served.producer.error = None
    assert (await end(served, served.import_key, {"import_id": "i-1"})).status_code == 200
    await served.batcher.close()
    assert (await end(served, served.import_key, {"import_id": "i-1"})).status_code == 503
