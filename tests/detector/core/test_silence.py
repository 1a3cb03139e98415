"""Whom sales is to leave alone: asked as of the signal's own instant, and asked again when late events may change that."""

from dataclasses import replace

from contracts.messages import LeadEvent
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Condition, Name, Type
from tests.detector.core.sample import DAY, RULEBOOK
from tests.detector.core.story import types
from tests.detector.core.test_commands import Desk

IS_TEST = Condition("account.is_test", Name("account.is_test", Type.ANY))
UNSUBSCRIBED = Condition("person.unsubscribed", Name("person.unsubscribed", Type.ANY))
PROGRAM = compile_rulebook(replace(RULEBOOK, suppress=(IS_TEST, UNSUBSCRIBED)), 3)


def is_test(desk: Desk, day: float, said: bool, arrives: float | None = None) -> list[LeadEvent]:
    return desk.happens(None, day, kind="group", traits={"is_test": said}, arrives=arrives)


def test_late_word_takes_the_lead_back_and_later_word_still_makes_it() -> None:
    desk = Desk(PROGRAM)
    desk.happens(None, 0, kind="identify", person="ada")
    assert types(desk.contacts(8, 1)) == [("lead.created", "pql")]
    assert types(is_test(desk, 0.5, True, arrives=1.5)) == [("lead.retracted", "pql")]
    [signal] = desk.account.ledger.rules["limit/contacts"].signals
    assert (signal.lead_id, signal.silent) == ("", "suppressed")
    assert types(is_test(desk, 0.7, False, arrives=1.6)) == [("lead.created", "pql")]
    [signal] = desk.account.ledger.rules["limit/contacts"].signals
    assert (signal.silent, signal.lead_id != "") == ("", True)


def test_it_is_asked_as_of_the_signal_and_not_as_of_now() -> None:
    desk = Desk(PROGRAM)
    is_test(desk, 1, True)
    is_test(desk, 3, False)
    assert desk.contacts(8, 2, arrives=3.5) == []
    assert types(desk.contacts(10, 3.5)) == [("lead.created", "pql")]


def test_a_lead_that_others_carry_on_loses_only_what_was_suppressed() -> None:
    desk = Desk(PROGRAM)
    desk.happens("Demo Requested", 1, person="ada")
    desk.happens("Upgrade Clicked", 1.1, person="bo")
    said = desk.happens(None, 0.5, kind="identify", person="bo", traits={"unsubscribed": True}, late_ms=DAY * 6 // 10)
    assert [(event.type, event.data["changes"][0]["rule"]) for event in said] == [("lead.updated", "upgrade-request")]
    assert [signal["rule"] for signal in said[0].data["signals"]] == ["sales-request"]


def test_word_that_is_too_late_for_a_rule_changes_nothing_of_the_past() -> None:
    desk = Desk(PROGRAM)
    desk.happens("Demo Requested", 1, person="ada")
    assert desk.happens(None, 0.5, kind="identify", person="ada", traits={"unsubscribed": True}, late_ms=3 * DAY) == []
    assert desk.happens("Upgrade Clicked", 2, person="ada") == [], "from then on it counts"


def test_who_is_named_in_a_lead_and_must_be_left_alone_is_marked() -> None:
    desk = Desk(PROGRAM)
    desk.happens(None, 0, kind="identify", person="ada", traits={"unsubscribed": True})
    [created] = desk.contacts(8, 1)
    assert [(person["external_id"], person["may_contact"]) for person in created.data["people"]] == [("ada", "none")]


def test_how_late_is_too_late_is_each_rules_own() -> None:
    rules = tuple(replace(rule, lateness_ms=3_600_000) if rule.name == "busy" else rule for rule in RULEBOOK.rules)
    desk = Desk(compile_rulebook(replace(RULEBOOK, rules=rules, suppress=(UNSUBSCRIBED,)), 3))
    desk.happens("Demo Requested", 1, person="ada")
    said = desk.happens(None, 0.9, kind="identify", person="ada", traits={"unsubscribed": True}, late_ms=DAY // 2)
    assert types(said) == [("lead.retracted", "sales_sql")]


def test_a_lead_that_is_finished_is_not_made_again_by_late_events() -> None:
    desk = Desk(PROGRAM)
    [created] = desk.contacts(8, 1)
    desk.outcome(created.data["lead_id"], "rejected", 1.1)
    is_test(desk, 1.2, True)
    assert desk.contacts(10, 1.3) == [], "higher, and silent"
    assert is_test(desk, 0.5, True, arrives=1.4) == []
    assert is_test(desk, 0.6, False, arrives=1.5) == []
    assert types(is_test(desk, 1.25, False, arrives=1.6)) == [("lead.created", "pql")], "the higher step was free"
