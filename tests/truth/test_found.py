"""What the made-up cases once found wrong, each as small as it could be made."""

from typing import Any

from tests.oracle.account import DAY, Event
from tests.oracle.oracle import Signal, signals
from tests.truth.books import EVENTS, FEATURES, LEAD_TYPES, LIMITS, PLANS
from tests.truth.driver import Detector, program
from tests.truth.generate import T0, event
from tests.truth.sales import Command, overrides_in


def book(rules: dict[str, Any], *, no_plan: str | None = "free", **sections: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"project": "acme-mail", "events": EVENTS, "limits": LIMITS, "features": FEATURES, "plans": PLANS}
    found |= {"lead_types": LEAD_TYPES, "onboarding": {"steps": ["signed", "imported"], "within": "3d"}, "measures": {}}
    if no_plan is not None:
        found["no_plan"] = no_plan
    return {**found, **sections, "rules": {name: {"say": "x", "lead": "pql", **rule} for name, rule in rules.items()}}


class Log:
    """Events of one account in order of arrival, and commands; days count from T0. What is `late` arrives so many ms after."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.steps: list[Event | Command] = []

    def add(self, what: str, day: float, *, late: int = 0, person: str | None = "ada", **more: Any) -> "Log":
        made = event(f"m{len(self.events)}", T0 + round(day * DAY), what, person)
        self.events.append({**made, **more, "received_at": made["timestamp"] + late})
        self.steps.append(self.events[-1])
        return self

    def says(self, name: str, day: float, **arguments: Any) -> "Log":
        self.steps.append(Command(f"c{len(self.steps)}", 0, T0 + round(day * DAY), name, arguments, 0))
        return self

    def played(self, rulebook: dict[str, Any], horizon: float) -> Detector:
        """By the product, with all events between two commands in one record."""
        detector = Detector(program(rulebook))
        for step in self.steps:
            if isinstance(step, Command):
                detector.says(step)
            else:
                detector.arrives(step)
        detector.passes(T0 + round(horizon * DAY))
        return detector

    def found(self, rulebook: dict[str, Any], horizon: float) -> set[tuple[str, str | None, float]]:
        """The oracle must agree."""
        overrides = overrides_in(step for step in self.steps if isinstance(step, Command))
        expected = signals(rulebook, self.events, T0 + round(horizon * DAY), overrides)
        assert expected == self.played(rulebook, horizon).signals()
        return {(rule, step, (at - T0) / DAY) for _, rule, step, at in map(Signal._make, expected)}


def test_whoever_comes_after_an_anonymous_visitor_ends_the_stage_visitor() -> None:
    rulebook = book({"new": {"when": [("compare", "stage", "==", "unknown")]}}, no_plan=None)
    log = Log().add("Other", 0, person=None).add("Other", 0)
    assert log.found(rulebook, 1) == {("new", None, 0)}
    log = Log().add("Other", 0, person=None).add("Other", 1)
    assert log.found(rulebook, 2) == {("new", None, 1)}


def test_what_time_alone_brought_before_two_events_of_the_same_instant_is_told() -> None:
    rulebook = book({"low": {"each": "limit", "when": [("compare", "limit.percent", "<", ("%", 50))]}})
    log = Log().add("Emailed", 0).add("Emailed", 0).add("Other", 14).add("Emailed", 14)
    assert log.found(rulebook, 15) == {("low/emails", None, 5)}, "the month begins at day 5"


def test_a_rule_that_has_nothing_to_say_leaves_nothing_in_the_ledger() -> None:
    """Else what is stored depended on restarts: such a state was made in memory, and written only if something else was."""
    rulebook = book({"busy": {"when": [("compare", "contacts", ">=", 9)]}}, measures={"contacts": {"count": "Counted"}})
    log = Log().add("Other", 1).add("Counted", 0, late=3 * DAY)
    calm, restarted = Detector(program(rulebook)), Detector(program(rulebook))
    for each in log.events:
        calm.arrives(each)
        restarted.arrives(each)
        restarted.restarts()
    calm.restarts()
    assert calm.account.ledger.rules == restarted.account.ledger.rules == {}


BELOW = {"low": {"each": "limit", "when": [("compare", "limit.percent", "<", ("%", 50))]}}


def test_an_allowance_opens_no_lead_for_an_account_of_which_nothing_was_heard() -> None:
    """Such an account was judged, and told of, where its allowance was said."""
    rulebook = book(BELOW)
    assert Log().says("override", 0, limit="emails", allowed=9).found(rulebook, 9) == set()
    log = Log().says("override", 0, limit="emails", allowed=9).add("Other", 1)
    assert log.found(rulebook, 9) == {("low/emails", None, 1)}


def test_the_first_event_from_before_an_allowance_is_judged_at_both() -> None:
    rulebook = book({"limit": {"each": "limit", "at": ["80%", "100%"]}})
    log = Log().says("override", 1, limit="contacts", allowed=5).add("Counted", 0.5, late=DAY, properties={"total": 8})
    assert log.found(rulebook, 9) == {("limit/contacts", "100%", 0.5)}


def test_what_was_told_of_an_account_that_then_opted_out_is_still_put_right() -> None:
    """A signal that late events lower was left as it had been told; one that they take away was not."""
    rulebook = book({"limit": {"each": "limit", "at": ["80%", "100%"]}})
    log = Log().add("Counted", 1, properties={"total": 8}).add("Counted", 2, properties={"total": 10})
    log.says("opt_out", 2.1, opted_out=True).add("Counted", 2, late=DAY // 2, properties={"total": 8})
    assert log.found(rulebook, 9) == {("limit/contacts", "80%", 1)}
    assert log.played(rulebook, 9).overstated() == set()


def test_a_request_about_something_else_does_not_make_its_rule_rest_through_the_next_one() -> None:
    """Which line blocks is of the request at hand: the next one brings its own topic."""
    rulebook = book({"asked": {"event": ["asked"], "when": [("compare", "properties.topic", "==", "weather")]}})
    log = Log()
    for day, topic in enumerate(("pricing", "pricing", "weather")):
        log.add("Asked", day, properties={"topic": topic})
    assert log.found(rulebook, 4) == {("asked", None, 2)}


def test_events_that_are_judged_at_length_for_another_rule_count_for_one_that_rests() -> None:
    """The first rule must be asked at each of its events, for time alone can make it hold; the second rests meanwhile."""
    rulebook = book(
        {
            "quiet": {"when": [("not", ("is", "shared"))]},
            "busy": {"when": [("compare", "uses", ">=", 4)]},
        },
        measures={"shared": {"absent": "sent", "after": "imported", "within": "3d"}, "uses": {"count": ["imported", "Shared"]}},
    )
    log = Log()
    for day, name in enumerate(("Other", "Imported", "Shared", "Imported", "Shared")):
        log.add(name, day / 10)
    assert ("busy", None, 0.4) in log.found(rulebook, 1)


def test_one_event_can_be_the_first_use_of_two_premium_features() -> None:
    rulebook = book(
        {"all": {"when": [("compare", "names", ">=", 3)]}},
        features={"ai": {"used": "AI Opened"}, "ab": {"used": "AB Opened"}, "lab": {"used": "AB Opened"}},
        measures={"names": {"distinct": "feature", "of": "premium"}},
    )
    log = Log().add("Other", 0).add("AI Opened", 0.1).add("AB Opened", 0.2)
    assert log.found(rulebook, 1) == {("all", None, 0.2)}


def test_what_an_allowance_makes_a_rule_signal_counts_for_those_that_look_at_the_score_from_then_on() -> None:
    """They were judged again only until the account's newest event, and did not wake up when the points had faded."""
    rules = {"limit": {"each": "limit", "at": ["100%"]}, "calm": {"when": [("compare", "score", "<", 7.5)], "cooldown": "2d"}}
    rulebook = book(rules, score={"behaviour": [{"points": 10, "rule": "limit", "fades": "7d"}]})
    log = Log().add("Counted", 1, properties={"total": 8}).says("override", 5, limit="contacts", allowed=8)
    assert log.found(rulebook, 30) == {("calm", None, 1), ("limit/contacts", "100%", 5), ("calm", None, 7)}
