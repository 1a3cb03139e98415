"""One event in, one usage event or rejection out: times, ids, traits, contexts. Golden where bytes matter."""

import json
import time
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codec import encode_event
from contracts.messages import Trust, UsageEvent
from ingest.core.native import read_events
from ingest.core.normalise import Arrival, Normalised, normalise
from ingest.core.rejection import RequestError
from ingest.core.repair import needs_repair, repair
from ingest.core.times import event_time, parse_time
from ingest.core.traits import browser_traits

RECEIVED = 1_790_000_000_000
RECEIVED_ISO = "2026-09-21T14:13:20.000Z"
MINUTE = 60_000
GOLDEN = Path(__file__).parents[1] / "golden" / "ingest_events.json"


def judge(*events: Any, trust: Trust = "server", **shared: Any) -> Normalised:
    envelope = read_events(json.dumps({"events": events, **shared}).encode())
    ids = count()
    return normalise(envelope.split(), envelope, None, Arrival("acme", "k1", trust, RECEIVED, lambda: f"random-{next(ids)}"))


def accepted(event: dict[str, Any], trust: Trust = "server", **shared: Any) -> UsageEvent:
    done = judge({"type": "track", "event": "E", "userId": "ada", **event}, trust=trust, **shared)
    assert done.rejections == []
    return done.events[0]


def test_golden_events_have_golden_bytes() -> None:
    for case in json.loads(GOLDEN.read_text()):
        done = judge(case["event"], trust=case["trust"], **case.get("shared", {}))
        assert [json.loads(encode_event(event)) for event in done.events] == [case["usage_event"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RECEIVED_ISO, RECEIVED),
        ("2026-09-21T14:13:20Z", RECEIVED),
        ("2026-09-21T16:13:20.000+02:00", RECEIVED),
        ("2026-09-21 14:13:20", RECEIVED),
        ("2026-09-21T14:13:20.000999999Z", RECEIVED),
        ("20260921T141320Z", RECEIVED),
        ("1970-01-01", 0),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
    ],
)
def test_times_are_iso_8601_and_utc_without_a_zone(text: str, expected: int) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1790000000",
        "2026-13-01",
        "2015-2-02T00:30:08.276Z",
        "0001-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999Z",
        "9999-12-31T23:59:59-00:01",
    ],
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+|^$"):
        parse_time(text)


@pytest.mark.parametrize(
    ("original", "sent_at", "expected", "future"),
    [
        (None, None, 0, False),
        (-10 * MINUTE, None, -10 * MINUTE, False),
        (-10 * MINUTE, -MINUTE, -10 * MINUTE, False),  # a minute is the way, not the clock
        (-10 * MINUTE, -MINUTE - 1, -9 * MINUTE + 1, False),  # the clock is behind
        (50 * MINUTE, 60 * MINUTE, -10 * MINUTE, False),  # the clock is ahead
        (-(10**10), 0, -(10**10), False),  # history, sent now, stays old
        (5 * MINUTE, 0, 5 * MINUTE, False),
        (5 * MINUTE + 1, 0, 0, True),
        (5 * MINUTE + 1, None, 0, True),
    ],
)
def test_the_clock_of_the_client_is_corrected(original: int | None, sent_at: int | None, expected: int, future: bool) -> None:
    def at(offset: int | None) -> int | None:
        return None if offset is None else RECEIVED + offset

    assert event_time(at(original), at(sent_at), RECEIVED) == (RECEIVED + expected, future)


def test_1970_stays_and_2100_is_received_now_with_its_own_time_kept() -> None:
    old = accepted({"timestamp": "1970-01-01T00:00:00.000Z"})
    assert (old.timestamp, old.future) == (0, False)
    ahead = accepted({"timestamp": "2100-01-01T00:00:00Z"})
    assert (ahead.timestamp, ahead.future, ahead.original_timestamp) == (RECEIVED, True, 4_102_444_800_000)


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({"timestamp": "2026-09-21T09:00:00Z", "originalTimestamp": RECEIVED_ISO}, "2026-09-21T09:00:00Z"),
        ({"originalTimestamp": "2026-09-21T09:00:00Z"}, "2026-09-21T09:00:00Z"),
        ({"timestamp": "2026-09-21T09:00:00Z", "sentAt": "2026-09-21T15:13:20Z"}, "2026-09-21T08:00:00Z"),
        ({"timestamp": "2026-09-21T09:00:00Z", "sentAt": "2026-09-21T15:13:20Z", "receivedAt": "2026-09-21T14:13:00Z",
          "originalTimestamp": "2026-09-21T10:00:00Z"}, "2026-09-21T09:00:00Z"),
    ],
)  # fmt: skip
def test_the_time_is_what_the_client_said_and_what_others_have_corrected_stays(said: dict[str, str], at: str) -> None:
    """RudderStack's SDK of Node sends both times; whoever passes an event on says `receivedAt`, and has corrected `timestamp`."""
    assert accepted(said).timestamp == parse_time(at)


