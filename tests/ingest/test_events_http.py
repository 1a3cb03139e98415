"""The event routes over the real application, log and store: good requests, bad ones, and what stays of each."""

import asyncio
import base64
import gzip
import json
import logging
import zlib
from typing import Any

import pytest

from contracts.codec import encode_event
from contracts.messages import EVENTS, UNATTRIBUTED
from eventlog.log_kafka import RECORD_BYTES_MAX
from eventlog.port import LogError
from tests.ingest.served import NOW, Served

MIB = 1024 * 1024
TRACK = {"type": "track", "userId": "ada", "event": "Campaign Sent", "messageId": "m1", "properties": {"n": 1}}


def batch(*events: Any, **shared: Any) -> dict[str, Any]:
    return {"batch": list(events), **shared}


async def test_a_batch_is_in_the_log_when_it_is_answered(served: Served) -> None:
    response = await served.post("batch", batch(TRACK))
    assert response.status_code == 200
    assert response.json() == {"success": True, "accepted": 1, "rejected": 0, "errors": []}
    (event,) = served.usage_events()
    assert (event.id, event.name, event.person, event.project) == ("m1", "Campaign Sent", "ada", "acme")
    assert bytes(event.properties) == b'{"n": 1}'


@pytest.mark.parametrize("encode", [gzip.compress, lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])])
@pytest.mark.parametrize("headers", [{}, {"content-encoding": "gzip"}, {"content-type": "application/x-www-form-urlencoded"}])
async def test_gzip_is_read_with_and_without_saying_so(served: Served, encode: Any, headers: dict[str, str]) -> None:
    response = await served.post("batch", encode(json.dumps(batch(TRACK)).encode()), **headers)
    assert response.json()["accepted"] == 1


@pytest.mark.parametrize("window_bits", [zlib.MAX_WBITS, -zlib.MAX_WBITS])
async def test_deflate_is_read_with_and_without_its_header(served: Served, window_bits: int) -> None:
    compress = zlib.compressobj(wbits=window_bits)
    body = compress.compress(json.dumps(batch(TRACK)).encode()) + compress.flush()
    response = await served.post("batch", body, **{"content-encoding": "deflate"})
    assert response.json()["accepted"] == 1


@pytest.mark.parametrize("route", ["track", "track/"])
async def test_a_route_says_what_its_event_is_with_and_without_a_slash(served: Served, route: str) -> None:
    response = await served.post(route, {"userId": "ada", "event": "Sent"})
    assert response.status_code == 200
    (event,) = served.usage_events()
    assert event.type == "track"


async def test_an_address_with_a_query_is_answered_like_one_without(served: Served) -> None:
    big = json.dumps(batch(TRACK)).encode() + b" " * 3 * MIB  # more than other routes take
    for body in (batch(TRACK), big, b"no json", b'{"batch":5}'):
        with_query, without = await served.post("batch?retry=1", body), await served.post("batch", body)
        assert (with_query.status_code, with_query.json()) == (without.status_code, without.json())
        assert with_query.headers == without.headers
    assert (await served.post("batch?retry=%00", batch(TRACK))).status_code == 200


async def test_each_type_goes_to_its_topics(served: Served) -> None:
    await served.post(
        "batch",
        batch(
            {"type": "track", "messageId": "t1", "userId": "ada", "event": "E", "groupId": "bolt"},
            {"type": "track", "messageId": "t2", "userId": "ada", "event": "E"},
            {"type": "page", "messageId": "p", "anonymousId": "x", "context": {"groupId": "bolt"}},
            {"type": "identify", "messageId": "i1", "userId": "ada"},
            {"type": "identify", "messageId": "i2", "userId": "ada", "context": {"groupId": "bolt"}},
            {"type": "group", "messageId": "g1", "userId": "ada", "groupId": "bolt"},
            {"type": "group", "messageId": "g2", "groupId": "bolt"},
            {"type": "alias", "messageId": "a", "userId": "ada", "previousId": "x"},
        ),
    )
    assert {event.id for event in served.read(EVENTS)} == {"t1", "p", "i2", "g1", "g2"}
    assert {event.id for event in served.read(UNATTRIBUTED)} == {"t2", "i1", "i2", "g1", "a"}


async def test_events_of_one_person_keep_their_order(served: Served) -> None:
    await served.post("batch", batch(*({**TRACK, "messageId": str(n)} for n in range(50))))
    assert [event.id for event in served.read(UNATTRIBUTED)] == [str(n) for n in range(50)]


