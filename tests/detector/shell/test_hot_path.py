"""What the hot path costs, counted instead of timed: statements a commit, bytes written, decodes a frame, hashes an event.

A number that rises here is paid for by every event; change an expectation only knowingly.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

import contracts.codec
from contracts.messages import UNATTRIBUTED, UsageEvent
from detector import worker
from detector.account_cache import AccountCache
from detector.agenda import Key
from detector.core.account import Account
from detector.core.measures.moment import Moment
from detector.core.seen import hashes_of
from detector.store import bulk
from tests.detector.shell.samples import NOON, contacts, usage_event
from tests.detector.shell.world import World

ACCOUNTS = 50
HASH_BYTES = 8
ROWS_BYTES = 14_270
"""Of the accounts of `pages`, packed. Of each person the shipped rules keep when they were here, by day and by week."""
COMMIT = ["UPDATE checkpoints", "INSERT accounts", "INSERT seen", "INSERT event_names"]
PUBLISH = ["SELECT outbox", "DELETE outbox"]
"""Rows are read until fewer came than were asked for."""


class Statements:
    """Everything that is sent to the database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._sent: list[tuple[str, Any]] = []
        sa.event.listen(engine, "before_cursor_execute", self._take)

    def _take(self, _c: object, _cursor: object, statement: str, parameters: Any, _context: object, _many: object) -> None:
        words = statement.split()
        if words[0] != "BEGIN":
            table = words[1 if words[0] == "UPDATE" else words.index("FROM" if words[0] in ("SELECT", "DELETE") else "INTO") + 1]
            self._sent.append((f"{words[0]} {table}", parameters))

    def of(self, work: Callable[[], None]) -> list[str]:
        """Those of `work`: verb and table."""
        self._sent.clear()
        work()
        return [name for name, _ in self._sent]

    def bytes(self, name: str) -> int:
        """Of all binary values that the last work sent with this statement."""
        return sum(_bytes(parameters) for sent, parameters in self._sent if sent == name)


def _bytes(value: Any) -> int:
    if isinstance(value, bytes | bytearray | memoryview):
        return len(value)
    return sum(map(_bytes, value)) if isinstance(value, list | tuple) else 0


