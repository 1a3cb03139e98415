"""What becomes of signals: lead types, take-over, repeats, closing by plan, what a lead carries."""

from dataclasses import replace
from typing import cast

import msgspec
import pytest

from contracts.messages import LeadEvent
from detector.core.account import Account
from detector.core.judge import process
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.model import Family, Rule
from detector.core.timeline import lead_type_of
from tests.detector.core.sample import DAY, RULEBOOK, T0, at_least, place, usage
from tests.detector.core.story import Story, types


@pytest.mark.parametrize(
    ("family", "stage", "expected"),
    [
        (family, stage, "xql" if stage == "paying" else "pql")
        for family in ("usage_limit", "onboarding_milestone", "premium_feature", "usage_growth")
        for stage in ("unknown", "visitor", "trial", "free", "paying", "churned")
    ]
    + [("upgrade_intent", stage, "pql") for stage in ("unknown", "visitor", "trial", "churned")]
    + [("upgrade_intent", stage, "service_sql") for stage in ("free", "paying")],
)
def test_the_lead_type_follows_family_and_stage(family: str, stage: str, expected: str) -> None:
    assert lead_type_of(Rule("any", (), cast("Family", family)), stage) == expected


def test_a_stronger_lead_takes_over_and_is_created_before_the_weaker_one_is_superseded() -> None:
    story = Story()
    [weaker] = story.contacts(8, 1)
    created, superseded = story.happens("Upgrade Clicked", 2, person="ada")
    assert types([created, superseded]) == [("lead.created", "service_sql"), ("lead.superseded", "pql")]
    assert created.data["takes_over"] == weaker.data["lead_id"] == superseded.data["lead_id"]
    assert superseded.data["status"] == "superseded"
    assert created.data["temperature"] == "hot"
    assert weaker.data["temperature"] is None


def test_a_weaker_signal_enriches_the_stronger_open_lead() -> None:
    story = Story()
    [asked] = story.happens("Upgrade Clicked", 1, person="ada")
    [updated] = story.contacts(8, 2)
    assert (updated.type, updated.data["lead_id"]) == ("lead.updated", asked.data["lead_id"])
    assert updated.data["summary"] == asked.data["summary"]
    assert [signal["rule"] for signal in updated.data["signals"]] == ["upgrade-request", "limit/contacts"]


def test_signals_of_one_event_reach_the_strongest_lead_first() -> None:
    story = Story()
    story.happens("Imported", 0, person="ada")
    story.happens("Sent", 0.1, person="ada")
    lead_events = story.happens("Signed Up", 1, person="ada")
    assert types(lead_events) == [("lead.created", "pql")]


def test_a_request_made_again_within_its_cooldown_adds_evidence_and_sends_nothing() -> None:
    story = Story()
    story.happens("Upgrade Clicked", 1, person="ada")
    assert story.happens("Ticket Opened", 2, person="bo", properties={"topic": "pricing"}) == []
    [lead] = story.account.ledger.open_leads.values()
    assert [entry["message_ids"] for entry in lead.evidence] == [["m1"], ["m2"]]
    assert story.happens("Ticket Opened", 3, person="bo", properties={"topic": "weather"}) == []


def test_a_request_made_again_after_a_take_over_adds_evidence_to_the_stronger_lead() -> None:
    story = Story()
    story.happens("Upgrade Clicked", 1, person="ada")
    story.happens("Demo Requested", 2, person="ada")
    assert story.happens("Upgrade Clicked", 3, person="bo") == []
    [lead] = story.account.ledger.open_leads.values()
    assert (lead.lead_type, lead.asker) == ("sales_sql", "bo")
    assert [entry["message_ids"][0] for entry in lead.evidence] == ["m2", "m3"]


def test_a_misspelt_plan_or_none_between_two_plans_hides_no_sale() -> None:
    for between, no_plan in (("Standrd", "free"), ("Standrd", None), ("none", None)):
        story = Story(compile_rulebook(replace(RULEBOOK, no_plan=no_plan), 1))
        story.plan("free", 0)
        story.happens("Upgrade Clicked", 1, person="ada")
        assert story.plan(between, 2) == []
        assert story.happens("Upgrade Clicked", 2.5, person="ada") == []
        assert types(story.plan("standard", 3)) == [("lead.won", "service_sql")]
        assert story.plan("standard", 4) == []