async def test_a_bad_event_does_not_fail_its_neighbours(served: Served) -> None:
    events: list[Any] = [{**TRACK, "messageId": f"m{n}"} for n in range(100)]
    events[41] = {"type": "track", "messageId": "m41", "userId": "ada"}
    response = await served.post("batch", batch(*events))
    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "accepted": 99,
        "rejected": 1,
        "errors": [
            {"index": 41, "id": "m41", "code": "missing_event", "message": "A track needs `event`: the name of what happened."}
        ],
    }
    assert len(served.usage_events()) == 99
    (letter,) = served.dead_letters()
    assert (letter.code, letter.field, letter.route, letter.project) == ("missing_event", "$.event", "/v1/batch", "acme")
    assert json.loads(letter.body) == events[41]
    assert len(served.producer.appends) == 1  # the dead letter went with its neighbours, in the same append


async def test_only_the_first_ten_errors_are_shown_to_segment_and_all_to_native(served: Served) -> None:
    bad = [{"type": "track", "userId": "ada"}] * 12
    assert len((await served.post("batch", batch(*bad))).json()["errors"]) == 10
    answer = (await served.post("events", bad)).json()
    assert answer["accepted"] == 0
    assert [problem["index"] for problem in answer["rejected"]] == list(range(12))


@pytest.mark.parametrize("body", [[TRACK], {"events": [TRACK]}, TRACK])
async def test_native_takes_an_array_an_object_with_events_or_one_event(served: Served, body: Any) -> None:
    response = await served.post("events", body)
    assert (response.status_code, response.json()) == (200, {"accepted": 1, "rejected": []})
    assert [event.id for event in served.usage_events()] == ["m1"]


@pytest.mark.parametrize("route", ["batch", "track", "events"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"hello", "not_json"),
        (b'{"batch":[{"type":"track"}', "not_json"),
        (b"[" * 100_000, "not_json"),
        (b'{"a":' * 100_000, "not_json"),
        (b'{"a":"' + b"x\ny" + b'"}', "not_json"),
        (b"\x1f\x8bnot gzip", "bad_compression"),
        (gzip.compress(b'{"batch":[]}', mtime=0)[:-4], "bad_compression"),
        (gzip.compress(b"", mtime=0) * 65, "bad_compression"),
        (b"3", "not_a_batch"),
        (b'"x"', "not_a_batch"),
    ],
)
async def test_what_cannot_be_read_gets_a_400_with_its_reason(served: Served, route: str, body: bytes, code: str) -> None:
    response = await served.post(route, body)
    answer = response.json()
    assert (response.status_code, answer["code"]) == (400, code)
    assert all(answer[name] for name in ("message", "detail", "error"))
    assert served.dead_letters() == []


async def test_a_gzip_header_on_plain_json_is_bad_compression(served: Served) -> None:
    response = await served.post("batch", batch(TRACK), **{"content-encoding": "gzip"})
    assert (response.status_code, response.json()["code"]) == (400, "bad_compression")


async def test_an_unknown_compression_is_named(served: Served) -> None:
    response = await served.post("batch", b"x", **{"content-encoding": "br"})
    assert (response.status_code, response.json()["code"]) == (400, "unsupported_encoding")


@pytest.mark.parametrize(("route", "status"), [("batch", 400), ("events", 413)])
async def test_too_big_is_400_to_segment_and_413_to_native(served: Served, route: str, status: int) -> None:
    bomb = gzip.compress(b"[" + b" " * (10 * MIB) + b"]")
    for body in (b"[" + b" " * (10 * MIB - 1) + b"]", bomb):
        response = await served.post(route, body)
        assert (response.status_code, response.json()["code"]) == (status, "request_too_big")
    response = await served.post(route, {"batch" if route == "batch" else "events": [1] * 5_001})
    assert (response.status_code, response.json()["code"]) == (status, "too_many_events")


async def test_a_stream_without_a_length_is_stopped_at_the_bound(served: Served) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while True:
            sent += MIB
            yield b" " * MIB

    response = await served.client.post("/v1/events", content=endless(), auth=(served.key, ""))
    assert response.status_code == 413
    assert sent <= 12 * MIB


