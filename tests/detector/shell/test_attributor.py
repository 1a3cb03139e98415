"""Events that name no account: resolved by a group before or after, held, ambiguous, or timed out by a tick."""

from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa

from contracts.codec import decode
from contracts.messages import EVENTS, UNATTRIBUTED, UsageEvent
from detector import attributor, compute
from detector.changes import Changes
from detector.core import attribution
from detector.core.attribution import HOLD_MS, MEMBERSHIPS_MAX
from detector.store import DetectorStore
from tests.detector.shell.samples import MINUTE, NOON, usage_event
from tests.detector.shell.world import World

ABOUT = {"about": "x" * 400}


def group(id_: str, account: str = "acme", person: str = "ada", at: int = NOON) -> UsageEvent:
    return usage_event(id_, "group", person=person, account=account, at=at, traits={"name": account.title()})


def contacts(id_: str, total: int = 487, person: str = "ada", at: int = NOON) -> UsageEvent:
    return usage_event(id_, name="Contact Count Changed", person=person, at=at, properties={"total": total})


def forwarded(world: World) -> list[tuple[str, str | None]]:
    """(id, account) of what the attributor appended."""
    messages = [decode(record.value) for record in world.records(EVENTS)]
    events = [event for message in messages if isinstance(message, list) for event in message if isinstance(event, UsageEvent)]
    return [(event.id, event.account) for event in events if event.attributed]


def test_a_group_earlier_in_the_same_request_resolves_an_event_at_once(world: World) -> None:
    world.arrive(group("g1"), usage_event("i1", "identify", person="ada", traits={"email": "ada@acme.io"}), contacts("m1"))
    world.drain()

    assert forwarded(world) == [("i1", "acme"), ("m1", "acme")]
    assert world.leads() == [("acme", "pql", "open")]
    assert world.store.held_since(0) == []


def test_an_event_waits_for_its_group_and_is_judged_then(world: World) -> None:
    world.arrive(contacts("m1"))
    world.drain()
    (waiting,) = world.store.held_since(0)
    assert (waiting.person, waiting.until, waiting.event.id) == ("ada", NOON + HOLD_MS, "m1")
    assert world.leads() == []

    world.now += 9 * MINUTE
    world.restart()
    world.arrive(group("g1", at=world.now))
    world.drain()

    assert world.leads() == [("acme", "pql", "open")]
    assert world.store.held_since(0) == []
    assert world.store.people.load([("mail", "ada")])["mail", "ada"].held == {}


def test_a_tick_ends_the_wait_on_an_idle_partition_and_only_one_is_written(world: World) -> None:
    world.arrive(contacts("m1"), contacts("m2", person="bob"))
    world.drain()
    world.now += HOLD_MS - 1
    world.drain()
    assert world.ticks(UNATTRIBUTED) == 0
    assert world.codes() == []

    world.now += 1
    world.drain()
    world.now += MINUTE
    world.drain()

    assert world.ticks(UNATTRIBUTED) == 1
    assert world.codes() == ["unattributed", "unattributed"]
    assert world.store.held_since(0) == []
    assert "Send `group` for ada" in world.store.dead_letters_since(0)[0].letter.message


def test_the_wait_ends_while_other_partitions_are_never_quiet(world: World) -> None:
    world.arrive(contacts("m1"))
    world.drain()
    for n in range(20):
        world.now += MINUTE
        world.arrive(usage_event(f"n{n}", account="bolt", at=world.now))
        assert world.worker.run_once(0)

    assert world.codes() == ["unattributed"]
    assert world.ticks(UNATTRIBUTED) == 1


def test_the_wait_ends_after_a_restart_too(world: World) -> None:
    world.arrive(contacts("m1"))
    world.drain()
    world.restart()
    world.now += HOLD_MS
    world.drain()
    world.drain()

    assert world.codes() == ["unattributed"]


def test_two_accounts_at_once_are_a_dead_letter_and_no_guess(world: World) -> None:
    world.arrive(group("g1", "acme"), group("g2", "bolt"), contacts("m1"))
    world.drain()

    assert world.codes() == ["ambiguous_account"]
    assert forwarded(world) == []


def test_a_person_without_account_does_not_hold_up_another(world: World) -> None:
    world.arrive(contacts("m1", person="bob"), group("g1"), contacts("m2"))
    world.drain()

    assert forwarded(world) == [("m2", "acme")]
    assert [waiting.person for waiting in world.store.held_since(0)] == ["bob"]


def test_copies_wait_once_and_count_once(world: World) -> None:
    for _ in range(2):
        world.arrive(contacts("m1"))
        world.drain()
    assert len(world.store.held_since(0)) == 1

    world.arrive(group("g1"), contacts("m1"))
    world.drain()

    assert forwarded(world) == [("m1", "acme"), ("m1", "acme")]
    assert [event.data["revision"] for event in world.sent()] == [1]


def test_a_copy_after_the_wait_makes_no_second_dead_letter(world: World) -> None:
    for _ in range(2):
        world.arrive(contacts("m1"))
        world.drain()
        world.now += HOLD_MS
        world.drain()

    assert world.codes() == ["unattributed"]
    assert world.store.held_since(0) == []


