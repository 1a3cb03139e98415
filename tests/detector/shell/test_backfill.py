"""A rulebook begins facts in the middle of a log: it is read again for them, whatever happens meanwhile."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from contracts.codec import encode
from contracts.messages import EVENTS, Backfilled, ImportEnd
from contracts.messages import UsageEvent as Event
from detector import backfilling, folding
from detector.account_reading import AccountReading
from detector.backfill import Backfill
from detector.backfill_view import backfills
from detector.core.account import Account
from detector.core.backfill import gather
from detector.core.ledger import RuleState
from detector.core.rulebook.program import Program
from detector.health import HealthReporter
from detector.shapes import BackfillLine
from detector.store.audit import Scope
from detector.verify import verify
from detector.why_view import WhyViews
from eventlog.port import Entry
from tests.detector.shell.samples import EVENTS_0, HOUR, NOON, usage_event
from tests.detector.shell.world import World

DAY = 86_400_000
FIRST = """
project: fresh
use: b2b-saas@1
rules:
  busy: {lead: pql, when: [page_views >= 100], say: "busy"}
measures:
  page_views: {count: Paged, window: 7d}
"""
SECOND = (
    FIRST
    + """\
  opened: {count: Opened, window: 7d}
  reports: {count: Reported}
"""
).replace(
    "rules:\n",
    """\
rules:
  keen: {lead: pql, when: [opened >= 3], cooldown: 20d, say: "{opened} opened"}
  lately: {lead: xql, when: [opened >= 3], cooldown: 20d, on_enable: {backfill: 3d}, say: "{opened} opened"}
  quiet: {lead: mql, when: [reports < 1, opened >= 1], cooldown: 20d, on_enable: fire_all, say: "{reports} reports"}