def test_an_unreadable_sent_at_corrects_nothing() -> None:
    event = accepted({"timestamp": "2026-09-21T10:00:00Z"}, sentAt="soon")
    assert (event.timestamp, event.sent_at) == (parse_time("2026-09-21T10:00:00Z"), None)


@pytest.mark.parametrize("sent_at", [5, None, {}, "0001-01-01T00:00:00Z"])
def test_an_event_whose_own_sent_at_is_no_time_is_taken(sent_at: Any) -> None:
    assert accepted({"timestamp": "2026-09-21T10:00:00Z", "sentAt": sent_at}, sentAt=RECEIVED_ISO).sent_at == RECEIVED


def test_a_sent_at_that_would_put_the_event_before_1970_corrects_nothing() -> None:
    event = accepted({"timestamp": "2026-09-21T10:00:00Z"}, sentAt="9999-12-31T00:00:00Z")
    assert event.timestamp == parse_time("2026-09-21T10:00:00Z")


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u3000", "\0"])
def test_blank_names_count_as_absent(blank: str) -> None:
    event = accepted({"messageId": blank, "groupId": blank, "context": {"groupId": "acme"}})
    assert (event.id, event.account) == ("random-0", "acme")
    nameless = {"type": "track", "event": blank, "userId": "ada"}
    nobody = {"type": "track", "event": "E", "userId": blank, "anonymousId": blank}
    alias = {"type": "alias", "userId": "ada", "previousId": blank}
    codes = [rejection.code for rejection in judge(nameless, nobody, alias).rejections]
    assert codes == ["missing_event", "missing_identity", "missing_previous_id"]


def test_a_message_id_is_kept_and_numbers_become_text() -> None:
    assert accepted({"messageId": "m", "userId": 42, "groupId": 7}).id == "m"
    event = accepted({"messageId": 9, "userId": 42, "groupId": 7})
    assert (event.id, event.person, event.account) == ("9", "42", "7")


def test_without_an_id_a_time_makes_it_and_sending_again_makes_the_same() -> None:
    first = accepted({"timestamp": RECEIVED_ISO, "sentAt": "2026-09-21T14:13:20Z"})
    again = accepted({"sentAt": "2026-09-21T14:13:29Z", "timestamp": RECEIVED_ISO})
    other = accepted({"timestamp": RECEIVED_ISO, "properties": {"n": 1}})
    assert first.id == again.id != other.id
    assert len(first.id) == 32


def test_without_id_and_time_the_id_is_random() -> None:
    assert accepted({}).id == "random-0"


def test_addresses_and_user_agents_are_not_kept() -> None:
    context = {"ip": "1.2.3.4", "userAgent": "M", "user_agent": "M", "userAgentData": {"mobile": True}, "locale": "de"}
    assert json.loads(bytes(accepted({"context": context}).context)) == {"locale": "de"}


@pytest.mark.parametrize(("own", "kept"), [({}, {"plan": "free"}), (None, {"plan": "free"}), ({"plan": "pro"}, {"plan": "pro"})])
def test_traits_of_a_track_are_its_own_else_those_of_its_context(own: Any, kept: Any) -> None:
    event = accepted({"context": {"traits": {"plan": "free"}}, "traits": own})
    assert json.loads(bytes(event.traits)) == kept


def test_a_browser_sets_no_plan_owner_limit_or_opt_out() -> None:
    traits = {
        "email": "a@b.c",
        "plan": "premium",
        "planId": 3,
        "owner_email": "x",
        "contacts_limit": 9,
        "limits.contacts": 9,
        "limits": {"contacts": 1},
        "optedOut": True,
        "opt_out": 1,
        "company": {"name": "Acme", "plan": "premium"},
        "teams": [{"Plan": 1, "name": "x"}],
        "planet": "earth",
    }
    done = judge({"type": "identify", "userId": "ada", "traits": traits}, trust="browser")
    assert json.loads(bytes(done.events[0].traits)) == {
        "email": "a@b.c",
        "company": {"name": "Acme"},
        "teams": [{"name": "x"}],
        "planet": "earth",
    }
    assert done.traits_dropped == 10
    assert json.loads(bytes(judge({"type": "identify", "userId": "a", "traits": traits}).events[0].traits)) == traits


def test_a_browser_sets_no_group_trait_and_its_event_stays() -> None:
    done = judge({"type": "group", "userId": "a", "groupId": "g", "traits": {"name": "x", "employees": 3}}, trust="browser")
    assert (bytes(done.events[0].traits), done.events[0].account, done.traits_dropped) == (b"{}", "g", 2)