def test_an_identify_goes_to_a_hundred_accounts_at_most_and_the_next_group_says_so(world: World) -> None:
    world.arrive(*[group(f"g{n}", f"a{n}") for n in range(MEMBERSHIPS_MAX + 1)])
    world.arrive(usage_event("i1", "identify", person="ada", traits={"email": "ada@acme.io"}))
    world.drain()

    assert world.codes() == ["too_many_accounts"]
    assert {account for _, account in forwarded(world)} == {f"a{n}" for n in range(MEMBERSHIPS_MAX)}
    world.restart()
    world.arrive(group("again", "one-more"))
    world.drain()
    assert world.codes() == ["too_many_accounts"] * 2


def test_what_a_poll_grows_to_is_committed_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.arrive(*[group(f"g{n}", f"a{n}") for n in range(20)])
    world.drain()
    each = 20 * attributor.bytes_of(usage_event("i", "identify", person="ada", traits=ABOUT))
    monkeypatch.setattr(compute, "BATCH_BYTES_MAX", 2 * each)
    written: list[int] = []
    commit = world.store.commit

    def watched(changes: Changes, now: int) -> int:
        written.append(sum(len(cast("list[UsageEvent]", decode(row.value))) for row in changes.outbox))
        return commit(changes, now)

    monkeypatch.setattr(world.store, "commit", watched)
    for n in range(10):
        world.arrive(usage_event(f"i{n}", "identify", person="ada", traits=ABOUT))
    world.drain()

    assert len(forwarded(world)) == len(set(forwarded(world))) == 200
    assert sum(written) == 200
    assert max(written) <= 3 * 20, "full, and what its last record has made"


def test_many_that_have_waited_are_buried_bit_by_bit_in_few_statements(
    world: World, engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attributor, "EXPIRIES_MAX", 50)
    monkeypatch.setattr(attributor, "PEOPLE_MAX", 20)
    world.arrive(*[usage_event(f"m{n}", anonymous=f"visitor {n % 60}") for n in range(120)])
    world.drain()
    deletes: list[str] = []
    sa.event.listen(
        engine, "before_cursor_execute", lambda *call: deletes.append(call[2]) if "DELETE FROM held" in call[2] else None
    )

    world.now += HOLD_MS
    buried = []
    for _ in range(4):
        world.drain()
        buried.append(len(world.codes()))
        world.now += 1_000

    assert buried == [50, 100, 120, 120]
    assert len(deletes) == 3
    assert world.store.held_since(0) == []


def test_who_has_waited_is_buried_in_the_same_order_after_a_restart(
    world: World, calm_store: DetectorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a group has settled what was first due, which only memory remembers."""
    monkeypatch.setattr(attributor, "EXPIRIES_MAX", 3)
    monkeypatch.setattr(attributor, "PEOPLE_MAX", 2)
    (tmp_path / "calm").mkdir()
    calm = World(tmp_path / "calm", calm_store)
    for each in (world, calm):
        each.arrive(contacts("zoe0", person="zoe"))
        each.drain()
        each.now += MINUTE
        each.arrive(*[contacts(f"{name}1", person=name, at=NOON - HOLD_MS) for name in ("zoe", "bob", "cyd", "dan")])
        each.drain()
        each.now += MINUTE
        each.arrive(group("g1", person="zoe", at=NOON + 1))
        each.drain()
    world.restart()
    for each in (world, calm):
        each.now += 2 * HOLD_MS
        each.drain()

    assert [w.person for w in world.store.held_since(0)] == [w.person for w in calm.store.held_since(0)] == ["zoe"]
    calm.close()


def test_a_project_cannot_make_endless_events_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attribution, "HELD_PER_PROJECT_MAX", 3)
    world.arrive(*[usage_event(f"m{n}", anonymous=f"visitor {n}") for n in range(2)], contacts("m2"))
    world.drain()
    world.restart()
    world.arrive(usage_event("m3", anonymous="visitor 3"), usage_event("m4", anonymous="visitor 4", project="crm"))
    world.drain()
    assert world.codes() == ["unattributed"]
    assert "3 events of this project wait" in world.store.dead_letters_since(0)[0].letter.message

    world.arrive(group("g1"))  # two wait now
    world.arrive(*[usage_event(f"n{n}", anonymous=f"visitor {n}") for n in range(2)])
    world.drain()

    assert [waiting.event.id for waiting in world.store.held_since(0)] == ["m0", "m1", "m4", "n0"]
    assert len(world.codes()) == 2


def test_what_waited_under_an_anonymous_id_waits_no_more_when_it_is_known_whose_it_is(world: World) -> None:
    world.arrive(usage_event("m1", name="Contact Count Changed", person=None, anonymous="x", properties={"total": 487}))
    world.drain()
    (waiting,) = world.store.held_since(0)
    assert waiting.person == "x"

    world.arrive(group("g1"), usage_event("l1", "alias", person=None, anonymous="x", link="ada"))
    world.drain()

    assert world.leads() == [("acme", "pql", "open")]
    assert world.store.held_since(0) == []
    world.restart()
    world.now += 2 * HOLD_MS
    world.drain()
    assert world.codes() == []