""",
)
DROPPING = SECOND.replace("use: b2b-saas@1\n", "use: b2b-saas@1\ndrop_events: ['person.email_domain == \"ours.example\"']\n")
_ids = count()


@pytest.fixture(params=[0, 32], ids=["reads", "waits"])
def near(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """All of it is read before the end is announced, or all of it where the announcement is read."""
    monkeypatch.setattr(backfilling, "NEAR_RECORDS", request.param)
    monkeypatch.setattr(backfilling, "READ_BYTES_MAX", 1)
    return int(request.param)


def happened(name: str, account: str, at: int, id_: str = "", **more: Any) -> Event:
    return usage_event(id_ or f"m{next(_ids)}", at=at, project="fresh", name=name, account=account, **more)


def _at(world: World, day: float) -> int:
    world.now = NOON + int(day * DAY)
    return world.now


def _opens(world: World, account: str, *days: float) -> None:
    for day in days:
        world.send(happened("Opened", account, _at(world, day)))


def _signals(world: World) -> list[tuple[str, str, float]]:
    """(account, rule, when it qualified, in days) of all that stands."""
    stored = world.store.accounts.load(("fresh", name) for name in world.store.accounts.names("fresh"))
    rules = ((account, name, state) for key, row in stored.items() for account, name, state in _rules(Account.load(*key, *row)))
    return sorted((account, name, (each.qualified_at - NOON) / DAY) for account, name, state in rules for each in state.signals)


def _rules(account: Account) -> list[tuple[str, str, RuleState]]:
    return [(account.external_id, name, state) for name, state in account.ledger.rules.items()]


def _clean(world: World) -> bool:
    """By itself an account is what it is among all."""
    names = [name for name in world.store.accounts.names("fresh") if world.store.leads.newest("fresh", name, 1)]
    reports = [verify(world.log, world.store, scope, lambda _: None) for scope in (Scope(), Scope("fresh", names[0]))]
    assert all(report.leads > 0 for report in reports)
    return not any(report.differences or report.unverifiable or report.leads_unverified for report in reports)


def _backfilled(world: World, version: int) -> None:
    world.append(Entry(EVENTS, 0, encode(Backfilled(project="fresh", version=version))))


def _is_over(world: World) -> bool:
    spans = world.store.rulebooks.spans()[0]["fresh"]
    left = [key for key, span in spans.items() if not key.startswith("rule/") and not span.filled and span.gone > 1 << 60]
    return not left and not world.store.backfills.all()


def _story(world: World) -> None:
    """Four accounts, each standing elsewhere at the switch on day 3."""
    world.apply(FIRST)
    _opens(world, "early", 0.0, 0.1, 0.2)
    _opens(world, "nearly", 2.0, 2.1)
    world.send(happened("Reported", "nearly", _at(world, 2.2)))
    _opens(world, "little", 2.3)
    world.send(happened("Paged", "nobody", _at(world, 2.4)))
    _at(world, 3)


FOUND = [
    ("early", "lately", 0.2),
    ("early", "quiet", 3.0),
    ("little", "quiet", 3.0),
    ("nearly", "keen", 4.0),
    ("nearly", "lately", 4.0),
]


def _goes_on(world: World) -> None:
    _opens(world, "nearly", 4.0)
    world.drain()


def test_what_the_log_still_had_counts_and_rules_tell_as_far_as_they_look_back(world: World, near: int) -> None:  # noqa: ARG001
    _story(world)
    world.drain()
    world.apply(SECOND)
    world.drain()
    _goes_on(world)
    assert _signals(world) == FOUND
    assert _is_over(world)
    assert _clean(world)


def test_a_detector_that_dies_at_any_turn_goes_on_where_it_stood(world: World, near: int) -> None:  # noqa: ARG001
    _story(world)
    world.drain()
    world.apply(SECOND)
    for _ in range(40):
        world.worker.run_once(0)
        world.restart()
    world.drain()
    _goes_on(world)
    assert _signals(world) == FOUND
    assert _is_over(world)
    assert _clean(world)


def test_what_is_judged_meanwhile_does_not_depend_on_how_far_it_has_come(world: World, near: int) -> None:  # noqa: ARG001
    """Sales hears nothing of a new rule before it is known who qualified already."""
    _story(world)
    world.drain()
    world.apply(SECOND)
    for _ in range(4):
        world.worker.run_once(0)
        _opens(world, "early", 3.0 + len(world.records(EVENTS)) / 1_000)
        assert _signals(world) == [] or _is_over(world)
    world.drain()
    assert [each for each in _signals(world) if each[0] == "early"] == FOUND[:2]
    assert not any(each.type == "lead.retracted" for each in world.sent())
    assert _clean(world)


def test_another_rulebook_is_applied_while_it_is_read(world: World, near: int) -> None:  # noqa: ARG001
    _story(world)
    world.drain()
    world.apply(SECOND)
    for _ in range(3):
        world.worker.run_once(0)
    world.apply(SECOND + "  more: {count: Closed}\n")
    world.worker.run_once(0)
    world.restart()
    _backfilled(world, 2)
    world.drain()
    _goes_on(world)
    assert _signals(world) == FOUND
    assert _is_over(world)
    assert _clean(world)


def test_whoever_says_that_it_is_done_is_believed_once_it_is(world: World) -> None:
    _story(world)
    _opens(world, "twice", 2.9)
    _at(world, 3)
    world.apply(SECOND)
    _backfilled(world, 3)
    _backfilled(world, 2)
    _backfilled(world, 2)
    _opens(world, "twice", 3.1)
    world.drain()
    _backfilled(world, 2)
    world.drain()
    _goes_on(world)
    assert _signals(world) == [*FOUND, ("twice", "quiet", 3.0)]
    assert _clean(world)


def test_copies_are_recognised_as_they_were_at_first(world: World, near: int) -> None:  # noqa: ARG001
    _story(world)
    world.send(happened("Opened", "nearly", _at(world, 2.5), "same"))
    world.send(happened("Opened", "twice", _at(world, 2.6), "once"))
    for _ in range(5):
        world.send(happened("Opened", "twice", NOON + int(2.6 * DAY), "once", received_at=_at(world, 2.7)))
    world.drain()
    _at(world, 3)
    world.apply(SECOND)
    for _ in range(12):
        world.worker.run_once(0)
        world.restart()
    world.send(happened("Opened", "twice", NOON + int(2.6 * DAY), "once", received_at=world.now))
    world.drain()
    assert [each for each in _signals(world) if each[:2] == ("twice", "lately")] == []
    assert [each for each in _signals(world) if each[:2] == ("nearly", "lately")] == [("nearly", "lately", 2.5)]
    assert _clean(world)


def test_what_the_rulebook_drops_it_drops_in_the_past_too(world: World, near: int) -> None:  # noqa: ARG001
    world.apply(FIRST)
    who = {"person": "eva", "account": "acme"}
    world.send(usage_event("i", "identify", NOON, project="fresh", traits={"email": "eva@ours.example"}, **who))
    for n in range(3):
        world.send(happened("Opened", "acme", _at(world, 1 + n / 10), person="eva"), happened("Opened", "bolt", world.now))
    _at(world, 3)
    world.apply(DROPPING)
    world.drain()
    assert _signals(world) == [("bolt", "lately", 1.2), ("bolt", "quiet", 3.0)]
    assert _clean(world)


def test_an_import_that_is_going_on_is_judged_when_it_has_come(world: World, near: int) -> None:  # noqa: ARG001
    world.apply(FIRST)
    for n in range(2):
        world.send(happened("Opened", "old", NOON - (9 - n) * HOUR, historical=True, received_at=NOON))
    world.drain()
    world.apply(SECOND)
    world.drain()
    assert _is_over(world)
    assert _signals(world) == []
    world.send(happened("Opened", "old", NOON - HOUR, historical=True, received_at=NOON))
    world.append(Entry(EVENTS, 0, encode(ImportEnd(project="fresh", import_id="i"))))
    world.drain()
    assert _signals(world) == [("old", "lately", -1 / 24), ("old", "quiet", 0.0)]
    assert _clean(world)


def test_a_defect_in_it_stops_its_partition_and_says_why(world: World, near: int, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    def breaks(gathers: Program, account: Account, event: Event) -> None:
        assert account.external_id != "little", "broken"
        gather(gathers, account, event)

    _story(world)
    world.drain()
    monkeypatch.setattr(folding, "gather", breaks)
    world.apply(SECOND)
    for _ in range(40):
        world.worker.run_once(0)
    _opens(world, "early", 3.1)
    for _ in range(5):
        world.worker.run_once(0)
    (why,) = world.halted()
    assert "could not be processed" in why
    assert "broken" in why
    monkeypatch.undo()
    world.restart()
    world.drain()
    _goes_on(world)
    assert world.halted() == []
    assert _signals(world) == FOUND


def test_a_log_that_loses_its_beginning_while_it_is_verified_is_unverifiable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _story(world)
    world.drain()
    world.apply(SECOND)
    world.drain()
    monkeypatch.setattr(Backfill, "begins", _later(Backfill.begins))
    report = verify(world.log, world.store, Scope(), lambda _: None)
    assert report.differences == []
    assert "the log begins at offset 1 now" in report.unverifiable[0]


def _later(begins: Callable[[Backfill, int, int], None]) -> Callable[[Backfill, int, int], None]:
    return lambda of, offset, now: begins(of, offset + 1, now)


def test_of_a_log_that_begins_later_so_much_is_known(world: World, near: int) -> None:  # noqa: ARG001
    world.apply(FIRST)
    _opens(world, "early", 0.0, 0.1)
    world.drain()
    _at(world, 90.5)
    world.producer.close()
    world.producer = world.log.producer()  # whose first append finds what is too old
    world.restart()
    _opens(world, "early", 90.5)
    _opens(world, "later", 91.0)
    world.drain()
    _at(world, 92)
    world.apply(SECOND)
    world.drain()
    assert world.log.consumer([EVENTS]).beginning_offsets()[EVENTS_0] > 0
    spans = world.store.rulebooks.spans()[0]["fresh"]
    assert {span.since for span in spans.values() if span.filled} == {NOON + int(90.5 * DAY)}
    assert _signals(world) == [], "there may have been reports"
    _opens(world, "early", 92.1, 92.2)
    world.drain()
    assert _signals(world) == [("early", "keen", 92.2), ("early", "lately", 92.2)]


def test_a_first_rulebook_finds_what_came_before_it(world: World, near: int) -> None:  # noqa: ARG001
    _opens(world, "early", 0.0, 0.1, 0.2)
    _opens(world, "nearly", 2.0, 2.1)
    world.send(happened("Reported", "nearly", _at(world, 2.2)))
    _opens(world, "little", 2.3)
    world.drain()
    _at(world, 3)
    world.apply(SECOND)
    world.drain()
    _goes_on(world)
    assert _signals(world) == FOUND
    assert _is_over(world)
    assert _clean(world)


def test_people_see_how_far_it_has_come_and_what_waits_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfilling, "NEAR_RECORDS", 0)
    monkeypatch.setattr(backfilling, "READ_BYTES_MAX", 1)
    for n in range(30):
        _opens(world, "many", n / 20)
    _story(world)
    world.drain()
    reading, health = AccountReading(world.store), HealthReporter(world.store)
    why = WhyViews(world.store, reading)
    assert backfills(world.store, world.now) == []
    assert health.report({}, world.now)["backfills"] is None
    world.apply(SECOND)
    seen: list[BackfillLine] = []
    while not (seen and _is_over(world)):
        world.worker.run_once(0)
        world.now += 500
        seen += backfills(world.store, world.now, "fresh")
    percents = [each.percent for each in seen]
    assert percents == sorted(percents)
    assert percents[0] <= 10
    assert len(set(percents)) > 10
    assert {(each.version, each.partitions, each.done, *each.rules) for each in seen} == {(2, 1, 0, "keen", "lately", "quiet")}
    half = seen[len(seen) // 2]
    assert half.left_s is not None
    assert 1 <= half.left_s <= 30
    assert backfills(world.store, world.now) == []
    assert why.view("fresh", "early", "keen", world.now).rules[0].silences == []


def test_why_says_that_a_rule_waits_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfilling, "NEAR_RECORDS", 0)
    monkeypatch.setattr(backfilling, "READ_BYTES_MAX", 1)
    _story(world)
    world.drain()
    world.apply(SECOND)
    for _ in range(3):
        world.worker.run_once(0)
    why = WhyViews(world.store, AccountReading(world.store))
    silences = {each.rule: [of.because for of in each.silences] for each in why.view("fresh", "early", None, world.now).rules}
    assert silences["keen"] == silences["quiet"] == ["backfill"]
    assert silences["busy"] == []
    assert HealthReporter(world.store).report({}, world.now)["backfills"]["fresh"]["done"] == 0