async def test_exactly_ten_mebibytes_and_five_thousand_events_are_taken(served: Served) -> None:
    body = json.dumps([{"type": "track", "userId": "a", "event": "e"}] * 5_000).encode()
    response = await served.post("events", body + b" " * (10 * MIB - len(body)))
    assert response.json() == {"accepted": 5_000, "rejected": []}


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        (3, "not_an_object", "$"),
        (None, "not_an_object", "$"),
        ([], "not_an_object", "$"),
        ({"userId": "a"}, "missing_type", "$.type"),
        ({"userId": "a", "type": "merge"}, "unknown_type", "$.type"),
        ({"type": "track", "userId": "a"}, "missing_event", "$.event"),
        ({"type": "track", "event": "e"}, "missing_identity", "$.userId"),
        ({"type": "track", "event": "e", "userId": ""}, "missing_identity", "$.userId"),
        ({"type": "identify", "groupId": "g"}, "missing_identity", "$.userId"),
        ({"type": "group", "userId": "a"}, "missing_group", "$.groupId"),
        ({"type": "alias", "userId": "a"}, "missing_previous_id", "$.previousId"),
        ({**TRACK, "userId": ["a"]}, "invalid_id", "$.userId"),
        ({**TRACK, "userId": True}, "invalid_id", "$.userId"),
        ({**TRACK, "context": {"groupId": {}}}, "invalid_id", "$.context.groupId"),
        ({**TRACK, "event": 7}, "invalid_field", "$.event"),
        ({**TRACK, "properties": [1]}, "invalid_field", "$.properties"),
        ({**TRACK, "context": "x"}, "invalid_field", "$.context"),
        ({**TRACK, "timestamp": "yesterday"}, "invalid_timestamp", "$.timestamp"),
        ({**TRACK, "timestamp": 1700000000}, "invalid_timestamp", "$.timestamp"),
        ({**TRACK, "userId": "ü" * 513}, "too_long", "$.userId"),
        ({**TRACK, "event": "e" * 1_025}, "too_long", "$.event"),
        ({**TRACK, "messageId": "e" * 1_025}, "too_long", "$.messageId"),
        ({**TRACK, "properties": {"x": "x" * 256 * 1024}}, "event_too_big", None),
    ],
)
async def test_an_event_that_cannot_be_used_becomes_a_dead_letter(
    served: Served, event: Any, code: str, field: str | None
) -> None:
    response = await served.post("batch", batch({**TRACK, "messageId": "before"}, event, {**TRACK, "messageId": "after"}))
    assert response.json()["accepted"] == 2
    (letter,) = served.dead_letters()
    assert (letter.code, letter.field) == (code, field)
    assert json.loads(letter.body) == event
    assert letter.message == response.json()["errors"][0]["message"]


@pytest.mark.parametrize("levels", [65, 500, 5_000])
async def test_beyond_64_levels_an_event_is_rejected_and_its_neighbours_are_not(served: Served, levels: int) -> None:
    deep = '{"type":"track","userId":"a","event":"e","messageId":"deep","properties":%s}'
    inner = levels - 1  # the event itself is the first level
    nested = deep % ('{"[":' * inner + "1" + "}" * inner)
    fits = deep % ('{"{":' * 63 + "1" + "}" * 63)
    response = await served.post("events", f"[{nested},{fits},{json.dumps(TRACK)}]".encode())
    answer = response.json()
    assert answer["accepted"] == 2
    assert [(problem["index"], problem["id"], problem["code"]) for problem in answer["rejected"]] == [(0, "deep", "too_deep")]


async def test_nearly_json_is_repaired(served: Served) -> None:
    properties = (
        rb'{"nan":NaN,"inf":[Infinity,-Infinity],"far":1e400,"lone":"a\ud800b\udc00","pair":"\ud83d\ude00","nul":"a\u0000b",'
        rb'"kept":"\\u0000 NaN",'
        rb'"big":18446744073709551616,"fits":18446744073709551615,"low":-9223372036854775809,"least":-9223372036854775808}'
    )
    response = await served.post("events", b'[{"type":"track","userId":"a","event":"e","properties":' + properties + b"}]")
    assert response.json() == {"accepted": 1, "rejected": []}
    (event,) = served.usage_events()
    assert json.loads(bytes(event.properties)) == {
        "nan": None,
        "inf": [None, None],
        "far": None,
        "lone": "a\ufffdb\ufffd",
        "pair": "\U0001f600",
        "nul": "ab",
        "kept": "\\u0000 NaN",
        "big": "18446744073709551616",
        "fits": 18446744073709551615,
        "low": "-9223372036854775809",
        "least": -9223372036854775808,
    }


async def test_bytes_that_are_not_utf8_are_replaced(served: Served) -> None:
    response = await served.post("track", b'{"userId":"a\xff","event":"\xed\xa0\x80","messageId":"\xc3\xbc"}')
    assert response.json()["accepted"] == 1
    (event,) = served.usage_events()
    assert (event.person, event.id) == ("a\ufffd", "ü")
    assert set(event.name or "") == {"\ufffd"}


