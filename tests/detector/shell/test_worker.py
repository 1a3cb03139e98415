"""From the log to leads and back to the log: once each, whatever stops, doubles or breaks in between."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from contracts.codec import encode_event, encode_frames
from contracts.messages import DEAD_LETTERS, EVENTS, DeadLetter, RecordKind, UsageEvent
from detector import compute
from detector.changes import Changes
from detector.store import DetectorStore
from detector.store.leads import LeadFilter
from eventlog.port import Entry
from tests.detector.shell.samples import EVENTS_0, MINUTE, NOON, contacts, log_is_down, upgrade, usage_event
from tests.detector.shell.world import RULEBOOK, World


def test_an_event_becomes_a_lead_and_a_record_for_whoever_reads_lead_events(world: World) -> None:
    world.send(contacts("m1", 487))
    world.drain()

    assert world.leads() == [("acme", "pql", "open")]
    (sent,) = world.sent()
    (lead,) = world.store.leads.page(LeadFilter(), 10)
    assert (sent.type, sent.data["lead_id"], lead.qualified_at) == ("lead.created", lead.lead_id, NOON)
    assert (sent.place.topic, sent.place.offset, sent.rulebook_version) == (EVENTS, 1, 1)
    assert world.store.outbox.oldest() is None


def test_copies_of_an_event_count_once(world: World) -> None:
    opened = [usage_event(f"e{n}", name="Email Sent", person="ada", account="acme") for n in range(799)]
    world.send(*opened, *opened)
    world.send(*opened)
    world.drain()
    world.restart()
    world.send(*opened)
    world.drain()
    assert world.leads() == []

    world.send(usage_event("e799", name="Email Sent", person="ada", account="acme"))
    world.drain()

    assert world.leads() == [("acme", "pql", "open")]


def test_an_idle_detector_says_so(world: World) -> None:
    world.drain()

    assert world.worker.run_once(0) is False


def test_a_crash_between_commit_and_publish_sends_the_lead_event_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as down:
        down.setattr(world.producer, "append", log_is_down)
        _send_with_another_producer(world, contacts("m1", 487))
        world.drain()
        assert world.leads() == [("acme", "pql", "open")]
        assert world.sent() == []

    world.restart()
    world.drain()

    assert [event.type for event in world.sent()] == ["lead.created"]
    assert world.store.outbox.oldest() is None


def test_a_log_that_comes_back_gets_the_outbox_without_a_restart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as down:
        down.setattr(world.producer, "append", log_is_down)
        _send_with_another_producer(world, contacts("m1", 487))
        world.drain()
    world.drain()
    assert world.sent() == []

    world.now += 500
    world.drain()

    assert [event.type for event in world.sent()] == ["lead.created"]


def test_a_stale_worker_loses_at_the_swap_and_changes_nothing(world: World) -> None:
    world.drain()
    stale = world.worker
    world.worker = world.new_worker()
    world.drain()
    world.send(contacts("m1", 487))

    assert stale.run_once(0)  # computes, and hands over
    assert stale.run_once(0)  # hears that it lost
    assert world.leads() == []
    assert {standing.owner for standing in world.store.checkpoints.standings()} == {"worker 2"}
    world.drain()

    assert world.leads() == [("acme", "pql", "open")]
    assert len(world.sent()) == 1
    stale.close()


def test_what_was_in_memory_is_the_same_when_read_again(world: World) -> None:
    """The same leads whether the account stays in the cache or is loaded for each event."""
    steps = [100, 401, 380, 450, 500, 480, 500]
    for n, total in enumerate(steps):
        world.send(contacts(f"a{n}", total, "cached", at=NOON + n))
        world.drain()
    for n, total in enumerate(steps):
        world.send(contacts(f"b{n}", total, "loaded", at=NOON + n))
        world.drain()
        world.restart()

    told = {
        account: [(e.type, e.data["summary"], e.data["revision"]) for e in world.sent() if e.account == account]
        for account in ("cached", "loaded")
    }
    assert len(told["cached"]) == 2
    assert [(kind, text.replace("cached", "loaded"), n) for kind, text, n in told["cached"]] == told["loaded"]


def _history() -> list[UsageEvent]:
    totals = itertools.cycle([90, 410, 300, 500, 450, 350])
    events: list[UsageEvent] = []
    for n, account in enumerate(["acme", "bolt", "cork", "acme", "bolt"] * 8):
        events.append(contacts(f"m{n}", next(totals), account, at=NOON + n * MINUTE))
        if n % 7 == 3:
            events.append(upgrade(f"u{n}", account, at=NOON + n * MINUTE + 1))
    return events


def _told(folder: Path, store: DetectorStore, frame: int, turn: int, restart: int) -> list[tuple[object, ...]]:
    """What a detector says of `_history` in frames of `frame` events, driven each `turn` frames, restarted each `restart`."""
    folder.mkdir()
    world = World(folder, store)
    world.apply()
    events = _history()
    for n, begin in enumerate(range(0, len(events), frame), start=1):
        world.send(*events[begin : begin + frame])
        if n % turn == 0:
            world.drain()
        if n % restart == 0:
            world.restart()
    world.drain()
    world.close()
    return [(event.id, event.type, event.account, event.data) for event in world.sent()]


@pytest.mark.parametrize("split", [(1, 1, 5), (1, 7, 1), (3, 2, 1000), (1000, 1, 1000)])
def test_any_split_into_frames_and_batches_gives_the_same_lead_events(
    tmp_path: Path, store: DetectorStore, calm_store: DetectorStore, split: tuple[int, int, int]
) -> None:
    calm = _told(tmp_path / "calm", calm_store, 1000, 1000, 1000)

    assert _told(tmp_path / "split", store, *split) == calm
    assert len(calm) >= 6


def test_a_line_that_does_not_decode_is_a_dead_letter_and_its_neighbours_live(world: World) -> None:
    frame = encode_frames(RecordKind.EVENTS, [encode_event(contacts("m1", 487)), b'{"half', encode_event(upgrade("m2", "bolt"))])
    world.append(Entry(EVENTS, 0, frame[0]), Entry(EVENTS, 0, b"\xff\x00not ours"))
    world.drain()

    assert [account for account, _, _ in world.leads()] == ["acme", "bolt"]
    letters = [stored.letter for stored in world.store.dead_letters_since(0)]
    assert [(letter.code, letter.body) for letter in letters] == [
        ("undecodable", '{"half'),
        ("undecodable", "\ufffd\ufffdnot ours"),
    ]
    assert "events/0/1/1" in letters[0].message


def test_dead_letters_of_ingest_end_in_the_table_once(world: World) -> None:
    letter = DeadLetter(id="dead_1", project="mail", received_at=NOON, code="no_type", message="…", body='{"a":1}', size=7)
    for _ in range(2):
        for value in encode_frames(RecordKind.DEAD_LETTERS, [encode_event(letter)]):
            world.append(Entry(DEAD_LETTERS, 0, value))
    world.drain()

    assert [stored.letter for stored in world.store.dead_letters_since(0)] == [letter]


def test_an_event_that_names_no_account_in_events_is_a_dead_letter(world: World) -> None:
    world.send(usage_event("m1", person="ada"))
    world.drain()

    assert world.codes() == ["no_account"]


@pytest.mark.parametrize("together", [1, 3, 5, 100])
def test_a_frame_of_several_projects_with_copies_and_events_of_nobody_says_what_its_events_say(
    tmp_path: Path, calm_store: DetectorStore, together: int
) -> None:
    world = World(tmp_path, calm_store)
    for project in ("mail", "crm"):
        world.apply(RULEBOOK.replace("project: mail", f"project: {project}"))
    of_both = [("mail", "acme"), ("crm", "acme"), ("wild", "acme"), ("mail", "bolt")]
    events = [
        contacts(f"m{n}", total, account, NOON + n, project=project)
        for n, (total, (project, account)) in enumerate(itertools.product((7, 380, 410, 370, 490, 505), of_both))
    ]
    events = [*events[:9], usage_event("nobody", person="ada"), *events[5:], events[3]]
    for begin in range(0, len(events), together):
        world.send(*events[begin : begin + together])
    world.drain()
    assert [(sent.project, sent.account, sent.type, sent.data["signals"][-1]["step"]) for sent in world.sent()] == [
        *((project, account, "lead.created", "80%") for project, account in of_both if project != "wild"),
        *((project, account, "lead.updated", "100%") for project, account in of_both if project != "wild"),
    ]
    assert world.codes() == ["no_account"]
    counts = {project: [name.number for name in world.store.event_names.all(project)] for project in ("mail", "crm", "wild")}
    assert counts == {"mail": [12], "crm": [6], "wild": [6]}, "copies are not counted"
    world.close()


@pytest.mark.parametrize("body", [b"", b"\n", b"\n\n"])
def test_a_frame_without_lines_leaves_its_neighbours(world: World, body: bytes) -> None:
    world.send(contacts("m1", 487, "acme"))
    world.append(Entry(EVENTS, 0, b"\x01e" + body))
    world.send(contacts("m2", 487, "bolt"))
    world.drain()
    assert [account for account, _, _ in world.leads()] == ["acme", "bolt"]


def test_what_said_the_plan_by_the_rulebook_before_is_folded_as_ever(world: World) -> None:
    """Its facts are kept for a while, and its events have come to be like any others."""
    world.apply(RULEBOOK + "\nplan: {from: properties.plan, of: Plan Said}\n")
    world.send(*[usage_event(f"a{n}", name="Seen", person="ada", account="acme", at=NOON + n) for n in range(9)])
    world.drain()
    world.now += MINUTE
    world.apply()
    said: dict[str, Any] = {"name": "Plan Said", "person": "ada", "account": "acme", "properties": {"plan": "premium"}}
    for n in range(1, 4):
        world.now += MINUTE
        world.send(*[usage_event(f"m{n}{k}", at=world.now + k, **said) for k in range(5)])
        world.drain()
    world.send(contacts("m2", 487, "acme", world.now + 10))
    world.drain()
    assert world.halted() == []
    assert [account for account, _, _ in world.leads()] == ["acme"]


def test_without_a_rulebook_an_event_is_read_and_decides_nothing_later_either(world: World) -> None:
    early = usage_event("m1", name="Contact Count Changed", account="acme", properties={"total": 500}, project="crm")
    world.send(early)
    world.drain()
    world.apply(RULEBOOK.replace("project: mail", "project: crm"))
    world.send(early)
    world.drain()

    assert world.leads() == []


def test_a_rulebook_switches_at_its_place_and_at_the_same_one_in_a_replay(
    world: World, tmp_path: Path, calm_store: DetectorStore
) -> None:
    world.send(contacts("m1", 350, "acme"))
    world.drain()
    world.apply(RULEBOOK.replace("contacts: 500", "contacts: 400"))
    world.send(contacts("m2", 350, "bolt"))
    world.drain()
    (live,) = world.sent()
    for version in (1, 2):
        stored = world.store.rulebooks.get("mail", version)
        assert stored is not None
        calm_store.rulebooks.add("mail", stored.body, stored.resolved, NOON)

    replay = World(tmp_path, calm_store)  # an empty database, the same log: all of it in one batch
    replay.drain()
    replay.close()

    assert (live.account, live.rulebook_version) == ("bolt", 2)
    assert world.sent() == [live, live]


def test_a_switch_that_was_overtaken_by_a_newer_one_changes_nothing(world: World) -> None:
    assert world.apply(RULEBOOK.replace("contacts: 500", "contacts: 400")) == 2
    world.switch("mail", 1)
    world.send(contacts("m1", 350))
    world.drain()

    assert [event.rulebook_version for event in world.sent()] == [2]
    assert world.store.rulebooks.adopted(EVENTS_0) == {"mail": 2}


def test_an_undecodable_line_among_dead_letters_leaves_its_neighbours(world: World) -> None:
    letters = [DeadLetter(id=f"dead_{n}", project="mail", received_at=NOON, code="no_type", message="…") for n in range(2)]
    lines = [encode_event(letters[0]), b'{"half', encode_event(letters[1])]
    world.append(Entry(DEAD_LETTERS, 0, encode_frames(RecordKind.DEAD_LETTERS, lines)[0]))
    world.drain()

    assert world.codes() == ["no_type", "undecodable", "no_type"]


def test_a_dead_letter_is_kept_as_long_as_the_log(world: World) -> None:
    world.send(usage_event("m1", person="ada"))
    world.drain()
    world.now += 89 * 24 * 60 * MINUTE
    world.drain()
    assert world.codes() == ["no_account"]

    world.now += 2 * 24 * 60 * MINUTE
    world.send(usage_event("m2", person="ada", at=world.now))
    world.drain()

    assert [stored.letter.received_at for stored in world.store.dead_letters_since(0)] == [world.now]


def _send_with_another_producer(world: World, *events: UsageEvent) -> None:
    producer = world.log.producer()
    for value in encode_frames(RecordKind.EVENTS, map(encode_event, events)):
        producer.append([Entry(EVENTS, 0, value)], 5)
    producer.close()


def test_a_batch_holds_so_many_accounts_at_most(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """They stay in memory until it is written."""
    monkeypatch.setattr(compute, "BATCH_ACCOUNTS_MAX", 3)
    written: list[int] = []
    commit = world.store.commit

    def watched(changes: Changes, now: int) -> int:
        written.append(len(changes.accounts))
        return commit(changes, now)

    monkeypatch.setattr(world.store, "commit", watched)
    for n in range(10):
        world.arrive(contacts(f"m{n}", 450, f"acc-{n}"))
    world.drain()

    assert len(world.leads()) == sum(written) == 10
    assert max(written) == 3