@pytest.fixture
def statements(engine: sa.Engine) -> Statements:
    return Statements(engine)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a frame, a line by itself and properties were decoded, an id hashed, a line encoded."""
    counted: Counter[str] = Counter()

    def counting(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            counted[name] += 1
            return function(*arguments)

        return call

    class Lines:
        decode_lines = staticmethod(counting("lines", contracts.codec._event_decoder.decode_lines))
        decode = staticmethod(counting("line", contracts.codec._event_decoder.decode))

    class Frames:
        decode = staticmethod(counting("frame", contracts.codec._columns_decoder.decode))

    class Properties:
        """What a rulebook makes for itself when it is compiled."""

        def __init__(self, type_: Any) -> None:
            self.decode = counting("properties", decoder(type_).decode)

    decoder = msgspec.json.Decoder
    monkeypatch.setattr(contracts.codec, "_event_decoder", Lines)
    monkeypatch.setattr(contracts.codec, "_columns_decoder", Frames)
    monkeypatch.setattr(msgspec.json, "Decoder", Properties)
    monkeypatch.setattr("detector.seen.hashes_of", counting("hashes", hashes_of))
    monkeypatch.setattr("detector.attributor.encode_events", counting("encode", contracts.codec.encode_events))
    return counted


def pages(begin: int, count: int) -> list[UsageEvent]:
    """Track events that no rule reads, of ACCOUNTS accounts in turn."""
    return [
        usage_event(f"m{n}", name="Page Viewed", person="ada", account=f"account-{n % ACCOUNTS}", at=NOON + n)
        for n in range(begin, begin + count)
    ]


@pytest.mark.parametrize("events", [ACCOUNTS, 40 * ACCOUNTS])
def test_a_commit_takes_four_statements_and_a_row_an_account_however_many_events(
    world: World, statements: Statements, events: int
) -> None:
    world.send(*pages(0, ACCOUNTS))
    world.drain()
    world.send(*pages(1_000, events))

    assert statements.of(world.drain) == COMMIT
    assert statements.bytes("INSERT accounts") == ROWS_BYTES
    assert statements.bytes("INSERT seen") == events * HASH_BYTES


@pytest.mark.parametrize("accounts", [1, ACCOUNTS])
def test_accounts_that_are_not_in_memory_are_loaded_together(world: World, statements: Statements, accounts: int) -> None:
    world.send(*pages(0, ACCOUNTS))
    world.drain()
    world.restart()
    world.send(contacts("c1", 1, "another"))
    world.drain()
    world.send(*pages(1_000, accounts))

    assert statements.of(world.drain) == ["SELECT accounts", "SELECT facts", *COMMIT]


@pytest.mark.parametrize("leads", [1, 20])
def test_leads_take_seven_statements_more_however_many_they_are(world: World, statements: Statements, leads: int) -> None:
    world.send(*pages(0, ACCOUNTS))
    world.drain()
    world.send(*[contacts(f"g{n}", 480, f"account-{n}", NOON + 5_000) for n in range(leads)])

    assert statements.of(world.drain) == [
        *COMMIT[:2],
        "INSERT due",
        "SELECT lead_events",
        "INSERT lead_events",
        "INSERT leads",
        "INSERT outbox",
        *COMMIT[2:],
        *PUBLISH,
    ]


def test_a_frame_is_decoded_once_an_id_hashed_once_and_properties_only_where_a_rule_reads_them(
    world: World, calls: Counter[str]
) -> None:
    """The base's `drop_events` would read one property of every event. That a frame's bytes do not name it is seen of all
    its events at once; the first event of an account is looked at by itself, and those that may let a rule rise."""
    gauges = [contacts(f"g{n}", n, f"account-{n}") for n in range(30)]
    world.send(*pages(0, 500), *gauges)
    world.drain()

    assert calls == {"frame": 1, "hashes": 1, "properties": ACCOUNTS + 30 + 30}


def test_the_first_hop_encodes_an_event_once_and_takes_one_statement_for_all(
    world: World, statements: Statements, calls: Counter[str]
) -> None:
    world.arrive(usage_event("g1", "group", person="ada", account="acme"))
    world.drain()
    calls.clear()
    views = [usage_event(f"m{n}", name="Page Viewed", person="ada", at=NOON + n) for n in range(200)]
    world.send(*views, topic=UNATTRIBUTED)

    assert statements.of(world.drain) == ["UPDATE checkpoints", "INSERT outbox", *PUBLISH, *COMMIT]
    assert calls == {"frame": 2, "encode": 1, "hashes": 1, "properties": 1}


def test_what_is_far_behind_is_computed_in_pieces_so_that_an_account_is_put_at_hand_once_for_many_events(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drain()
    for begin in range(0, 40 * ACCOUNTS, ACCOUNTS):
        world.send(*pages(begin, ACCOUNTS))
    [frame] = map(len, contracts.codec.encode_events(pages(0, ACCOUNTS)))
    monkeypatch.setattr(worker, "POLL_BYTES_MAX", 3 * frame)
    monkeypatch.setattr(worker, "BEHIND_BYTES", frame // 2)
    monkeypatch.setattr(worker, "AT_ONCE_BYTES", 12 * frame)
    taken, take = Counter[str](), AccountCache.take

    def counting(cache: AccountCache, key: Key, account: Account, things: int = 1) -> None:
        taken[key[1]] += 1
        take(cache, key, account, things)

    monkeypatch.setattr(AccountCache, "take", counting)
    world.drain()
    assert len(taken) == ACCOUNTS
    assert set(taken.values()) <= {3, 4, 5, 6, 7}, "for 40 events"


def test_more_rows_than_a_statement_takes_are_all_written(
    world: World, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "ROWS_MAX", 20)
    world.drain()
    world.send(*pages(0, ACCOUNTS))
    sent = statements.of(world.drain)
    is_postgres = world.store._engine.dialect.name == "postgresql"
    assert sent.count("INSERT accounts") == (3 if is_postgres else 1)
    assert len(world.store.accounts.names("mail")) == ACCOUNTS


def test_an_account_that_is_packed_is_neither_loaded_nor_judged_anew(
    world: World, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = Counter[str]()

    def counting(moment: Any, *arguments: Any, **named: Any) -> None:
        looked["moments"] += 1
        init(moment, *arguments, **named)

    def one_more_each(name: str) -> tuple[int, bool]:
        """How often an account was looked at for it; whether one was loaded."""
        looked.clear()
        world.now += 1_000
        world.send(*(contacts(f"{name}{n}", 7, f"account-{n}", at=world.now) for n in range(ACCOUNTS)))
        sent = statements.of(world.drain)
        return looked["moments"], "SELECT accounts" in sent

    init = Moment.__init__
    monkeypatch.setattr(Moment, "__init__", counting)
    monkeypatch.setattr(AccountCache, "make_room", _pack)
    for number in range(6):
        one_more_each(f"before-{number}-")
    assert one_more_each("packed-") == (0, False)
    world.restart()
    looks, is_loaded = one_more_each("loaded-")
    assert (looks >= ACCOUNTS, is_loaded) == (True, True), "what was loaded is judged anew, once"
    assert one_more_each("packed-again-") == (0, False)


def _pack(cache: AccountCache, key: Key) -> None:
    cache._pack(key)
