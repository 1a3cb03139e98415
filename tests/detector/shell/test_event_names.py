"""Which events arrive: counted once, by name, whatever happens in between, and bounded whatever a client puts into names."""

import pytest

from contracts.messages import EVENTS
from detector import inventory
from detector.store.event_names import EventName
from eventlog.port import TopicPartition
from tests.detector.shell.samples import NOON, contacts, database_is_away, usage_event
from tests.detector.shell.world import World

AT = TopicPartition(EVENTS, 0)


def counted(world: World, project: str = "mail") -> dict[tuple[str, str], int]:
    return {(each.type, each.name): each.number for each in world.store.event_names.all(project)}


def test_events_are_counted_by_name_with_the_times_of_the_first_and_the_last(world: World) -> None:
    world.send(contacts("m1", 1), contacts("m2", 2), usage_event("m3", "page", name="Pricing", account="acme"))
    world.drain()
    world.now += 60_000
    world.send(contacts("m4", 3), usage_event("m5", "identify", account="acme", person="ada"))
    world.drain()
    assert world.store.event_names.all("mail") == [
        EventName("track", "Contact Count Changed", 3, NOON, NOON + 60_000),
        EventName("identify", "", 1, NOON + 60_000, NOON + 60_000),
        EventName("page", "Pricing", 1, NOON, NOON),
    ]
    assert world.store.event_names.all("another") == []


def test_copies_and_a_restart_count_nothing_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.send(contacts("m1", 1), contacts("m1", 1))
    world.drain()
    with monkeypatch.context() as patch:
        patch.setattr(world.store, "commit", database_is_away)
        world.send(contacts("m2", 2))
        with pytest.raises(Exception, match="server closed"):
            world.drain()
    world.drain()
    world.restart()
    world.send(contacts("m2", 2), contacts("m3", 3))
    world.drain()
    assert counted(world) == {("track", "Contact Count Changed"): 3}


def test_events_of_a_project_without_a_rulebook_are_counted_too(world: World) -> None:
    world.send(usage_event("m1", project="new", name="Signed Up", account="acme"))
    world.drain()
    assert counted(world, "new") == {("track", "Signed Up"): 1}


def test_ids_in_names_do_not_blow_it_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "NAMES_MAX", 3)
    world.send(*(usage_event(f"m{n}", name=f"Opened {n}", account="acme") for n in range(5)))
    world.drain()
    world.restart()
    names = ["Opened 1", "Opened 7", "Opened 8", "Opened 8"]
    world.send(*(usage_event(f"n{n}", name=name, account="acme") for n, name in enumerate(names)))
    world.send(usage_event("o", project="another", name="Opened 9", account="acme"))
    world.drain()
    assert counted(world) == {
        ("track", "Opened 0"): 1,
        ("track", "Opened 1"): 2,
        ("track", "Opened 2"): 1,
        inventory.OTHERS: 5,
    }
    assert counted(world, "another") == {("track", "Opened 9"): 1}


def test_names_that_no_database_takes_stop_nothing(world: World) -> None:
    long = "x" * 300
    world.send(
        *(
            usage_event(f"m{n}", name=name, account="acme")
            for n, name in enumerate(["a\0b", long + "1", long + "2", "\U0001f4a9"])
        )
    )
    world.drain()
    assert world.halted() == []
    assert counted(world) == {("track", "x" * 200): 2, ("track", "ab"): 1, ("track", "\U0001f4a9"): 1}
