"""The bytes of every record kind, fixed by golden values; frames and their bound; what is read from a frame that is damaged."""

from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codec import (
    FRAME_BYTES_MAX,
    Alone,
    UndecodableError,
    decode,
    decode_columns,
    decode_lines,
    encode,
    encode_event,
    encode_events,
    encode_frames,
    kind_of,
)
from contracts.columns import columns_of
from contracts.messages import (
    EMPTY_OBJECT,
    Backfilled,
    Command,
    DeadLetter,
    ImportEnd,
    LeadEvent,
    Place,
    RecordKind,
    RulebookSwitch,
    Tick,
    UsageEvent,
)

EVENT = UsageEvent(project="acme", id="m1", type="track", timestamp=1767225600123, received_at=1767225600456)
FULL_EVENT = UsageEvent(
    project="acme",
    id="m2",
    type="identify",
    timestamp=1,
    received_at=2,
    name="Příliš 🐎",
    account='glo"bex',
    person="u1",
    anonymous="a1",
    previous="p0",
    original_timestamp=-5,
    sent_at=7,
    future=True,
    attributed=True,
    historical=True,
    trust="browser",
    key_id="ab12cd34",
    properties=msgspec.Raw(b'{"n":1.50,"n":2}'),
    traits=msgspec.Raw(b'{"plan":"free"}'),
    context=msgspec.Raw(b'{"ip":null}'),
)
NAMED = msgspec.structs.replace(EVENT, id="m3", name="Sent")
DEAD = DeadLetter(
    id="dead_1",
    project="acme",
    received_at=3,
    code="bad_json",
    message="no",
    field="$.a",
    route="/v1/batch",
    key_id="k",
    body="{\n",
    truncated=True,
    size=99,
    sha256="ff",
)
LEAD = LeadEvent(
    id="le_1",
    project="acme",
    account="globex",
    type="lead.created",
    timestamp=9,
    rulebook_version=4,
    place=Place(topic="events", partition=3, offset=17, time=9),
    data={"lead": {"owner": None}},
)

GOLDEN_FRAMES: list[tuple[RecordKind, list[UsageEvent | DeadLetter], bytes]] = [
    (
        RecordKind.EVENTS,
        [EVENT, FULL_EVENT],
        b'\x01e{"project":"acme","id":"m1","type":"track","timestamp":1767225600123,"received_at":1767225600456}\n'
        + (
            '{"project":"acme","id":"m2","type":"identify","timestamp":1,"received_at":2,"name":"Příliš 🐎",'
            '"account":"glo\\"bex","person":"u1","anonymous":"a1","previous":"p0","original_timestamp":-5,"sent_at":7,'
            '"future":true,"attributed":true,"historical":true,"trust":"browser","key_id":"ab12cd34","properties":{"n":1.50,"n":2},'
            '"traits":{"plan":"free"},"context":{"ip":null}}'
        ).encode(),
    ),
    (
        RecordKind.COLUMNS,
        [EVENT, FULL_EVENT, EVENT, NAMED],
        (
            '\x01f{"project":["acme"],"id":["m1","m2","m1","m3"],'
            '"names":[["track",null],["identify","Příliš 🐎"],["track","Sent"]],'
            '"timestamp":[1767225600123,1,1767225600123,1767225600123],'
            '"received_at":[1767225600456,2,1767225600456,1767225600456],"name":[0,1,0,2],'
            '"account":[null,"glo\\"bex",null,null],"person":[null,"u1",null,null],"anonymous":[null,"a1",null,null],'
            '"previous":[null,"p0",null,null],"original_timestamp":[null,-5,null,null],"sent_at":[null,7,null,null],'
            '"future":[false,true,false,false],"attributed":[false,true,false,false],"historical":[false,true,false,false],'
            '"trust":["server","browser","server","server"],"key_id":["","ab12cd34","",""],'
            '"properties":[{},{"n":1.50,"n":2},{},{}],"traits":[{},{"plan":"free"},{},{}],"context":[{},{"ip":null},{},{}]}'
        ).encode(),
    ),
    (
        RecordKind.DEAD_LETTERS,
        [DEAD],
        (
            b'\x01d{"id":"dead_1","project":"acme","received_at":3,"code":"bad_json","message":"no","field":"$.a",'
            b'"route":"/v1/batch","key_id":"k","body":"{\\n","truncated":true,"size":99,"sha256":"ff"}'
        ),
    ),
]
GOLDEN_MESSAGES: list[tuple[Alone, bytes]] = [
    (RulebookSwitch(project="acme", version=4), b'\x01r{"project":"acme","version":4}'),
    (Backfilled(project="acme", version=4), b'\x01b{"project":"acme","version":4}'),
    (Tick(at=5), b'\x01t{"at":5}'),
    (ImportEnd(project="acme", import_id="i-1"), b'\x01i{"project":"acme","import_id":"i-1"}'),
    (
        Command(id="c1", project="acme", account="globex", name="won", arguments={"by": "jo"}),
        b'\x01c{"id":"c1","project":"acme","account":"globex","name":"won","arguments":{"by":"jo"}}',
    ),
    (
        LEAD,
        (
            b'\x01l{"id":"le_1","project":"acme","account":"globex","type":"lead.created","timestamp":9,"rulebook_version":4,'
            b'"place":{"topic":"events","partition":3,"offset":17,"time":9},"mode":"live","schema":1,"data":{"lead":{"owner":null}}}'
        ),
    ),
    (
        msgspec.structs.replace(LEAD, notify=False),
        (
            b'\x01l{"id":"le_1","project":"acme","account":"globex","type":"lead.created","timestamp":9,"rulebook_version":4,'
            b'"place":{"topic":"events","partition":3,"offset":17,"time":9},"mode":"live","schema":1,"notify":false,'
            b'"data":{"lead":{"owner":null}}}'
        ),
    ),
]


