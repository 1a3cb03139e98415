"""Another rulebook is applied while a detector works: what its partitions know, and that nobody is lost or found twice."""

from contracts.messages import LeadEvent, UsageEvent
from detector.core.facts.store import unpack
from detector.core.rulebook.adoption import WAY_BACK_MS
from tests.detector.shell.samples import NOON, usage_event
from tests.detector.shell.world import World

DAY = 86_400_000
FIRST = """
project: fresh
use: b2b-saas@1
measures:
  sent: {count: Sent, window: 7d}
rules:
  busy: {lead: pql, when: [sent >= 3], cooldown: 20d, say: "{sent} sent"}
"""
SECOND = """
project: fresh
use: b2b-saas@1
measures:
  sent: {count: Sent, window: 7d}
  opened: {count: Opened, window: 7d}
rules:
  busy: {lead: pql, when: [sent >= 3], cooldown: 20d, say: "has sent {sent}"}
  idle: {lead: mql, when: [opened < 1], cooldown: 20d, say: "{opened} opened"}
"""


def happened(id_: str, name: str, account: str, at: int = NOON) -> UsageEvent:
    return usage_event(id_, at=at, project="fresh", name=name, account=account)


def _found(world: World) -> list[tuple[str, str, int, int]]:
    """(account, lead type, when it qualified, by which version) of all that was created."""
    return sorted((each.account, each.data["lead_type"], *_when(each)) for each in world.sent() if each.type == "lead.created")


def _when(event: LeadEvent) -> tuple[int, int]:
    return event.timestamp - NOON, event.rulebook_version


def _at(world: World, day: float) -> int:
    world.now = NOON + int(day * DAY)
    return world.now


def test_a_rule_about_silence_finds_who_says_nothing(world: World) -> None:
    world.apply(FIRST)
    world.send(happened("a", "Opened", "quiet"), happened("b", "Opened", "dumb"))
    _at(world, 1)
    world.apply(SECOND)
    world.drain()
    world.restart()
    _at(world, 8)
    world.drain()
    assert _found(world) == [("dumb", "mql", 8 * DAY, 2), ("quiet", "mql", 8 * DAY, 2)]


def test_after_a_restart_it_is_known_since_when_facts_are_kept(world: World) -> None:
    world.apply(FIRST)
    world.send(happened("a", "Sent", "acme"))
    _at(world, 1)
    world.apply(SECOND)
    world.drain()
    world.restart()
    world.send(happened("b", "Sent", "acme", _at(world, 2)))
    world.drain()
    assert _found(world) == []
    spans = world.store.rulebooks.spans()[0]["fresh"].values()
    known = {(span.version, span.since, span.filled) for span in spans}
    assert known == {(2, -1, 2), (2, NOON + DAY, 0)}, "the facts from the beginning of the log, the rules from the switch on"


def test_switches_in_the_midst_of_a_batch_lose_and_double_nothing_and_each_lead_names_its_version(world: World) -> None:
    """All of it is read at once. An account has sent thrice, once before the switch and twice after, or the other way round."""
    world.apply(FIRST)
    for version in (1, 2, 3, 4):
        for n in range(50):
            account = f"acc-{(n + version) % 50}"
            world.send(happened(f"{version}-{n}", "Sent", account, _at(world, version / 100 + n / 10_000)))
        world.apply((SECOND, FIRST)[version % 2])
        world.apply((SECOND, FIRST)[version % 2])
    world.drain()
    found = [each for each in _found(world) if each[1] == "pql"]
    assert [account for account, *_ in found] == sorted(f"acc-{n}" for n in range(50))
    assert {version for *_, version in found} == {2}, "the same twice is one version, and the rule is the same in all"
    events = {each.id for each in world.sent()}
    assert len(events) == len(world.sent())


def test_what_was_there_before_any_rulebook_is_not_taken_for_new(world: World) -> None:
    world.send(happened("a", "Opened", "old"))
    _at(world, 1)
    world.apply(SECOND)
    world.send(happened("b", "Sent", "old", world.now), happened("c", "Sent", "new", world.now))
    world.drain()
    assert _found(world) == [("new", "mql", DAY, 1)]
    _at(world, 9)
    world.drain()
    assert _found(world) == [("new", "mql", DAY, 1), ("old", "mql", 9 * DAY, 1)], "it had opened something until day 7"


def test_facts_that_were_removed_are_kept_for_seven_days_and_then_they_go(world: World) -> None:
    world.apply(SECOND)
    world.send(happened("a", "Opened", "acme"))
    world.drain()
    _at(world, 1)
    world.apply(FIRST)
    world.send(happened("b", "Opened", "acme", world.now))
    world.drain()
    ((_, spans),) = world.store.rulebooks.spans()[0].items()
    assert {(span.gone, span.last) for span in spans.values()} == {(NOON + DAY, 1)}
    kept = set(_facts(world))
    assert {key for key in spans if key.startswith("s")} <= kept

    world.now = NOON + DAY + WAY_BACK_MS + 1
    world.send(happened("c", "Sent", "acme", world.now))
    world.drain()
    assert world.store.rulebooks.spans() == {}
    assert not set(spans) & set(_facts(world))
    assert _facts(world)


def _facts(world: World) -> list[str]:
    """The keys under which anything is stored of the account."""
    ((hot, _),) = world.store.accounts.load([("fresh", "acme")]).values()
    return list(unpack(hot)[1])
