"""Commands in the log: each is applied once, whatever is repeated, restarted or replayed."""

from typing import Any

import pytest
import sqlalchemy as sa

from contracts.codec import encode
from contracts.messages import EVENTS, UNATTRIBUTED, Command
from detector.changes import CommandRow
from detector.core.account import Account
from detector.core.ledger import Ledger
from detector.seen_commands import SeenCommands
from detector.store import DetectorStore
from detector.tables import commands
from detector.worker import KEPT_MS, SWEEP_MAX, SWEEP_MS
from eventlog.port import Entry
from tests.detector.shell.samples import HOUR, MINUTE, contacts, database_is_away, upgrade
from tests.detector.shell.world import World


def told(id_: str, name: str, **arguments: Any) -> Command:
    return Command(id=id_, project="mail", account="acme", name=name, arguments=arguments)


def tell(world: World, *said: Command, topic: str = EVENTS) -> None:
    world.append(*(Entry(topic, 0, encode(command)) for command in said))


def rows(store: DetectorStore) -> list[CommandRow]:
    with store._engine.connect() as tx:
        return [CommandRow(*row) for row in tx.execute(sa.select(commands).order_by(commands.c.offset))]


def ledger(store: DetectorStore) -> Ledger:
    return Account.load("mail", "acme", *store.accounts.load([("mail", "acme")])["mail", "acme"]).ledger


def types(world: World) -> list[str]:
    return [event.type for event in world.sent()]


def test_a_command_is_applied_once_though_it_comes_in_one_batch_in_the_next_and_after_a_restart(world: World, lead: str) -> None:
    win = told("c1", "outcome", lead=lead, status="accepted", by="jo")
    tell(world, win, win)
    world.drain()
    tell(world, win)
    world.drain()
    world.restart()
    tell(world, win, told("c2", "outcome", lead=lead, status="won"), win)
    world.drain()

    assert types(world) == ["lead.created", "lead.accepted", "lead.won"]
    assert [(row.id, row.status, row.result) for row in rows(world.store)] == [
        ("c1", "applied", f'{{"lead_id":"{lead}","status":"accepted","revision":2,"changed":true}}'),
        ("c2", "applied", f'{{"lead_id":"{lead}","status":"won","revision":3,"changed":true}}'),
    ]
    assert world.leads() == [("acme", "pql", "won")]


def test_a_copy_that_comes_while_the_first_is_being_committed_is_recognised(store: DetectorStore) -> None:
    seen = SeenCommands(store.commands)
    seen.prepare(["c1", "c2"])
    assert seen.first("c1")
    seen.close()
    seen.prepare(["c1", "c2"])  # the commit has not reached the table
    assert not seen.first("c1")
    assert seen.first("c2")
    seen.close()
    seen.settled()
    seen.prepare(["c2"])
    assert seen.first("c2"), "only the table remembers what is committed"


def test_a_commit_that_failed_is_done_again_with_the_same_result(
    world: World, lead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(world, told("c1", "outcome", lead=lead, status="lost", reason="too dear"))
    with monkeypatch.context() as away:
        away.setattr(world.store, "commit", database_is_away)
        with pytest.raises(sa.exc.OperationalError):
            world.drain()
    world.drain()

    assert types(world) == ["lead.created", "lead.lost"]
    assert [row.status for row in rows(world.store)] == ["applied"]


def test_what_is_refused_is_kept_with_the_reason_and_changes_nothing(world: World) -> None:
    world.send(contacts("m1", 480))
    world.drain()
    before = world.store.accounts.load([("mail", "acme")])
    tell(world, told("c1", "override", limit="contact\0s", allowed=1), told("c2", "applaud"))
    world.drain()

    assert [(row.id, row.status, row.code) for row in rows(world.store)] == [
        ("c1", "refused", "unknown_limit"),
        ("c2", "refused", "unknown_command"),
    ]
    assert world.store.accounts.load([("mail", "acme")]) == before
    assert world.halted() == []


def test_a_replay_of_the_log_gives_the_same_leads_and_results(world: World, lead: str, calm_store: DetectorStore) -> None:
    until = world.now + 2 * HOUR
    tell(world, told("c1", "snooze", lead=lead, until=until), told("c2", "owner", lead=lead, email="jo@us.io"))
    world.drain()
    world.now += HOUR
    world.send(contacts("m2", 500, at=world.now), upgrade("m3", at=world.now))
    tell(world, told("c1", "snooze", lead=lead, until=until), told("c3", "outcome", lead=lead, status="accepted"))
    tell(world, told("c4", "opt_out", opted_out=True), told("c5", "override", limit="contacts", allowed=900))
    world.drain()
    lived = world.sent()
    [stored] = world.store.rulebooks.all("mail")
    text = world.store.rulebooks.get("mail", stored.version)
    assert text is not None
    calm_store.rulebooks.add("mail", text.body, text.resolved, world.now)

    world.store, replayed = calm_store, world.store
    world.restart()
    world.drain()

    assert world.sent()[len(lived) :] == lived
    assert rows(calm_store) == rows(replayed)
    assert ledger(calm_store) == ledger(replayed)


def test_an_opt_out_holds_after_a_restart(world: World) -> None:
    tell(world, told("c1", "opt_out", opted_out=True))
    world.drain()
    world.restart()
    world.send(contacts("m1", 480))
    world.drain()
    assert world.sent() == []


def test_a_signal_during_a_snooze_is_stored_and_published_in_silence(world: World, lead: str) -> None:
    tell(world, told("c1", "snooze", lead=lead, until=world.now + HOUR))
    world.send(contacts("m2", 500, at=world.now + MINUTE))
    world.drain()
    assert [(event.type, event.notify) for event in world.sent()] == [
        ("lead.created", True),
        ("lead.snoozed", True),
        ("lead.updated", False),
    ]


def test_a_command_elsewhere_than_in_events_is_nobody_s(world: World, lead: str) -> None:
    tell(world, told("c1", "outcome", lead=lead, status="won"), topic=UNATTRIBUTED)
    world.drain()
    assert (types(world), rows(world.store)) == (["lead.created"], [])


def test_the_ids_of_a_batch_are_looked_up_at_once(world: World, lead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    known = world.store.commands.known

    def counted(ids: Any) -> set[str]:
        asked.append(list(ids))
        return known(asked[-1])

    monkeypatch.setattr(world.store.commands, "known", counted)
    tell(world, *(told(f"c{n}", "owner", lead=lead, email=f"jo{n}@us.io") for n in range(50)))
    world.drain()
    assert [len(ids) for ids in asked] == [50]


def test_old_results_go_a_bounded_number_at_a_time(world: World, lead: str) -> None:
    tell(world, *(told(f"c{n}", "owner", lead=lead, email="jo@us.io") for n in range(SWEEP_MAX + 1)))
    world.drain()
    assert len(rows(world.store)) == SWEEP_MAX + 1
    world.now += KEPT_MS + SWEEP_MS
    world.drain()
    assert len(rows(world.store)) == 1
    world.now += 2_000
    world.drain()
    assert rows(world.store) == []
