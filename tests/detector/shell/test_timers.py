"""Time without events: what falls due on silent accounts fires once, at its own instant, whatever happens in between."""

from pathlib import Path

from contracts.codec import encode
from contracts.messages import EVENTS, ImportEnd
from detector.store import DetectorStore
from eventlog.port import Entry
from tests.detector.shell.samples import NOON, contacts
from tests.detector.shell.world import World

DAY = 86_400_000
OVER = NOON + 14 * DAY
"""When the cooldown of the first signal ends."""


def _silenced(world: World, account: str = "acme") -> None:
    """An account whose second rise the cooldown silences; it still holds when that is over."""
    for day, total in ((0, 487), (1, 100), (2, 487)):
        world.now = NOON + day * DAY
        world.send(contacts(f"{account}{day}", total, account, world.now))
    world.drain()


def _told(world: World) -> list[tuple[str, str]]:
    return [(event.account, event.data["signals"][-1]["at"]) for event in world.sent() if event.type == "lead.updated"]


def test_what_a_cooldown_silenced_is_told_on_a_silent_account_where_the_cooldown_ended(world: World) -> None:
    _silenced(world)
    world.now = OVER - 1
    world.drain()
    assert (world.ticks(EVENTS), _told(world)) == (0, [])

    world.now = OVER + 5_000
    world.drain()

    assert world.ticks(EVENTS) == 1
    assert _told(world) == [("acme", "2026-06-11T20:26:40.000Z")]
    world.now += 30 * DAY
    world.drain()
    assert world.ticks(EVENTS) == 1, "nothing is due any more"


def test_a_timer_fires_at_the_same_instant_after_a_restart(world: World) -> None:
    _silenced(world)
    world.restart()
    world.now = OVER + DAY
    world.drain()
    world.restart()
    world.drain()
    assert _told(world) == [("acme", "2026-06-11T20:26:40.000Z")]


def test_events_of_other_accounts_let_time_pass_too(world: World) -> None:
    _silenced(world)
    world.now = OVER + DAY
    world.send(contacts("other", 1, "bolt", world.now))
    world.worker.run_once(0)
    world.drain()
    assert _told(world) == [("acme", "2026-06-11T20:26:40.000Z")]
    assert world.ticks(EVENTS) == 0


def test_many_accounts_that_fall_due_together_are_all_told(world: World) -> None:
    accounts = [f"acc_{n:04}" for n in range(1_200)]
    for day, total in ((0, 487), (1, 100), (2, 487)):
        world.now = NOON + day * DAY
        world.send(*[contacts(f"{account}{day}", total, account, world.now) for account in accounts])
    world.drain()
    world.now = OVER
    world.drain()
    assert sorted(account for account, _ in _told(world)) == accounts


def test_more_accounts_than_one_batch_judges_are_judged_in_one_place_whenever_it_is_killed(world: World) -> None:
    """An import ends: all of it is due at that record, which is given again until nobody is."""
    accounts = [f"acc_{n:04}" for n in range(2_100)]
    world.send(*[contacts(account, 487, account, NOON, historical=True) for account in accounts])
    world.append(Entry(EVENTS, 0, encode(ImportEnd(project="mail", import_id="i1"))))
    world.send(contacts("after", 487, "acc_2099", NOON + DAY))
    seen = set()
    while world.worker.run_once(0):
        world.restart()
        seen.add(len(world.sent()))
    assert [(event.account, event.place.offset) for event in world.sent()] == [(account, 2) for account in accounts]
    assert {1_000, 2_000} <= seen, "killed in between"


def test_what_time_brings_between_records_comes_in_its_place_however_many_are_read_at_once(
    tmp_path: Path, store: DetectorStore, calm_store: DetectorStore
) -> None:
    """A cooldown ends between events of its own account, in a record that says nothing of it."""
    told = [
        _around_a_cooldown(tmp_path / "one", store, at_once=False),
        _around_a_cooldown(tmp_path / "all", calm_store, at_once=True),
    ]
    assert told[0] == told[1]
    assert ("acme", "lead.updated", 7) in {(account, type_, offset) for _, account, type_, offset, _ in told[0]}


def _around_a_cooldown(folder: Path, store: DetectorStore, *, at_once: bool) -> list[tuple[object, ...]]:
    folder.mkdir()
    world = World(folder, store)
    world.apply()
    for number, (time, account, total) in enumerate(
        [
            *((NOON + day * DAY, "acme", total) for day, total in ((0, 487), (1, 100), (2, 487))),
            (OVER - 2, "acme", 488),
            (OVER - 2, "bolt", 487),
            (OVER - 1, "acme", 489),
            (OVER + 1, "bolt", 490),
            (OVER + 2, "acme", 490),
            (OVER + 2, "cork", 487),
        ]
    ):
        world.now = time
        world.send(contacts(f"m{number}", total, account, time))
        if not at_once:
            world.drain()
    world.drain()
    world.close()
    return [(each.id, each.account, each.type, each.place.offset, each.data) for each in world.sent()]