async def test_json_over_several_lines_stays_one_line_in_its_frame(served: Served) -> None:
    pretty = json.dumps(batch(TRACK, {**TRACK, "messageId": "m2"}), indent=2).encode()
    assert (await served.post("batch", pretty)).json()["accepted"] == 2
    assert {event.id for event in served.usage_events()} == {"m1", "m2"}


async def test_the_body_of_a_huge_rejected_event_is_kept_by_head_hash_and_size(served: Served) -> None:
    event = json.dumps({**TRACK, "properties": {"x": "x" * MIB}}).encode()
    await served.post("track", event)
    (letter,) = served.dead_letters()
    assert (letter.truncated, letter.size, len(letter.body)) == (True, len(event), 768 * 1024)
    assert len(letter.sha256 or "") == 64


@pytest.mark.parametrize(
    ("route", "event"),
    [
        ("/v1/track", {**TRACK, "event": "Sent"}),
        ("/capture", {"event": "Sent", "distinct_id": "ada", "uuid": "u1"}),
        ("/api/v1/events", {"specversion": "1.0", "id": "1", "source": "/s", "type": "Sent", "subject": "bolt"}),
    ],
)
async def test_a_project_may_allow_itself_larger_events(served: Served, route: str, event: dict[str, Any]) -> None:
    """The text is twice as long once more in JSON, as in a dead letter."""
    field = "data" if "specversion" in event else "properties"
    large = {**event, field: {"x": '"' * 380_000}}
    headers = {"authorization": f"Bearer {served.key}", "content-type": "application/cloudevents+json"}
    assert (await served.client.post(route, json=large, headers=headers)).status_code in {200, 413}
    assert served.usage_events() == []

    served.store.set_project("acme", {"event_bytes_max": 768 * 1024})
    served.keys.refresh()
    await served.client.post(route, json=large, headers=headers)
    await served.client.post(route, json={**large, "type" if "specversion" in event else "event": ""}, headers=headers)

    (kept,) = served.usage_events()
    assert json.loads(bytes(kept.properties))["x"] == '"' * 380_000
    letters = served.dead_letters()
    assert [letter.code for letter in letters[:1]] == ["event_too_big"]
    assert not any(letter.truncated for letter in letters)
    assert max(len(encode_event(letter)) for letter in letters) < RECORD_BYTES_MAX


async def test_the_key_can_come_in_five_ways(served: Served) -> None:
    basic = "Basic " + base64.b64encode(f"{served.key}:".encode()).decode()
    ways: list[tuple[dict[str, str], dict[str, Any]]] = [
        ({"authorization": basic}, {}),
        ({"authorization": f"Bearer {served.key}"}, {}),
        ({"x-write-key": served.key}, {}),
        ({}, {"writeKey": served.key}),
        ({"authorization": basic, "x-write-key": served.key}, {"writeKey": served.key}),
        ({"authorization": "Bearer of something else"}, {"writeKey": served.key}),
    ]
    for headers, shared in ways:
        response = await served.client.post("/v1/batch", json=batch(TRACK, **shared), headers=headers)
        assert response.status_code == 200, headers.keys()


async def test_without_a_good_key_the_answer_is_401_and_says_why(served: Served) -> None:
    served.store.revoke_write_key(served.other_key.split("_")[1], NOW)
    served.keys.refresh()
    wrong = served.key[:-1] + ("a" if served.key[-1] != "a" else "b")
    cases = [({}, "missing_key"), ({"x-write-key": wrong}, "unknown_key"), ({"x-write-key": "x"}, "unknown_key")]
    cases += [({"authorization": "Basic ???"}, "missing_key"), ({"x-write-key": served.other_key}, "revoked_key")]
    cases += [({"x-write-key": served.key, "authorization": f"Bearer {served.browser_key}"}, "different_keys")]
    cases += [({"x-write-key": served.api_key.text}, "unknown_key")]
    for headers, code in cases:
        response = await served.client.post("/v1/batch", json=batch(TRACK), headers=headers)
        assert (response.status_code, response.json()["code"]) == (401, code)
    assert served.usage_events() == []


async def test_two_valid_keys_in_header_and_body_are_refused(served: Served) -> None:
    response = await served.post("track", {**TRACK, "writeKey": served.other_key})
    assert (response.status_code, response.json()["code"]) == (401, "different_keys")