@pytest.mark.parametrize(("kind", "messages", "golden"), GOLDEN_FRAMES)
def test_frames_have_their_golden_bytes(kind: RecordKind, messages: list[UsageEvent | DeadLetter], golden: bytes) -> None:
    encoded = encode_frames(kind, map(encode_event, messages)) if kind is not RecordKind.COLUMNS else encode_events(messages)  # type: ignore[arg-type]
    assert encoded == [golden]
    assert kind_of(golden) is kind
    assert decode(golden) == messages


@pytest.mark.parametrize(("message", "golden"), GOLDEN_MESSAGES)
def test_messages_have_their_golden_bytes(message: Alone, golden: bytes) -> None:
    assert encode(message) == golden
    assert decode(golden) == message


def test_every_kind_that_is_written_has_golden_bytes() -> None:
    golden = {kind for kind, _, _ in GOLDEN_FRAMES} | {kind_of(value) for _, value in GOLDEN_MESSAGES}
    assert golden == set(RecordKind) - {RecordKind.ERASE}


def test_properties_keep_their_bytes() -> None:
    """1.50 stays 1.50 and a doubled name stays doubled: nobody decodes what they do not need."""
    _, decoded = decode_lines(GOLDEN_FRAMES[0][2])
    assert isinstance(decoded, UsageEvent)
    assert bytes(decoded.properties) == b'{"n":1.50,"n":2}'


def test_fields_of_a_newer_writer_are_ignored() -> None:
    assert decode(b'\x01t{"at":5,"reason":"new"}') == Tick(at=5)


def columns(**said: Any) -> bytes:
    """Those of two events that nothing is wrong with, but for what is said."""
    whole = {
        "id": ["m1", "m2"],
        "project": ["acme"],
        "timestamp": [1],
        "received_at": [2, 3],
        "names": [["track", None]],
        "name": [0],
    }
    return b"\x01f" + msgspec.json.encode(whole | said)


def test_columns_say_once_what_all_events_have() -> None:
    first, second = cast("list[UsageEvent]", decode(columns()))
    assert first == UsageEvent(project="acme", id="m1", type="track", timestamp=1, received_at=2)
    assert second == UsageEvent(project="acme", id="m2", type="track", timestamp=1, received_at=3)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (b"", "schema byte"),
        (b"\x01", "schema"),
        (b'\x02t{"at":5}', r"this version reads schema 1"),
        (b"\x01?{}", "kind byte"),
        (b"\x01\xff{}", "kind byte"),
        (b"\x01x{}", "ERASE are reserved"),
        (b"\x01t{", "truncated"),
        (b'\x01t{"at":"five"}', "at"),
        (b"\x01e\xff", "malformed"),
        (b"\x01f{", "truncated"),
        (columns(id=[]), "0 events"),
        (columns(key_id=["k", "l", "m"]), "columns of 2 events"),
        (columns(name=[0, 1]), "a name that is not there"),
        (columns(name=[-1]), "a name that is not there"),
        (columns(names=[]), "a name that is not there"),
    ],
)
def test_what_is_not_a_record_is_undecodable_and_nothing_else(value: bytes, says: str) -> None:
    with pytest.raises(UndecodableError, match=says):
        decode(value)


def line_of(size: int) -> bytes:
    """A line of a frame, `size` bytes long."""
    event = UsageEvent(project="p", id="", type="track", timestamp=1, received_at=1)
    return encode_event(msgspec.structs.replace(event, id="x" * (size - len(encode_event(event)))))


def test_a_frame_never_passes_its_bound_and_uses_it() -> None:
    lines = [line_of(1024)] * 2000
    frames = encode_frames(RecordKind.EVENTS, lines)
    assert all(len(frame) <= FRAME_BYTES_MAX for frame in frames)
    assert all(len(frame) > FRAME_BYTES_MAX - 1100 for frame in frames[:-1])
    assert b"\n".join(frame[2:] for frame in frames) == b"\n".join(lines)


def test_two_lines_that_just_fit_share_a_frame_and_one_byte_more_splits_them() -> None:
    half = (FRAME_BYTES_MAX - 2) // 2 - 1  # two heads of a byte, and each line with its newline
    assert len(encode_frames(RecordKind.EVENTS, [line_of(half), line_of(half)])) == 1
    assert len(encode_frames(RecordKind.EVENTS, [line_of(half), line_of(half + 1)])) == 2


