"""What PostHog's SDKs send, over the real application: each shape and place of the key, each kind of event, each answer."""

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.messages import UsageEvent
from ingest.core.posthog import read_posthog_event
from ingest.core.project import ProjectSettings
from ingest.core.rejection import EventError
from tests.ingest.served import NOW, Served

UUID = "0192f0e1-0000-7000-8000-000000000001"
EVENT: dict[str, Any] = {
    "event": "Campaign Sent",
    "distinct_id": "ada",
    "uuid": UUID,
    "timestamp": "2026-09-21T14:13:20Z",
    "properties": {"recipients": 120, "$groups": {"company": "bolt"}},
}


async def post(served: Served, path: str, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await served.client.post(path, content=content, headers=headers)


async def sent(served: Served, **event: Any) -> UsageEvent:
    """The usage event that EVENT with these fields becomes."""
    response = await post(served, "/batch/", {"api_key": served.key, "batch": [{**EVENT, **event}]})
    assert (response.status_code, response.json()) == (200, {"status": "Ok"})
    assert served.dead_letters() == []
    (got,) = served.usage_events()
    return got


async def test_a_track(served: Served) -> None:
    event = await sent(served)
    assert (event.type, event.name, event.id, event.person, event.account) == ("track", "Campaign Sent", UUID, "ada", "bolt")
    assert event.timestamp == NOW
    assert json.loads(bytes(event.properties)) == EVENT["properties"]


@pytest.mark.parametrize("path", ["/batch", "/capture/", "/e/", "/i/v0/e/", "/e/?ip=0&ver=1.449.2", "/i/v0/e"])
@pytest.mark.parametrize("shape", ["batch", "array", "one", "token"])
async def test_every_shape_at_every_route(served: Served, path: str, shape: str) -> None:
    properties = {**EVENT["properties"], "token": served.browser_key, "distinct_id": "ada"}
    browser = {name: value for name, value in EVENT.items() if name != "distinct_id"} | {"properties": properties}
    body = {
        "batch": {"api_key": served.browser_key, "batch": [EVENT]},
        "array": [browser],
        "one": browser,
        "token": {**EVENT, "token": served.browser_key},
    }[shape]
    assert (await post(served, path, body)).status_code == 200
    (event,) = served.usage_events()
    assert (event.name, event.person, event.account, event.trust) == ("Campaign Sent", "ada", "bolt", "browser")
    assert "wk_" not in bytes(event.properties).decode()


@pytest.mark.parametrize("encode", ["gzip as text", "base64 in a form", "base64", "zstd", "json in a form"])
async def test_every_wrapping(served: Served, encode: str) -> None:
    plain = json.dumps([{**EVENT, "properties": {"token": served.browser_key, "note": "a+b c"}}]).encode()
    text, form = {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"}
    body, headers = {
        "gzip as text": (gzip.compress(plain), text),
        "base64 in a form": (b"data=" + quote(base64.b64encode(plain), safe="").encode(), form),
        "base64": (base64.b64encode(plain), text),
        "zstd": (zstandard.compress(plain), {"content-encoding": "zstd"}),
        "json in a form": (b"data=" + quote(plain).replace("%20", "+").encode() + b"&ip=1", form),
    }[encode]
    assert (await post(served, "/e/", body, **headers)).json() == {"status": "Ok"}
    (event,) = served.usage_events()
    assert json.loads(bytes(event.properties)) == {"note": "a+b c"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            {"event": "$identify", "$set": {"email": "a@b.de", "plan": "pro"}, "$set_once": {"plan": "free", "from": "ad"}},
            {"type": "identify", "person": "ada", "traits": {"plan": "pro", "from": "ad", "email": "a@b.de"}},
        ),
        (
            {"event": "$identify", "properties": {"$anon_distinct_id": "x1", "$set": {"a": 1}}},
            {"type": "identify", "person": "ada", "anonymous": "x1", "traits": {"a": 1}, "properties": {}},
        ),
        ({"event": "$set", "$set": {"a": 1}}, {"type": "identify", "traits": {"a": 1}}),
        (
            {"event": "$groupidentify", "distinct_id": "$company_bolt",
             "properties": {"$group_type": "company", "$group_key": "bolt", "$group_set": {"plan": "free"}}},
            {"type": "group", "person": None, "account": "bolt", "traits": {"plan": "free"}},
        ),
        (
            {"event": "$groupidentify", "properties": {"$group_type": "company", "$group_key": 7, "$group_set": {}}},
            {"type": "group", "person": "ada", "account": "7", "traits": {}},
        ),
        (
            {"event": "$create_alias", "properties": {"distinct_id": "ada", "alias": "x1"}},
            {"type": "alias", "person": "ada", "previous": "x1"},
        ),
        ({"event": "$pageview", "properties": {"$pathname": "/pricing"}}, {"type": "page", "name": "/pricing", "account": None}),
        ({"event": "$pageview", "properties": {}}, {"type": "page", "name": None}),
        ({"event": "$screen", "properties": {"$screen_name": "Home"}}, {"type": "screen", "name": "Home"}),
        ({"event": "$autocapture"}, {"type": "track", "name": "$autocapture"}),
        ({"properties": {"$set": {"email": "a@b.de"}}}, {"type": "track", "traits": {"email": "a@b.de"}, "properties": {}}),
        ({"properties": {"$is_identified": False}}, {"person": None, "anonymous": "ada"}),
        ({"properties": {"$process_person_profile": False}}, {"person": None, "anonymous": "ada"}),
        ({"options": {"process_person_profile": False}}, {"person": None, "anonymous": "ada"}),
        ({"distinct_id": 5}, {"person": "5"}),
        ({"timestamp": None, "offset": 3000}, {"timestamp": NOW - 3000, "original_timestamp": NOW - 3000}),
        ({"timestamp": None, "offset": -5}, {"timestamp": NOW}),
        ({"timestamp": None}, {"timestamp": NOW, "original_timestamp": None}),
        ({"properties": {"$ip": "1.2.3.4", "$raw_user_agent": "M", "a": 1}}, {"properties": {"a": 1}}),
    ],
)  # fmt: skip
async def test_what_each_event_becomes(served: Served, said: dict[str, Any], expected: dict[str, Any]) -> None:
    event = await sent(served, **said)
    got = {name: getattr(event, name) for name in expected}
    assert {n: json.loads(bytes(v)) if n in ("traits", "properties") else v for n, v in got.items()} == expected


