"""What stops the detector, or one partition of it, and what goes on: missing rulebooks, lost logs, defects, a database away."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY
from sqlalchemy.exc import DataError, OperationalError

from contracts.messages import EVENTS, LEAD_EVENTS, UNATTRIBUTED, LeadEvent, Place, UsageEvent
from detector.changes import Changes, Move
from detector.core.account import Account
from detector.core.drops import Drops
from detector.core.facts.store import pack, pack_chunks, unpack_row
from detector.core.judge import process
from detector.core.passing import Noted, StumbledError, passed
from detector.core.rulebook.parse import parse
from detector.core.rulebook.program import Program
from detector.rulebooks import bases
from detector.store import DetectorStore, TopicMismatchError
from detector.tables import accounts, held
from eventlog.log_embedded import EmbeddedProducer
from eventlog.port import Entry, TopicState
from tests.detector.shell.samples import EVENTS_0, MINUTE, NOON, contacts, database_is_away, log_is_down, usage_event
from tests.detector.shell.world import RULEBOOK, World


def test_a_missing_rulebook_body_stops_the_partition_there_and_says_so(world: World) -> None:
    world.send(contacts("m1", 487))
    world.switch("mail", 7)
    world.send(contacts("m2", 500))
    world.drain()

    assert [event.data["revision"] for event in world.sent()] == [1]
    events, _ = world.halted()
    assert events.startswith("stopped before offset 2: version 7 of the rulebook of mail is not in the database")
    assert {s.partition.topic: s.next_offset for s in world.store.checkpoints.standings()}[EVENTS] == 2
    resolved = parse(RULEBOOK, bases()).resolved
    for n in range(2, 8):
        world.store.rulebooks.add("mail", RULEBOOK, f"{resolved}# {n}\n", NOON)

    world.restart()
    world.drain()

    assert world.halted() == []
    assert [(event.data["revision"], event.rulebook_version) for event in world.sent()] == [(1, 1), (2, 7)]


def test_a_checkpoint_outside_the_log_stops_the_partition_and_never_begins_anew(world: World) -> None:
    world.drain()
    version = world.store.checkpoints.acquire(EVENTS_0, "me", 0, NOON).version
    world.store.commit(Changes(moves=[Move(EVENTS_0, version, 1_000, NOON)]), NOON)
    world.restart()
    world.send(contacts("m1", 487))
    world.send(usage_event("m2", person="ada"), topic=UNATTRIBUTED)
    world.drain()

    (reason,) = world.halted()
    assert reason.startswith("the checkpoint is at offset 1000 and the log holds 0 to 2")
    assert world.leads() == []
    assert len(world.store.held_since(0)) == 1


def test_what_another_worker_read_while_this_one_was_taking_its_partitions_does_not_stop_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drain()
    acquire = world.store.checkpoints.acquire_all
    late = world.new_worker()

    def after_a_pause(*arguments: Any) -> Any:
        monkeypatch.undo()
        world.send(contacts("m1", 487))
        world.drain()
        return acquire(*arguments)

    monkeypatch.setattr(world.store.checkpoints, "acquire_all", after_a_pause)
    late.run_once(0)
    late.run_once(0)
    late.close()

    assert world.halted() == []
    assert len(world.leads()) == 1


def test_another_log_is_refused_at_the_start(world: World) -> None:
    world.topics = {name: TopicState(name, 1, "another") for name in world.topics}

    with pytest.raises(TopicMismatchError, match="deleted and created again"):
        world.new_worker()


def test_a_lead_event_decided_twice_stops_the_partition(world: World, store: DetectorStore) -> None:
    world.send(contacts("m1", 487))
    world.drain()
    (made,) = world.sent()
    with store._engine.begin() as tx:  # the ledger is lost, the lead event is not
        tx.exec_driver_sql("DELETE FROM accounts")
        tx.exec_driver_sql("DELETE FROM facts")
    world.restart()
    world.send(contacts("m2", 487))
    world.drain()

    (reason,) = world.halted()
    assert made.id in reason
    assert len(world.sent()) == 1
    assert world.worker.run_once(0) is False


def test_a_database_that_is_away_is_waited_for_and_nothing_is_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.drain()
    world.send(contacts("m1", 487))
    with monkeypatch.context() as away:
        away.setattr(world.store, "commit", database_is_away)
        with pytest.raises(OperationalError):
            world.drain()
    world.drain()

    assert world.leads() == [("acme", "pql", "open")]


@pytest.mark.parametrize(
    ("room", "read"),
    [("seen", "load"), ("accounts", "load"), ("people", "load"), ("rulebooks", "get"), ("checkpoints", "acquire_all")],
)
def test_a_database_that_is_away_for_a_moment_is_no_defect(
    world: World, monkeypatch: pytest.MonkeyPatch, room: str, read: str
) -> None:
    world.drain()
    world.restart()
    world.arrive(
        usage_event("g1", "group", person="ada", account="acme"),
        usage_event("m1", name="Contact Count Changed", person="ada", properties={"total": 487}),
    )
    with monkeypatch.context() as away:
        away.setattr(getattr(world.store, room), read, database_is_away)
        with pytest.raises(OperationalError):
            world.drain()
    world.drain()

    assert world.halted() == []
    assert world.leads() == [("acme", "pql", "open")]


def test_a_commit_that_succeeded_and_looked_failed_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.drain()
    commit = world.store.commit

    def unknown(changes: Changes, now: int) -> None:
        commit(changes, now)
        database_is_away()

    world.send(contacts("m1", 487))
    with monkeypatch.context() as away:
        away.setattr(world.store, "commit", unknown)
        with pytest.raises(OperationalError):
            world.drain()
    world.send(contacts("m1", 487), contacts("m2", 500))
    world.drain()

    assert [event.data["revision"] for event in world.sent()] == [1, 2]
    assert world.halted() == []


def test_what_came_before_a_defect_is_committed_and_it_alone_stops_its_partition(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break_on(monkeypatch, "poison")
    world.send(contacts("m1", 487))
    world.send(contacts("m2", 487, "bolt"), contacts("poison", 1, "evil"))
    world.send(contacts("m3", 487, "cork"))
    world.drain()

    assert world.leads() == [("acme", "pql", "open")]
    assert [event.account for event in world.sent()] == ["acme"]
    (reason,) = world.halted()
    assert reason.startswith("offset 2 could not be processed (ZeroDivisionError")
    assert REGISTRY.get_sample_value("handraiser_detector_partitions_halted") == 1
    world.restart()
    world.drain()
    assert len(world.halted()) == 1

    monkeypatch.undo()
    world.restart()
    world.drain()

    assert [account for account, _, _ in world.leads()] == ["acme", "bolt", "cork"]
    assert world.halted() == []


def test_a_defect_among_events_that_change_nothing_stops_its_partition_before_its_own_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops, passing = Drops.drops, list[int]()

    def broken(self: Drops, account: Account, person: str | None, properties: msgspec.Raw) -> bool:
        if b'"n":5' in bytes(properties):
            raise ZeroDivisionError
        return drops(self, account, person, properties)

    def counted(  # noqa: PLR0917 - as it is
        program: Program, account: Account, noted: Sequence[Noted], begin: int, end: int, event_of: Callable[[int], UsageEvent]
    ) -> tuple[int, bool]:
        try:
            return passed(program, account, noted, begin, end, event_of)
        except StumbledError as error:
            passing.append(error.place - begin)
            raise

    monkeypatch.setattr(Drops, "drops", broken)
    monkeypatch.setattr("detector.folding.passed", counted)
    for n in range(8):
        looked_at = {"impersonated": False, "n": n}
        world.send(usage_event(f"m{n}", account="acme", person="ada", at=NOON + n * MINUTE, properties=looked_at))
    world.drain()

    (reason,) = world.halted()
    assert reason.startswith("offset 6 could not be processed (ZeroDivisionError"), "the first record is the rulebook's"
    assert passing == [4], "those from the second on pass by"
    monkeypatch.undo()
    world.restart()
    world.drain()
    assert world.halted() == []


def test_a_record_that_the_database_refuses_stops_its_partition_alone_and_says_why(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = world.store.commit

    def refuses_evil(changes: Changes, now: int) -> int:
        if any(row.account == "evil" for row in changes.accounts):
            raise DataError("INSERT", {}, Exception("text fields cannot contain NUL"))
        return commit(changes, now)

    monkeypatch.setattr(world.store, "commit", refuses_evil)
    for n, account in enumerate(("acme", "bolt", "evil", "cork")):
        world.send(contacts(f"m{n}", 487, account))
    world.send(usage_event("m9", person="ada"), topic=UNATTRIBUTED)
    world.drain()

    assert [account for account, _, _ in world.leads()] == ["acme", "bolt"]
    (reason,) = world.halted()
    assert reason.startswith("offset 3 could not be stored (text fields cannot contain NUL)")
    assert len(world.store.held_since(0)) == 1


def test_something_held_that_cannot_be_read_stops_the_record_that_needs_it(world: World, engine: sa.Engine) -> None:
    world.send(usage_event("m1", person="ada"), topic=UNATTRIBUTED)
    world.drain()
    with engine.begin() as tx:
        tx.execute(sa.update(held).values(value=b"\xff"))
    world.restart()
    world.send(usage_event("m2", person="bob"), topic=UNATTRIBUTED)
    world.send(usage_event("m3", person="ada"), topic=UNATTRIBUTED)
    world.send(contacts("m4", 487))
    world.drain()

    (reason,) = world.halted()
    assert reason.startswith("offset 3 could not be stored")
    assert world.store.people.held_count() == 2
    assert len(world.leads()) == 1


def test_a_stop_that_cannot_be_written_down_is_tried_again_and_never_silent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.drain()
    version = world.store.checkpoints.acquire(EVENTS_0, "me", 0, NOON).version
    world.store.commit(Changes(moves=[Move(EVENTS_0, version, 1_000, NOON)]), NOON)
    world.restart()
    with monkeypatch.context() as away:
        away.setattr(world.store.checkpoints, "halt", database_is_away)
        with pytest.raises(OperationalError):
            world.drain()
    assert world.halted() == []

    world.drain()

    assert len(world.halted()) == 1


def test_what_a_stopped_partition_had_committed_is_still_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as down:
        down.setattr(EmbeddedProducer, "append", _refuse_lead_events(EmbeddedProducer.append))
        world.send(contacts("m1", 487))
        world.drain()
    version = world.store.checkpoints.acquire(EVENTS_0, "me", 0, NOON).version
    world.store.commit(Changes(moves=[Move(EVENTS_0, version, 1_000, NOON)]), NOON)
    assert world.sent() == []

    world.restart()
    world.drain()

    assert len(world.halted()) == 1
    assert [event.type for event in world.sent()] == ["lead.created"]


def _refuse_lead_events(append: Callable[..., None]) -> Callable[..., None]:
    def refusing(producer: EmbeddedProducer, entries: Sequence[Entry], timeout_s: float) -> None:
        if any(entry.topic == LEAD_EVENTS for entry in entries):
            log_is_down()
        append(producer, entries, timeout_s)

    return refusing


def _break_on(monkeypatch: pytest.MonkeyPatch, message_id: str) -> None:
    """A defect that one event meets."""

    def broken(program: Program, account: Account, event: UsageEvent, place: Place) -> list[LeadEvent]:
        if event.id == message_id:
            raise ZeroDivisionError
        return process(program, account, event, place)

    monkeypatch.setattr("detector.folding.process", broken)


def test_an_account_that_cannot_be_read_stops_its_partition_before_the_record(world: World, store: DetectorStore) -> None:
    world.send(contacts("m1", 400))
    world.drain()
    with store._engine.begin() as tx:
        tx.exec_driver_sql(
            "UPDATE accounts SET hot = '\\xff'" if tx.dialect.name == "postgresql" else "UPDATE accounts SET hot = x'ff'"
        )
    world.restart()
    world.send(usage_event("m2", person="bob"), topic=UNATTRIBUTED)
    world.send(contacts("m3", 487))
    world.drain()

    (reason,) = world.halted()
    assert reason.startswith("offset 2 could not be processed")
    assert len(world.store.held_since(0)) == 1
    assert {s.partition.topic: s.next_offset for s in world.store.checkpoints.standings()}[EVENTS] == 2


def test_facts_that_cannot_be_read_stop_the_partition_before_the_record_that_needs_them(
    world: World, store: DetectorStore
) -> None:
    world.send(contacts("m1", 400))
    world.drain()
    ((_, (hot, _)),) = store.accounts.load([("mail", "acme")]).items()
    newest, stores, outside = unpack_row(hot)
    stores["activity"] = pack_chunks({0: msgspec.msgpack.encode((99, "of a newer version"))})
    write = sa.update(accounts).values(hot=pack((newest, stores, outside)))
    with store._engine.begin() as tx:
        tx.execute(write)
    world.restart()
    world.send(contacts("m2", 1, "bolt"))
    world.send(contacts("m3", 487))
    world.send(contacts("m4", 487, "bolt"))
    world.drain()

    (reason,) = world.halted()
    assert reason.startswith("offset 3 could not be processed")
    assert "schema 99" in reason
    assert {s.partition.topic: s.next_offset for s in world.store.checkpoints.standings()}[EVENTS] == 3
    assert store.accounts.load([("mail", "bolt")])


class _StopWhen(threading.Event):
    """An event that is set as soon as a condition holds."""

    def __init__(self, condition: Callable[[], object]) -> None:
        super().__init__()
        self._condition = condition

    def is_set(self) -> bool:
        return bool(self._condition())


def test_it_works_until_it_is_stopped_and_leaves_nothing_half_done(world: World) -> None:
    world.send(contacts("m1", 487))

    world.worker.run(_StopWhen(world.leads))
    world.worker.close()

    assert world.leads() == [("acme", "pql", "open")]
    assert [event.type for event in world.sent()] == ["lead.created"]
    world.worker = world.new_worker()