def test_guarded_traits_do_not_stay_in_a_browsers_context() -> None:
    event = accepted({"context": {"traits": {"plan": "premium", "name": "A"}, "locale": "de"}}, trust="browser")
    assert json.loads(bytes(event.traits)) == {"name": "A"}
    assert json.loads(bytes(event.context)) == {"locale": "de"}


def test_a_browser_writes_no_history() -> None:
    day_old = {"type": "track", "event": "E", "userId": "a", "timestamp": "2026-09-20T14:13:20.000Z"}
    older = {**day_old, "timestamp": "2026-09-20T14:13:19.999Z"}
    assert [event.timestamp for event in judge(day_old, trust="browser").events] == [RECEIVED - 24 * 60 * MINUTE]
    assert [rejection.code for rejection in judge(older, trust="browser").rejections] == ["history_not_allowed"]
    assert judge(older).rejections == []


def test_a_group_and_an_event_of_an_account_may_name_no_person() -> None:
    done = judge({"type": "group", "groupId": "g"}, {"type": "track", "event": "E", "context": {"groupId": "g"}})
    assert [(event.account, event.person) for event in done.events] == [("g", None), ("g", None)]


def test_null_counts_as_absent() -> None:
    nulls = dict.fromkeys(("groupId", "anonymousId", "messageId", "timestamp", "properties", "traits", "context"))
    event = accepted(nulls)
    assert (event.account, event.anonymous, event.id, bytes(event.properties)) == (None, None, "random-0", b"{}")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec=None)), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_whatever_python_writes_as_json_is_read_after_repair(value: Any) -> None:
    body = json.dumps(value).encode()
    msgspec.json.decode(repair(body))
    if not needs_repair(body):
        try:
            strict = msgspec.json.decode(body)
        except msgspec.DecodeError:
            return  # NaN or a lone surrogate: the strict parser finds it by itself
        assert msgspec.json.decode(repair(body)) == strict == value


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\u0de1289NaIinfty+-. \n', max_size=60).map(str.encode))
def test_repair_never_makes_bytes_that_are_not_utf8(body: bytes) -> None:
    repair(body).decode()


def test_traits_without_guarded_names_are_passed_on_byte_for_byte() -> None:
    raw = msgspec.Raw(b'{"a": 1.50}')
    assert browser_traits(raw)[0] is raw


@pytest.mark.parametrize(
    ("head", "unit"),
    [(b'{"batch":"', b'\\"'), (b"[" * 1500 + b'"', b'\\"'), (b"[", b"-"), (b"", b"N"), (b"", b'"'), (b"[NaN,", b"1,")],
)
def test_a_body_that_is_no_json_is_read_once_and_not_once_per_quote(head: bytes, unit: bytes) -> None:
    started = time.process_time()
    with pytest.raises(RequestError, match="not JSON"):
        read_events(head + unit * 200_000)
    assert time.process_time() - started < 2  # the square of it takes minutes


GOOGLE = {"source": "google", "medium": "cpc", "name": "Spring", "term": "crm", "content": "a"}
UTM = {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "Spring", "utm_term": "crm", "utm_content": "a"}


@pytest.mark.parametrize("type_", ["track", "page", "screen", "identify"])
@pytest.mark.parametrize("trust", ["server", "browser"])
def test_the_campaign_of_a_context_becomes_traits_of_the_person(type_: str, trust: Trust) -> None:
    event = accepted({"type": type_, "context": {"campaign": GOOGLE, "locale": "de"}}, trust)
    assert json.loads(bytes(event.traits)) == UTM
    assert json.loads(bytes(event.context))["campaign"] == GOOGLE


def test_what_an_event_says_of_its_person_itself_wins() -> None:
    event = accepted({"type": "identify", "traits": {"utm_source": "friend", "plan": "x"}, "context": {"campaign": GOOGLE}})
    assert json.loads(bytes(event.traits)) == UTM | {"utm_source": "friend", "plan": "x"}


def test_a_campaign_is_nothing_that_an_account_is() -> None:
    assert json.loads(bytes(accepted({"type": "group", "groupId": "a", "context": {"campaign": GOOGLE}}).traits)) == {}
    assert json.loads(bytes(accepted({"type": "alias", "previousId": "b", "context": {"campaign": GOOGLE}}).traits)) == {}


@pytest.mark.parametrize(
    "campaign", [None, "google", 3, [GOOGLE], {}, {"source": 3}, {"source": ""}, {"source": "x" * 1_023}, {"name": {"a": "b"}}]
)
def test_a_campaign_that_is_none_costs_no_event(campaign: object) -> None:
    assert json.loads(bytes(accepted({"context": {"campaign": campaign}}).traits)) == {}


def test_a_campaign_in_the_context_of_a_batch_counts_for_its_events() -> None:
    assert json.loads(bytes(accepted({}, context={"campaign": GOOGLE}).traits)) == UTM