def test_an_event_larger_than_a_frame_has_one_to_itself() -> None:
    small, big = line_of(200), line_of(FRAME_BYTES_MAX + 5)
    frames = encode_frames(RecordKind.EVENTS, [small, big, small])
    assert [frame[2:] for frame in frames] == [small, big, small]


def test_no_lines_make_no_frame() -> None:
    assert encode_frames(RecordKind.EVENTS, []) == []


def test_columns_that_are_too_long_are_shared_out_evenly() -> None:
    events = [msgspec.structs.replace(EVENT, id=f"{n}" + "x" * 1024) for n in range(2000)]
    frames = encode_events(events)
    assert [event for frame in frames for event in cast("list[UsageEvent]", decode(frame))] == events
    assert all(FRAME_BYTES_MAX / 3 < len(frame) <= FRAME_BYTES_MAX for frame in frames)


def test_an_event_larger_than_a_frame_leaves_its_neighbours_frames_that_fit() -> None:
    big = msgspec.structs.replace(EVENT, id="x" * (FRAME_BYTES_MAX + 5))
    events = [*[EVENT] * 20, big, *[NAMED] * 20]
    frames = encode_events(events)
    assert [event for frame in frames for event in cast("list[UsageEvent]", decode(frame))] == events
    assert sum(len(frame) > FRAME_BYTES_MAX for frame in frames) == 1


def test_of_an_event_in_which_nothing_is_nothing_is_made() -> None:
    """Readers know by its identity that there is nothing to decode."""
    for event in (*columns_of([EVENT, FULL_EVENT]).events(), columns_of([FULL_EVENT, EVENT]).event(1)):
        for raw in (event.properties, event.traits, event.context):
            assert (raw is EMPTY_OBJECT) is (event == EVENT)


EVENTS = st.builds(
    UsageEvent,
    project=st.sampled_from(["p", "q"]),
    id=st.text(max_size=3),
    type=st.sampled_from(["track", "page", "group"]),
    timestamp=st.integers(0, 2),
    received_at=st.integers(0, 2),
    name=st.sampled_from([None, "a", "b"]),
    account=st.sampled_from([None, "a"]),
    original_timestamp=st.none() | st.integers(0, 2),
    historical=st.booleans(),
    properties=st.sampled_from([EMPTY_OBJECT, msgspec.Raw(b"{}"), msgspec.Raw(b'{"a":1}')]),
)


@given(st.lists(EVENTS, min_size=1, max_size=12), st.data())
def test_columns_hold_the_events_they_are_of(events: list[UsageEvent], data: st.DataObject) -> None:
    of = columns_of(events)
    decoded = decode_columns(b"\x01f" + msgspec.json.encode(of))
    assert decoded is not None
    assert of.events() == decoded.events() == events
    assert [decoded.event(place) for place in range(len(events))] == events
    assert list(decoded.keys) == [decoded.key(place) for place in range(len(events))] == [(e.project, e.account) for e in events]
    places = sorted(data.draw(st.sets(st.integers(0, len(events) - 1))))
    part = decoded.only(places)
    assert ([] if part is None else part.events()) == [events[place] for place in places]
    shared = [
        (project, place, event)
        for project, at, each in decoded.of_each_project()
        for place, event in zip(at, each.events(), strict=True)
    ]
    assert sorted(shared, key=lambda each: each[1]) == [(event.project, place, event) for place, event in enumerate(events)]


@given(st.lists(st.text(max_size=20), max_size=20))
def test_any_ids_come_back_in_order(ids: list[str]) -> None:
    events = [msgspec.structs.replace(EVENT, id=each.encode("utf-8", "replace").decode()) for each in ids]
    decoded = [event for frame in encode_frames(RecordKind.EVENTS, map(encode_event, events)) for event in decode_lines(frame)]
    assert decoded == events


def test_properties_written_over_several_lines_do_not_break_the_frame() -> None:
    pretty = msgspec.structs.replace(EVENT, properties=msgspec.Raw(b'{\n  "a": "b\\n",\r\n  "c": 1\n}'))
    (frame,) = encode_frames(RecordKind.EVENTS, [encode_event(pretty), encode_event(EVENT)])
    first, second = decode_lines(frame)
    assert isinstance(first, UsageEvent)
    assert msgspec.json.decode(first.properties) == {"a": "b\n", "c": 1}
    assert second == EVENT
    assert decode(frame) == [first, second]


def test_one_damaged_line_leaves_its_neighbours_readable() -> None:
    good = encode_event(EVENT)
    damaged = [good[:40], b"\xff\xfe", b'{"project":7}', b"null"]
    frame = b"\x01e" + b"\n".join([good, damaged[0], good, *damaged[1:], good])
    with pytest.raises(UndecodableError):
        decode(frame)
    assert decode_lines(frame) == [EVENT, damaged[0], EVENT, *damaged[1:], EVENT]