async def test_no_key_and_no_body_ever_stands_in_a_log_line_or_a_dead_letter(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = {"writeKey": served.key, "userId": "ada", "properties": {"secret": "s3cr3t", "key": served.key}}
    await served.client.post("/v1/track", json=body)
    served.producer.error = LogError("disk full")
    await served.client.post("/v1/track", json={**body, "event": "e"})
    lines = [record.__dict__ for record in caplog.records if record.name == "ingest"]
    assert len(lines) == 3
    written = repr(lines) + "".join(letter.body for letter in served.dead_letters())
    assert served.key not in written
    assert served.key.split("_")[2] not in written
    assert "ada" not in repr(lines)
    assert "s3cr3t" in served.dead_letters()[0].body


async def test_there_is_one_log_line_per_request(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await served.post("batch", batch(TRACK, {}))
    (line,) = [record.__dict__ for record in caplog.records if record.name == "ingest"]
    told = {name: line[name] for name in ("route", "accepted", "rejected", "outcome", "project")}
    assert told == {"route": "/v1/batch", "accepted": 1, "rejected": 1, "outcome": "ok", "project": "acme"}
    assert line["bytes"] > 0
    assert line["duration_ms"] >= 0
    assert line["key_id"] == served.key.split("_")[1]


@pytest.mark.parametrize(("route", "status"), [("batch", 429), ("events", 503)])
async def test_when_the_log_fails_the_client_is_told_to_come_again(served: Served, route: str, status: int) -> None:
    served.producer.error = LogError("disk full")
    response = await served.post(route, batch(TRACK) if route == "batch" else [TRACK])
    assert (response.status_code, response.json()["code"]) == (status, "log_busy")
    assert response.headers["retry-after"] == "2"
    served.producer.error = None
    assert (await served.post(route, batch(TRACK) if route == "batch" else [TRACK])).status_code == 200


async def test_requests_that_arrive_together_share_appends(served: Served) -> None:
    responses = await asyncio.gather(*(served.post("batch", batch({**TRACK, "messageId": str(n)})) for n in range(30)))
    assert {response.status_code for response in responses} == {200}
    assert {event.id for event in served.usage_events()} == {str(n) for n in range(30)}
    assert len(served.producer.appends) < 30


async def test_a_batch_context_is_merged_into_each_event(served: Served) -> None:
    shared = {"groupId": "bolt", "library": {"name": "x"}, "ip": "1.2.3.4"}
    mine = {**TRACK, "messageId": "m2", "context": {"groupId": "acme", "userAgent": "Mozilla"}}
    await served.post("batch", batch(TRACK, mine, context=shared))
    by_id = {event.id: event for event in served.usage_events()}
    assert (by_id["m1"].account, by_id["m2"].account) == ("bolt", "acme")
    assert json.loads(bytes(by_id["m1"].context)) == {"groupId": "bolt", "library": {"name": "x"}}
    assert json.loads(bytes(by_id["m2"].context)) == {"groupId": "acme", "library": {"name": "x"}}


async def test_a_shared_context_that_is_too_big_is_refused(served: Served) -> None:
    response = await served.post("batch", batch(TRACK, context={"x": "x" * 9_000}))
    assert (response.status_code, response.json()["code"]) == (400, "context_too_big")


async def test_an_empty_batch_is_fine_and_appends_nothing(served: Served) -> None:
    assert (await served.post("batch", batch())).json() == {"success": True, "accepted": 0, "rejected": 0, "errors": []}
    assert served.producer.appends == []


async def test_duplicate_ids_are_both_written_for_the_detector_judges_them(served: Served) -> None:
    assert (await served.post("batch", batch(TRACK, TRACK))).json()["accepted"] == 2
    assert [event.id for event in served.read(UNATTRIBUTED)] == ["m1", "m1"]


async def test_the_openapi_document_names_the_routes(served: Served) -> None:
    document = served.app.openapi()
    assert {"/v1/batch", "/v1/events", "/v1/keys/{key_id}"} <= document["paths"].keys()
    assert "/v1/batch/" not in document["paths"]
    assert set(document["paths"]["/v1/events"]["post"]["responses"]) == {
        *("200", "400", "401", "403", "408", "413", "429", "503")
    }


async def test_whose_an_anonymous_id_is_is_told_where_its_events_are(served: Served) -> None:
    identify = {"type": "identify", "messageId": "i", "userId": "ada", "anonymousId": "x", "traits": {"email": "a@b.de"}}
    alias = {"type": "alias", "messageId": "a", "userId": "ada", "previousId": "y"}
    nothing = {"type": "identify", "messageId": "n", "userId": "ada", "anonymousId": "ada"}
    await served.post("batch", batch(identify, alias, nothing, {**TRACK, "anonymousId": "x"}))
    links = {(event.id, event.anonymous, event.link) for event in served.read(UNATTRIBUTED) if event.link is not None}
    assert links == {("i", "x", "ada"), ("a", "y", "ada")}
    assert all(bytes(event.traits) == b"{}" for event in served.read(UNATTRIBUTED) if event.link is not None)
