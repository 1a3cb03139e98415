"""A backtest over what was live finds the very leads that were live; by one process or several, one rulebook or many."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from contracts.codec import encode, encode_event, encode_frames
from contracts.messages import EVENTS, Command, ImportEnd, RecordKind, UsageEvent
from detector.backtest import playing
from detector.backtest.found import RETRACTED, Found, Lead, Win
from detector.backtest.playing import Play
from detector.backtest.running import Book, Job, run
from detector.backtest.source import FromFrames, FromLog, write_frame
from detector.core.account import Account
from detector.core.ids import signal_id
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.store import DetectorStore
from detector.store.leads import LeadFilter
from eventlog.port import Entry, Record
from runtime.settings import Settings
from tests.detector.shell.samples import HOUR, MINUTE, NOON, contacts, upgrade, usage_event
from tests.detector.shell.world import World

DAY = 24 * HOUR
KEY = b"r" * 16
SOON_OVER = """
project: mail
lead_types:
  pql: {to: sales, answer_in: 1h, expires: 2h, do: call}
measures:
  asked: {count: Asked}
rules:
  keen: {lead: pql, when: [asked >= 1], say: "{asked} asked"}
"""
NAMES = ("acme", "bolt", "cork", "dune", "echo", "fern")


@pytest.fixture
def world(tmp_path: Path, calm_store: DetectorStore) -> Iterator[World]:
    world = World(tmp_path, calm_store)
    world.apply()
    yield world
    world.close()


@pytest.fixture
def lived(world: World) -> World:
    """Two months of six accounts: late and doubled events, plans, what sales told, an import, silence, restarts."""
    dice = random.Random(11)
    world.send(*[contacts(f"old{name}", 420, name, NOON - 40 * DAY, historical=True) for name in NAMES[:2]])
    world.append(Entry(EVENTS, 0, encode(ImportEnd(project="mail", import_id="i1"))))
    for n in range(120):
        world.now += int(dice.expovariate(1 / (12 * HOUR)))
        name = dice.choice(NAMES)
        events = [_event(f"m{n}", name, world.now, dice)]
        if dice.random() < 0.2:
            events.append(contacts(f"late{n}", dice.randrange(300, 520), name, world.now - 5 * HOUR, received_at=world.now))
        world.send(*events)
        if dice.random() < 0.3:
            world.send(*events)  # doubled
        if dice.random() < 0.3:
            world.drain()
            _sales_says(world, n, dice)
        if dice.random() < 0.1:
            world.restart()
    world.now += 40 * DAY
    world.drain()
    return world


def _event(id_: str, name: str, at: int, dice: random.Random) -> UsageEvent:
    kind = dice.random()
    if kind < 0.1:
        return upgrade(id_, name, at)
    if kind < 0.25:
        plan = {"plan": dice.choice(["free", "standard", "premium", None])}
        return usage_event(id_, "group", person="ada", account=name, at=at, traits=plan)
    if kind < 0.5:
        return usage_event(id_, name="Automation Opened", person="ada", account=name, at=at)
    return contacts(id_, dice.randrange(300, 560), name, at)


def _sales_says(world: World, n: int, dice: random.Random) -> None:
    opened = [lead for lead in world.store.leads.page(LeadFilter(), 1000) if lead.status in ("open", "accepted")]
    if not opened:
        return
    lead = dice.choice(opened)
    status = dice.choice(["accepted", "won", "lost", "rejected"])
    said = Command(
        id=f"c{n}", project="mail", account=lead.account, name="outcome", arguments={"lead": lead.lead_id, "status": status}
    )
    world.append(Entry(EVENTS, 0, encode(said)))
    if dice.random() < 0.2:
        arguments = {"limit": "contacts", "allowed": 700}
        world.append(
            Entry(
                EVENTS, 0, encode(Command(id=f"o{n}", project="mail", account=lead.account, name="override", arguments=arguments))
            )
        )


def book(world: World) -> Book:
    stored = world.store.rulebooks.newest("mail")
    assert stored is not None
    return Book(stored.resolved, stored.version)


def swept(world: World, share: str) -> Book:
    return Book(book(world).resolved.replace("- 80%", f"- {share}"), 1)


def from_log(world: World, folder: Path) -> FromLog:
    return FromLog(Settings(data=folder), {0: (0, world.records(EVENTS)[-1].next_offset)})


def play(records: Sequence[Record], *books: Book, share: int = 0, shares: int = 1) -> Play:
    programs = [compile_rulebook(parse(each.resolved, {}).rulebook, each.version) for each in books]
    play = Play("mail", programs, KEY, share, shares)
    for record in records:
        play.take([record])
    return play


def found(records: Sequence[Record], *books: Book, share: int = 0, shares: int = 1) -> Found:
    found = play(records, *books, share=share, shares=shares).found()
    found.sort()
    return found


class Signal(NamedTuple):
    account: str
    lead_type: str
    rule: str
    step: str | None
    qualified_at: int
    id: str


def signals(accounts: Sequence[Account]) -> set[Signal]:
    return {
        Signal(account.external_id, each.lead_type, rule, each.step, each.qualified_at, _id(account, rule, each.n))
        for account in accounts
        for rule, state in account.ledger.rules.items()
        for each in state.signals
    }


def _id(account: Account, rule: str, n: int) -> str:
    return signal_id("mail", rule, account.external_id, n)


def test_over_the_period_that_was_live_it_gives_the_very_leads_that_were_live(lived: World) -> None:
    live = {
        (lead.lead_id, lead.account, lead.lead_type, lead.qualified_at, lead.status)
        for lead in lived.store.leads.page(LeadFilter(), 1000)
        if lead.status != RETRACTED
    }
    ours = found(lived.records(EVENTS), book(lived))

    assert {(lead.id, lead.account, lead.lead_type, lead.qualified_at, lead.status) for lead in ours.leads[0]} == live
    assert len(live) > 10
    assert {status for *_, status in live} >= {"won", "lost", "rejected"}
    assert ours.copies > 10


def test_its_signals_are_those_that_were_live_too(lived: World) -> None:
    stored = lived.store.accounts.load([("mail", name) for name in NAMES])
    live = signals([Account.load(*key, *each) for key, each in stored.items()])
    assert signals(list(play(lived.records(EVENTS), book(lived))._judging[0].accounts())) == live
    assert len(live) > 15


def test_accounts_that_are_put_away_in_between_change_nothing(lived: World, monkeypatch: pytest.MonkeyPatch) -> None:
    records = lived.records(EVENTS)
    whole = found(records, book(lived))
    monkeypatch.setattr(playing, "ACCOUNTS_MAX", 2)
    monkeypatch.setattr(playing, "ACCOUNT_BYTES", 1)
    monkeypatch.setattr(playing, "IDS_MAX", 10)
    assert found(records, book(lived)) == whole


def test_a_sweep_is_what_separate_runs_are(lived: World) -> None:
    records, books = lived.records(EVENTS), [book(lived), swept(lived, "70%"), swept(lived, "99%")]
    together, apart = found(records, *books), [found(records, each) for each in books]
    assert together.leads == [each.leads[0] for each in apart]
    assert together.wins == apart[0].wins
    assert len({str(leads) for leads in together.leads}) == 3, "the values make a difference"


def test_shares_of_the_accounts_are_the_whole(lived: World) -> None:
    records = lived.records(EVENTS)
    parts = [found(records, book(lived), share=share, shares=3) for share in range(3)]
    merged = parts[0]
    for part in parts[1:]:
        merged.add(part)
    merged.sort()
    assert [len(part.leads[0]) > 0 for part in parts].count(True) >= 2
    assert merged == found(records, book(lived))


def test_two_processes_find_what_one_finds(lived: World, tmp_path: Path) -> None:
    work = Job("mail", (book(lived),), from_log(lived, tmp_path), KEY)
    steps: list[float] = []
    one, two = run(work, 1, lambda _: None), run(work, 2, lambda step: steps.append(step.share))
    assert two == one
    assert one.leads == found(lived.records(EVENTS), book(lived)).leads
    assert steps[-1] == 1.0


def test_wins_are_changes_of_plan_and_what_sales_reports(world: World) -> None:
    """Not what an account's very first event says of it: there it began."""
    began = usage_event("g0", "group", person="ada", account="cork", at=NOON, traits={"plan": "standard"})
    world.send(contacts("m1", 480), contacts("m2", 100, "bolt"), began)
    world.drain()
    [lead] = world.store.leads.page(LeadFilter(), 10)
    world.now += DAY
    plan = {"plan": "standard"}
    world.send(usage_event("g1", "group", person="ada", account="bolt", at=world.now, traits=plan))
    said = {"lead": lead.lead_id, "status": "won"}
    world.append(Entry(EVENTS, 0, encode(Command(id="c1", project="mail", account="acme", name="outcome", arguments=said))))
    world.drain()
    assert found(world.records(EVENTS), book(world)).wins == [
        Win("acme", NOON + DAY, reported=True),
        Win("bolt", NOON + DAY, reported=False),
    ]


