"""Time without events: what falls due on silent accounts fires once, at its own instant, whatever happens in between."""

from contracts.messages import EVENTS
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
    world.now += 1_000
    world.drain()
    assert sorted(account for account, _ in _told(world)) == accounts
