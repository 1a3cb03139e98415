"""History: folded when it comes, and each account's whole timeline judged once that is complete."""

import sqlalchemy as sa

from contracts.codec import encode
from contracts.messages import EVENTS, Command, ImportEnd
from eventlog.port import Entry
from tests.detector.shell.samples import NOON, contacts, usage_event
from tests.detector.shell.world import World

DAY = 86_400_000
YEARS_AGO = NOON - 700 * DAY


def _history(world: World) -> None:
    """Newest first: what an import's order must not decide. A limit reached, the plan raised, and reached again lately."""
    plan = usage_event("h3", "group", YEARS_AGO + 3 * DAY, account="acme", traits={"plan": "standard"}, historical=True)
    for event in (
        contacts("h4", 9_000, at=NOON - 2 * DAY, historical=True),
        plan,
        contacts("h1", 400, at=YEARS_AGO, historical=True),
        contacts("h2", 500, at=YEARS_AGO + DAY, historical=True),
    ):
        world.send(event)


def _end(world: World) -> None:
    world.append(Entry(EVENTS, 0, encode(ImportEnd(project="mail", import_id="i1"))))
    world.drain()


def _told(world: World) -> list[tuple[str, str, bool]]:
    return [(event.type, event.data["lead_type"], event.notify) for event in world.sent()]


def test_a_timeline_is_judged_once_in_its_own_order_and_only_what_is_news_is_told(world: World) -> None:
    _history(world)
    world.drain()
    assert world.sent() == []

    _end(world)

    assert _told(world) == [("lead.created", "pql", False), ("lead.won", "pql", False), ("lead.created", "xql", True)]
    created = world.sent()[0]
    assert created.data["account"]["stage"] == "free", "as the account stood then"
    world.now += 30 * DAY
    _end(world)
    assert [event.type for event in world.sent()[3:]] == ["lead.overdue"], "of the one that was told"


def test_a_lead_that_qualified_long_ago_is_recorded_and_told_to_nobody_though_it_stays_open(world: World) -> None:
    week_ago = NOON - 7 * DAY
    for account, at in (("years", YEARS_AGO), ("over", week_ago - 1), ("week", week_ago)):
        world.send(contacts(account, 487, account, at, historical=True))
    _end(world)
    assert {event.account: event.notify for event in world.sent()} == {"years": False, "over": False, "week": True}
    assert len(world.leads()) == 3


def test_an_import_without_an_end_is_judged_when_nothing_more_of_it_came_for_ten_minutes(world: World) -> None:
    _history(world)
    world.drain()
    world.now += 599_000
    world.drain()
    assert world.sent() == []
    world.now += 2_000
    world.drain()
    assert [type_ for type_, _, _ in _told(world)] == ["lead.created", "lead.won", "lead.created"]


def test_a_restart_between_the_end_and_the_judging_loses_nothing(world: World) -> None:
    accounts = [f"acc_{n:04}" for n in range(1_100)]
    world.send(*[contacts(f"h{name}", 487, name, NOON - DAY, historical=True) for name in accounts])
    world.append(Entry(EVENTS, 0, encode(ImportEnd(project="mail", import_id="i1"))))
    world.worker.run_once(0)
    world.restart()
    world.now += 1_000
    world.drain()
    assert sorted({event.account for event in world.sent()}) == accounts


def test_history_sent_again_changes_nothing(world: World) -> None:
    for _ in range(2):
        _history(world)
        _end(world)
    assert len(world.sent()) == 3


def test_what_is_live_during_an_import_is_judged_with_the_history(world: World) -> None:
    _history(world)
    world.send(contacts("live", 9_500, at=NOON))
    world.drain()
    assert world.sent() == []
    _end(world)
    assert [type_ for type_, _, _ in _told(world)] == ["lead.created", "lead.won", "lead.created"]


def test_an_import_that_qualifies_nobody_is_over_all_the_same(world: World) -> None:
    world.send(contacts("h1", 3, at=NOON - DAY, historical=True))
    _end(world)
    world.restart()
    world.now += 1_000
    world.send(contacts("live", 487, at=world.now))
    world.drain()
    assert [type_ for type_, _, _ in _told(world)] == ["lead.created"]


def test_an_allowance_that_changes_during_an_import_does_not_keep_it_from_being_judged(world: World) -> None:
    world.send(*[contacts(f"live{n}", total, at=NOON - DAY + n) for n, total in enumerate((400, 100, 450))])
    world.send(contacts("h1", 3, at=NOON - 100 * DAY, historical=True))
    allowed = {"limit": "contacts", "allowed": 2_000.0}
    world.append(Entry(EVENTS, 0, encode(Command(id="c1", project="mail", account="acme", name="override", arguments=allowed))))
    world.drain()
    assert len(_told(world)) == 1, "before the import"

    world.now += 11 * 60_000
    world.send(contacts("more", 1_900, at=world.now))
    world.drain()

    assert _told(world)[1:] == [("lead.updated", "pql", True)], "by the new allowance, and at once"


def test_the_end_of_an_import_wakes_nobody_else(world: World) -> None:
    """Though time alone will change them: there may be a million."""
    for n, total in enumerate((480, 10, 480)):  # the second rise is told when the cooldown ends
        world.send(contacts(f"m{n}", total, "other", NOON + n))
    world.drain()
    [before] = world.store.accounts.due(0)
    assert (before.account, before.importing) == ("other", False)
    _history(world)
    world.drain()
    assert {row.account: row.importing for row in world.store.accounts.due(0)} == {"acme": True, "other": False}

    world.append(Entry(EVENTS, 0, encode(ImportEnd(project="mail", import_id="i1"))))
    written: list[str] = []
    sa.event.listen(world.store._engine, "before_cursor_execute", lambda *call: written.append(f"{call[2]} {call[3]}"))
    world.drain()

    assert before in world.store.accounts.due(0)
    assert not any("INTO due" in statement and "other" in statement for statement in written)