@pytest.mark.parametrize(
    ("groups", "setting", "account"),
    [
        ({"company": "c", "project": "p"}, None, "c"),
        ({"project": "p", "organization": "o"}, None, "o"),
        ({"project": "p"}, None, "p"),
        ({"project": "p", "cohort": "x"}, None, None),
        ({"company": "c", "project": "p"}, "project", "p"),
        ({"company": "c"}, "project", None),
        ({}, None, None),
        (None, None, None),
        ({"company": None}, None, None),
    ],
)
def test_which_group_is_the_account(groups: Any, setting: str | None, account: str | None) -> None:
    body = json.dumps({**EVENT, "properties": {"$groups": groups}}).encode()
    assert read_posthog_event(body, ProjectSettings(posthog_group=setting)).groupId == account


_NAMES = st.sampled_from(("token", "$set", "$raw_user_agent", "a", "to\\ken", '"token":', "", "é")) | st.text(max_size=3)
_VALUES = st.recursive(
    st.none() | st.integers(-5, 5) | st.text(max_size=4) | st.sampled_from(('"token":1,', '\\"$set":{}')),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(_NAMES, inside, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(_NAMES, _VALUES, max_size=6), st.dictionaries(_NAMES, _VALUES, max_size=2), st.booleans(), st.booleans())
def test_of_properties_all_is_kept_but_keys_traits_and_addresses_whatever_stands_beside(
    fields: dict[str, Any], sets: dict[str, Any], spaced: bool, escaped: bool
) -> None:
    fields = fields | ({"$set": sets} if "$set" in fields else {})
    properties = json.dumps(fields, separators=None if spaced else (",", ":"), ensure_ascii=escaped)
    wire = read_posthog_event(b'{"event":"e","distinct_id":"ada","properties":%b}' % properties.encode(), ProjectSettings())
    left = {name: value for name, value in fields.items() if name not in ("token", "$set", "$raw_user_agent")}
    assert json.loads(bytes(wire.properties)) == left


@pytest.mark.parametrize(
    ("properties", "left"),
    [
        (b'{"token":1,"a":2,"token":1}', {"a": 2}),
        (b'{"tok\\u0065n":1,"a":2}', {"a": 2}),
        (b'{"tok\\u0065n":1,"b":{"token":1,"a":2}}', {"b": {"token": 1, "a": 2}}),
        (b'{"token":1 ,"a":2}', {"a": 2}),
        (b'{"a":2,"token":{"token":1}}', {"a": 2}),
        (b'{"b":{"token":1},"token":1,"a":2}', {"b": {"token": 1}, "a": 2}),
        (b'{"a":2,"token":1}', {"a": 2}),
        (b'{"token":1}', {}),
    ],
)
def test_only_the_properties_own_key_is_not_kept_however_it_is_written(properties: bytes, left: dict[str, Any]) -> None:
    wire = read_posthog_event(b'{"event":"e","distinct_id":"ada","properties":%b}' % properties, ProjectSettings())
    assert json.loads(bytes(wire.properties)) == left


def test_a_group_that_is_no_account_is_told_as_it_came() -> None:
    properties = {"$group_type": "project", "$group_key": "p"}
    body = json.dumps({"event": "$groupidentify", "distinct_id": "ada", "properties": properties}).encode()
    wire = read_posthog_event(body, ProjectSettings(posthog_group="company"))
    assert (wire.type, wire.event, wire.groupId) == ("track", "$groupidentify", None)


async def test_a_client_with_a_wrong_clock(served: Served) -> None:
    """Each protocol says in another place when it sent."""
    wrong, wrong_ms = "2026-09-21T15:13:20Z", NOW + 3_600_000
    event = {**EVENT, "timestamp": "2026-09-21T15:13:19Z"}
    bearer = {"authorization": f"Bearer {served.key}"}
    await post(served, "/batch/", {"api_key": served.key, "batch": [event], "sent_at": wrong})
    await post(served, f"/e/?sent_at={wrong_ms}", [{**event, "uuid": "u2"}], **bearer)
    await post(served, f"/e/?_={wrong_ms}", [{**event, "uuid": "u3"}], **bearer)
    await post(served, "/e/", [{**event, "uuid": "u4", "sent_at": wrong}], **bearer)
    v1 = {**bearer, "posthog-request-timestamp": wrong}
    await post(served, "/i/v1/analytics/events", {"batch": [{**event, "uuid": "u5"}]}, **v1)
    times = {event.id: event.timestamp for event in served.usage_events()}
    assert times == dict.fromkeys([UUID, "u2", "u3", "u4", "u5"], NOW - 1000)


async def ids(served: Served, **envelope: Any) -> set[str]:
    """The made ids of the same event without one, sent twice, with fields of its envelope that differ each time."""
    one = {name: value for name, value in EVENT.items() if name != "uuid"}
    for number in range(2):
        varying = {name: value + number if isinstance(value, int) else f"{value}{number}Z" for name, value in envelope.items()}
        response = await post(served, "/e/", {**one, "api_key": served.key, **varying})
        assert response.status_code == 200
    return {event.id for event in served.usage_events()}


async def test_an_event_without_id_has_the_same_one_at_each_try(served: Served) -> None:
    assert len(await ids(served, sent_at="2026-07-01T12:00:0")) == 1


async def test_an_age_that_grows_says_nothing_about_which_event_it_is(served: Served) -> None:
    assert len(await ids(served, offset=10)) == 2


async def test_protocol_v1_answers_each_event(served: Served) -> None:
    bad = {**EVENT, "uuid": "bad", "distinct_id": [1]}
    response = await post(served, "/i/v1/analytics/events", {"batch": [EVENT, bad]}, authorization=f"Bearer {served.key}")
    details = "invalid_id: `distinct_id` must be a string or a whole number."
    assert response.json() == {"results": {UUID: {"result": "ok"}, "bad": {"result": "drop", "details": details}}}
    (letter,) = served.dead_letters()
    assert (letter.code, letter.field, letter.route) == ("invalid_id", "$.distinct_id", "/i/v1/analytics/events")


@pytest.mark.parametrize(
    ("event", "code", "field"),
    [
        ({"event": None}, "missing_event", "$.event"),
        ({"event": 5}, "invalid_field", "$.event"),
        ({"distinct_id": None, "properties": {}}, "missing_identity", "$.distinct_id"),
        ({"timestamp": "yesterday"}, "invalid_timestamp", "$.timestamp"),
        ({"timestamp": 5}, "invalid_timestamp", "$.timestamp"),
        ({"uuid": {}}, "invalid_id", "$.uuid"),
        ({"properties": {"$groups": "bolt"}}, "invalid_field", "$.$groups"),
        ({"properties": {"$groups": {"company": []}}}, "invalid_field", "$.$groups"),
        ({"properties": 5}, "invalid_field", "$.properties"),
        ({"event": "$identify", "$set": 5}, "invalid_field", "$.$set"),
        ({"event": "$groupidentify", "properties": {}}, "missing_group", "$.$groups"),
        ({"event": "$create_alias", "properties": {}}, "missing_previous_id", "$.alias"),
        ({"distinct_id": "x" * 2000}, "too_long", "$.distinct_id"),
        ({"properties": {"$is_identified": "no"}}, "invalid_field", "$.$is_identified"),
        ({"options": 5}, "invalid_field", "$"),
    ],
)
async def test_what_is_wrong_is_said_in_posthogs_words(served: Served, event: dict[str, Any], code: str, field: str) -> None:
    response = await post(served, "/batch/", {"api_key": served.key, "batch": [{**EVENT, **event}, EVENT]})
    assert response.json() == {"status": "Ok"}
    (letter,) = served.dead_letters()
    assert (letter.code, letter.field) == (code, field)
    assert "userId" not in letter.message
    assert [kept.id for kept in served.usage_events()] == [UUID]


@pytest.mark.parametrize("body", [5, "text", [5], None, {}, {"batch": 5, "api_key": "KEY"}, {"batch": {}, "api_key": "KEY"}])
async def test_what_is_no_batch(served: Served, body: Any) -> None:
    text = json.dumps(body).replace("KEY", served.key).encode()
    response = await post(served, "/batch/", text, authorization=f"Bearer {served.key}")
    if body == [5]:
        assert response.status_code == 200
        assert [letter.code for letter in served.dead_letters()] == ["not_an_object"]
    else:
        assert (response.status_code, response.json()["code"]) == (400, "not_a_batch")


async def test_a_batch_that_is_too_big_is_to_be_halved(served: Served) -> None:
    response = await post(served, "/batch/", {"api_key": served.key, "batch": [EVENT] * 5001})
    assert (response.status_code, response.json()["code"]) == (413, "too_many_events")


async def test_no_key(served: Served) -> None:
    for body in ({"batch": [EVENT]}, [EVENT], EVENT, [], {"batch": [], "api_key": "phc_x"}):
        assert (await post(served, "/e/", body)).status_code == 401


async def test_preflights_are_answered_where_posthog_js_sends(served: Served) -> None:
    asked = {"origin": "https://app.example", "access-control-request-method": "POST", "access-control-request-headers": "x-a"}
    response = await served.client.options("/i/v0/e/", headers=asked)
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    assert response.headers["access-control-allow-headers"] == "x-a"
    refused = await served.client.post("/e/", content=b"{", headers={"origin": "https://app.example"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (400, "https://app.example")


def test_the_reader_never_fails_otherwise() -> None:
    for body in (b"5", b"null", b'"x"', b"[]", b"{}", b'{"event":"a","properties":{"$groups":{"company":1.5}}}'):
        with pytest.raises(EventError):
            read_posthog_event(body, ProjectSettings())
