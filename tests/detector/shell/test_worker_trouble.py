"""What stops the detector, or one partition of it, and what goes on: missing rulebooks, lost logs, defects, a database away."""

import threading
from collections.abc import Callable

import pytest

from contracts.messages import EVENTS, UNATTRIBUTED
from detector.changes import Changes, Move
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases
from detector.store import DetectorStore, TopicMismatchError
from eventlog.port import LogError, TopicState
from tests.detector.shell.samples import EVENTS_0, NOON, contacts, log_is_down, usage_event
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


def test_another_log_is_refused_at_the_start(world: World) -> None:
    world.topics = {**world.topics, EVENTS: TopicState(EVENTS, 1, "another")}

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
        away.setattr(world.store, "commit", log_is_down)
        with pytest.raises(LogError):
            world.drain()
    world.drain()

    assert world.leads() == [("acme", "pql", "open")]


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