def test_in_a_file_of_frames_what_falls_due_in_between_is_judged_in_between(world: World, tmp_path: Path) -> None:
    """The cooldown that silenced acme ends while nobody does anything: in the log a tick would say so."""
    story = [(0, 487), (1, 100), (2, 487), (40, 487)]
    with (tmp_path / "frames").open("wb") as file:
        for day, total in story:
            event = contacts(f"m{day}", total, "acme", NOON + day * DAY)
            for value in encode_frames(RecordKind.EVENTS, [encode_event(event)]):
                write_frame(file, event.timestamp, value)
            world.now = event.timestamp - MINUTE
            world.drain()
            world.now = event.timestamp
            world.send(event)
    world.drain()
    frames = run(Job("mail", (book(world),), FromFrames(tmp_path / "frames"), KEY), 1, lambda _: None)
    live = found(world.records(EVENTS), book(world))
    assert frames.leads == live.leads
    assert [lead.status for lead in frames.leads[0]] == ["open"]
    assert world.ticks(EVENTS) >= 1
    assert isinstance(frames.leads[0][0], Lead)


def test_all_that_falls_due_between_two_records_of_a_file_comes_at_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int]] = []
    monkeypatch.setattr(
        playing.Judging, "_take", lambda _, lead_events: told.extend((each.type, each.timestamp - NOON) for each in lead_events)
    )
    rules = compile_rulebook(parse(SOON_OVER, {}).rulebook, 1)
    for at_once in (1, 3):
        told.clear()
        play = Play("mail", [rules], b"k" * 16, ticking=True)
        events = [usage_event(f"m{day}", name="Asked", account="acme", person="ada", at=NOON + day * DAY) for day in range(3)]
        records = [
            Record(EVENTS, 0, offset, event.timestamp, value)
            for offset, event in enumerate(events)
            for value in encode_frames(RecordKind.EVENTS, [encode_event(event)])
        ]
        for begin in range(0, len(records), at_once):
            play.take(records[begin : begin + at_once])
        assert told == [("lead.created", 0), ("lead.overdue", HOUR), ("lead.expired", 2 * HOUR)], at_once