def test_a_lead_with_very_long_ids_and_many_signals_fits_a_webhook() -> None:
    lines = tuple(at_least("imports_ever", least) for least in range(1, 20))
    rules = tuple(Rule(f"r{n}", ("x" * 1_000,), "usage_growth", when=(*lines, at_least("imports_ever", n))) for n in range(1, 30))
    account = Account.new("acme-mail", "acc_9")
    last: list[LeadEvent] = []
    program = compile_rulebook(replace(RULEBOOK, rules=rules), 1)
    for n in range(60):
        event = usage(f"{n:04d}" + "x" * 1_020, T0 + n, "Imported", person="ada")
        last = process(program, account, event, place(T0 + n, n)) or last
    data = last[-1].data
    assert len(msgspec.json.encode(data)) < 50_000
    assert [data["signals"][0]["rule"], data["signals"][-1]["rule"]] == ["r1", "r29"]
    assert data["evidence"][-1]["rule"] == "r29"


def test_a_plan_that_goes_up_wins_every_open_lead() -> None:
    story = Story()
    [created] = story.contacts(8, 1)
    [won] = story.plan("standard", 2)
    assert (won.type, won.data["lead_id"], won.data["status"]) == ("lead.won", created.data["lead_id"], "won")
    assert won.data["offer"]["name"] is None
    assert story.account.ledger.open_leads == {}


def test_a_plan_that_goes_down_or_ends_loses_every_open_lead() -> None:
    for after in ("free", "none", None, ""):
        story = Story()
        story.plan("standard", 0)
        assert types(story.contacts(80, 1)) == [("lead.created", "xql")]
        story.contacts(1, 1.5)
        assert types(story.plan(after, 2)) == [("lead.lost", "xql")]


def test_a_lead_after_one_that_was_won_is_a_new_one_and_knows_its_past() -> None:
    story = Story()
    [first] = story.contacts(8, 1)
    story.plan("standard", 2)
    story.contacts(1, 3)
    [second] = story.contacts(80, 16)
    assert second.data["lead_type"] == "xql"
    assert second.data["history"] == {"leads_before": 1, "last_outcome": "won"}
    assert second.data["lead_id"] != first.data["lead_id"]


def test_a_raise_after_its_lead_was_closed_opens_a_lead_with_the_same_signal() -> None:
    story = Story()
    story.plan("standard", 0)
    [first] = story.contacts(80, 1)
    lost, second = story.plan("free", 2)
    assert types([lost, second]) == [("lead.lost", "xql"), ("lead.created", "pql")]
    assert second.data["signals"][0]["step"] == "100%"
    assert second.data["signals"][0]["signal_id"] == first.data["signals"][0]["signal_id"]


def test_a_plan_from_a_browser_changes_nothing() -> None:
    story = Story()
    story.contacts(8, 1)
    assert story.happens(None, 2, kind="group", traits={"plan": "standard"}, trust="browser") == []


def test_ids_follow_from_content_and_not_from_the_version_of_the_rulebook() -> None:
    story, other = Story(), Account.new("acme-mail", "acc_9")
    [ours] = story.contacts(8, 1)
    [theirs] = process(
        compile_rulebook(RULEBOOK, 99), other, usage("m1", T0 + DAY, "Counted", properties={"total": 8}), place(T0 + DAY)
    )
    assert (ours.id, ours.data["lead_id"]) == (theirs.id, theirs.data["lead_id"])
    assert ours.data["signals"][0]["signal_id"] == theirs.data["signals"][0]["signal_id"]
    assert ours.rulebook_version != theirs.rulebook_version


def test_a_plan_that_went_up_wins_though_its_event_came_out_of_order() -> None:
    story = Story()
    story.contacts(8, 1)
    story.happens("Something Else", 3)
    assert types(story.happens(None, 2, kind="group", traits={"plan": "standard"}, arrives=3.5)) == [("lead.won", "pql")]


def test_what_closes_leads_may_be_something_else_than_a_change_of_plan() -> None:
    story = Story(compile_rulebook(replace(RULEBOOK, close_won=at_least("imports_ever", 1)), 3))
    story.contacts(8, 1)
    assert story.happens("Something Else", 2) == []
    assert types(story.happens("Uploaded", 3)) == [("lead.won", "pql")]
