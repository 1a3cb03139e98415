"""The kept fuzzer of every decoder: damaged requests get usage events, rejections or a refusal, soon; nothing else.

Some seconds in `make test`, always the same inputs; an hour of others in `make soak`.
"""

import base64
import gzip
import json
import os
import random
import time
from collections import Counter
from typing import Any
from urllib.parse import quote

import pytest
import zstandard

from contracts.codec import COLUMNS_MIN, decode
from contracts.messages import DEAD_LETTERS, EVENTS, UNATTRIBUTED
from ingest.core.browser_form import unwrapped
from ingest.core.dialect import Sent
from ingest.core.normalise import TYPES, Arrival, normalise
from ingest.core.placement import place, values
from ingest.core.rejection import Origin, RequestError, dead_letter
from ingest.core.request import plain_body
from ingest.core.routes import ROUTES

SOAK = os.environ.get("HANDRAISER_SOAK") == "1"
REQUESTS = 20_000_000 if SOAK else 60_000
SEED = random.SystemRandom().randrange(2**32) if SOAK else 20_261_127
SLOW_S = 1.0
NOW = 1_790_000_000_000
PARTITIONS = {EVENTS: 4, UNATTRIBUTED: 4, DEAD_LETTERS: 2}
SEGMENT = {
    "type": "track", "event": "Sent", "userId": "ada", "anonymousId": "x", "groupId": "bolt", "messageId": "m1",
    "timestamp": "2026-09-21T14:13:20Z", "sentAt": "2026-09-21T14:13:21Z", "properties": {"n": 1.5, "deep": {"a": [1, None]}},
    "traits": {"plan": "free", "é": "\ud83d\ude00"}, "context": {"groupId": 7, "ip": "1.2.3.4", "traits": {"email": "a@b.de"}},
}  # fmt: skip
POSTHOG = {
    "event": "$identify", "distinct_id": "ada", "uuid": "u1", "timestamp": "2026-09-21T14:13:20Z", "offset": 3,
    "$set": {"email": "a@b.de"}, "$set_once": {"plan": "free"}, "options": {"process_person_profile": True},
    "properties": {"$groups": {"company": "bolt"}, "token": "wk_x", "$anon_distinct_id": "x", "$ip": "1.2.3.4", "$set": {"a": 1}},
}  # fmt: skip
CLOUD = {
    "specversion": "1.0", "id": "e1", "source": "/s", "type": "t", "subject": "bolt", "userid": "ada",
    "time": "2026-09-21T14:13:20Z", "data": {"a": 1},
}  # fmt: skip
SEEDS = [
    {"batch": [SEGMENT, SEGMENT], "writeKey": "wk_x", "sentAt": "2026-09-21T14:13:21Z", "context": {"app": 1}},
    [SEGMENT], SEGMENT, {"events": [SEGMENT]}, {"api_key": "k", "batch": [POSTHOG, POSTHOG], "sent_at": "2026-09-21T14:13:21Z"},
    [POSTHOG], POSTHOG, [CLOUD, CLOUD], CLOUD,
]  # fmt: skip
ODD = [
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\\u0000", b"\\ud800", b"\\", b'"', b"\n", b"\x80", b"NaN", b"-Infinity", b"null"),
    *(b"[", b"]", b"{", b"}", b",", b":", b"1e400", b"-1", b"9" * 40, b"true", b"[" * 300, b'{"a":' * 300, b"data=", b"%"),
    *(b'"$groups":{"a":1},', b'"timestamp":5,', b'"userId":[],', b'"event":null,', b'"type":"alias",', b'"batch":{},'),
]


VALUES: list[Any] = [
    *(None, True, False, 0, -1, 7, 1.5, 2**70, 1e308, "", " ", "x", "\0", "\ud800", "x" * 2000, [], {}, [1], {"a": 1}, [[[]]]),
    *("2026-09-21T14:13:20Z", "9999-12-31T23:59:59Z", "0001-01-01", "alias", "group", "$groupidentify", "wk_abcdefgh_x"),
]


