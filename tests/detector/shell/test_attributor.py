"""Events that name no account: resolved by a group before or after, held, ambiguous, or timed out by a tick."""

from contracts.codec import decode
from contracts.messages import EVENTS, UNATTRIBUTED, UsageEvent
from detector.core.attribution import HOLD_MS
from tests.detector.shell.samples import MINUTE, NOON, usage_event
from tests.detector.shell.world import World


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