def changed(value: Any, dice: random.Random) -> Any:
    """The same with one of its parts replaced, left out or given another name."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        name = dice.choice(list(value))
        rest = {other: each for other, each in value.items() if other != name}
        match dice.randrange(8):
            case 0:
                return rest
            case 1:
                return rest | {dice.choice(("type", "$set", "uuid", "data_base64", "x", "", "previousId")): value[name]}
            case _:
                return value | {name: changed(value[name], dice)}
    if isinstance(value, list) and value and dice.random() < 0.85:
        at = dice.randrange(len(value))
        return [*value[:at], changed(value[at], dice), *value[at + 1 :]]
    return dice.choice(VALUES)


def damaged(dice: random.Random) -> bytes:
    """A good request with some of it changed, in one of the ways in which requests come."""
    said: Any = dice.choice(SEEDS)
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        said = changed(said, dice)
    body = json.dumps(said, ensure_ascii=dice.random() < 0.5).encode(errors="surrogatepass")
    for _ in range(dice.choice((0, 0, 0, 1, 2, 8))):
        at = dice.randrange(len(body) + 1)
        match dice.randrange(4):
            case 0:
                body = body[:at] + dice.choice(ODD) + body[at:]
            case 1:
                body = body[:at] + body[at + dice.randrange(1, 30) :]
            case 2:
                start = dice.randrange(len(body) + 1)
                body = body[:at] + body[start : start + dice.randrange(60)] + body[at:]
            case _:
                body = body[:at] + bytes([dice.randrange(256)]) + body[at + 1 :]
    return body


def wrapped(body: bytes, dice: random.Random) -> tuple[bytes, str]:
    """The body as sent, maybe cut, and its Content-Encoding."""
    how = dice.randrange(8)
    sent, encoding = body, ""
    if how == 0:
        sent, encoding = gzip.compress(body, 1), dice.choice(("", "gzip", "deflate", "zstd"))
    elif how == 1:
        sent, encoding = zstandard.compress(body), "zstd"
    elif how == 2:
        sent = b"data=" + quote(base64.b64encode(body)).encode()
    elif how == 3:
        sent = base64.b64encode(body)
    if how < 4 and dice.random() < 0.3:
        at = dice.randrange(len(sent) + 1)
        sent = sent[:at] + dice.choice(ODD) + sent[at + 1 :]
    return sent, encoding


def outcome(sent: bytes, encoding: str, path: str, headers: dict[str, str], query: dict[str, str]) -> str:
    """What ingest makes of it, without the network and the log."""
    route = ROUTES[path]
    try:
        body = unwrapped(plain_body(sent, encoding))
        envelope = route.dialect.read(Sent(route.kind, body, headers, query))
        bodies = envelope.split()
    except RequestError as refused:
        return refused.code
    kind = route.kind if route.kind in TYPES else None
    arrival = Arrival("acme", "k", "browser" if len(sent) % 2 else "server", NOW, lambda: "random", envelope.historical)
    done = normalise(bodies, envelope, kind, arrival, route.dialect)  # type: ignore[arg-type]
    letters = [dead_letter(each, Origin("acme", path, "k", NOW), "1") for each in done.rejections]
    placed = place(done.events, letters, PARTITIONS)
    messages = sum(map(len, placed.events.values())) + sum(map(len, placed.dead_letters.values()))
    for copies in (1, COLUMNS_MIN):  # line by line, and in columns
        decoded = [decode(value) for _, value in values([placed] * copies)]
        assert sum(len(each) for each in decoded if isinstance(each, list)) == copies * messages
    json.loads(route.dialect.answer(done.events, done.rejections).body or b"null")
    return "rejected" if done.rejections else "accepted" if done.events else "empty"


@pytest.mark.timeout(7_200 if SOAK else 120)
def test_damaged_requests_get_an_answer() -> None:
    print(f"seed {SEED}")
    dice = random.Random(SEED)
    paths = sorted(ROUTES)
    outcomes: Counter[str] = Counter()
    for _ in range(REQUESTS):
        sent, encoding = wrapped(damaged(dice), dice)
        path = dice.choice(paths)
        headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-time": "x\0%zz"} if dice.random() < 0.1 else {}
        query = {"sent_at": dice.choice(("1790000000000", "-1", "9" * 30, "x"))} if dice.random() < 0.2 else {}
        started = time.process_time()  # not of the clock: a busy machine may let us wait
        try:
            outcomes[outcome(sent, encoding, path, headers, query)] += 1
        except Exception as error:
            error.add_note(f"{path} {encoding!r} {headers} {query} {sent!r}")
            raise
        assert time.process_time() - started < SLOW_S, sent
    print(outcomes.most_common())
    assert {"accepted", "rejected", "not_json", "not_a_batch", "bad_compression"} <= outcomes.keys()
