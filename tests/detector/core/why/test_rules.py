"""What is said of a rule as a whole: its limit and next step, its request, why it is asleep, and what would keep it silent."""

from typing import Any

import pytest

from contracts.messages import Command
from detector.core.commands import apply
from detector.core.rulebook.program import Program
from detector.core.why.account import Asked
from detector.core.why.sleeping import Arrivals
from tests.detector.core.sample import DAY, T0, place
from tests.detector.core.story import Story
from tests.detector.core.why.asking import BOOK, compiled, open_lead, why

LIMIT = "  limit: {family: usage_limit, each: limit, at: [80%, 100%, refused], say: x}"


def says(story: Story, name: str, day: float, **arguments: Any) -> None:
    command = Command(id=f"c{day}", project="acme-mail", account="acc_9", name=name, arguments=arguments)
    apply(story.program, story.account, command, place(T0 + int(day * DAY), 900 + int(day)))


def test_a_limit_says_what_is_left_to_its_next_step_and_when_at_this_pace() -> None:
    story = Story(compiled(LIMIT))
    story.contacts(100, 1)
    story.contacts(170, 9)
    story.contacts(212, 14.5)
    found = why(story, 14.6, "limit/contacts")
    assert (found.stand, found.holds, found.lead_type) == ("misses", False, "pql")
    limit = found.limit
    assert limit is not None
    assert (limit.used, limit.allowed, limit.percent, limit.step) == (212, 500, 42.4, None)
    assert limit.next_step is not None
    assert (limit.next_step.step, limit.next_step.at, limit.next_step.more) == ("80%", 400, 188)
    assert limit.next_step.expected_at == T0 + 14 * DAY + 23 * DAY  # 70 in the week before midnight, 230 from 170 to 400
    assert found.needs == "212 of 500 contacts (42.4 %): 188 more to the 80 % step, about 3 July at this pace"
    assert (found.parts[0].text, found.parts[0].distance, found.parts[0].by) == ("limit.percent >= 80%", 37.6, "pace")


def test_just_below_and_at_a_step() -> None:
    story = Story(compiled(LIMIT))
    story.contacts(399, 1)
    assert why(story, 1, "limit/contacts").needs == "399 of 500 contacts (79.8 %): 1 more to the 80 % step"
    story.contacts(400, 2)
    found = why(story, 2, "limit/contacts")
    assert (found.stand, found.limit and found.limit.step) == ("holds", "80%")
    assert found.needs == "400 of 500 contacts (80 %); 100 more to the 100 % step"
    assert (found.signalled and found.signalled.lead_id) == open_lead(story).lead_id
    (cooldown,) = found.silences
    assert (cooldown.because, cooldown.until) == ("cooldown", T0 + 16 * DAY)


def test_above_all_steps_only_a_refusal_is_left_and_without_a_cap_nothing_is() -> None:
    story = Story(compiled("  limit: {family: usage_limit, each: limit, at: [refused], say: x}"))
    story.contacts(500, 1)
    found = why(story, 1, "limit/contacts")
    assert (found.stand, found.needs) == ("misses", "500 of 500 contacts (100 %): the next time it is refused")
    story.plan("premium", 2)
    found = why(story, 2, "limit/contacts")
    assert (found.stand, found.holds, found.needs) == ("uncapped", None, "contacts: no cap on premium")
    story.plan("mystery", 3)
    found = why(story, 3, "limit/contacts")
    assert (found.stand, found.needs) == ("misses", "its plan is unknown, and so what it allows of contacts")


TIMED = "  test: {stage: trial, like: premium, days: 10, then: free}"


def test_a_step_that_the_end_of_a_trial_brings_has_its_day() -> None:
    program = compiled(LIMIT, book=BOOK.replace("no_plan:", f"{TIMED}\nno_plan:"))
    story = Story(program)
    story.plan("test", 1)
    story.contacts(450, 2)
    found = why(story, 3, "limit/contacts")
    assert (found.stand, found.expected_at) == ("uncapped", T0 + 11 * DAY)
    assert found.needs == "contacts: no cap on test; reached on 7 June by itself, for it may use less from then on"
    assert why(story, 11, "limit/contacts").stand == "holds"


def test_where_nothing_is_allowed_any_use_is_too_much() -> None:
    story = Story(compiled(LIMIT))
    story.contacts(0, 1)
    says(story, "override", 2, limit="contacts", allowed=0)
    found = why(story, 2, "limit/contacts")
    assert (found.stand, found.needs) == ("misses", "0 of 0 contacts (0 %): any use reaches the 80 % step")


def test_a_request_is_waited_for_and_its_last_time_is_told() -> None:
    story = Story(compiled("  r: {lead: pql, event: [asked], when: ['properties.topic == \"price\"', 'plan == free'], say: x}"))
    story.happens("Other", 1)
    found = why(story, 2)
    assert (found.stand, found.holds) == ("waits", False)
    assert found.needs.startswith("waits for `Upgrade Clicked` or `Pricing Asked`; never happened")
    assert [part.holds for part in found.parts] == [False, None, True]
    assert found.parts[1].needs == "properties.topic is known only of a request"
    story.happens("Pricing Asked", 3, properties={"topic": "price"})
    assert why(story, 3).stand == "holds"
    found = why(story, 3.5)
    assert (found.stand, found.request and found.request.last_at) == ("waits", T0 + 3 * DAY)
    assert "last happened 30 May" in found.needs
    story.happens("Pricing Asked", 4, properties={"topic": "weather"})
    found = why(story, 4)
    assert (found.stand, found.needs) == ("misses", "properties.topic is weather, not price")


def test_a_rule_is_asleep_while_its_event_never_arrived_and_a_near_name_is_suggested() -> None:
    story = Story(compiled(LIMIT))
    story.happens("Other", 1)
    found = why(story, 1, "limit/emails", arrivals={"Other", "Email Opened"})
    assert (found.stand, found.needs) == ("asleep", "`Email Sent` has never arrived, nor `Send Refused`. Renamed?")
    found = why(story, 1, "limit/emails", arrivals={"email_sent", "Counted"})
    assert found.needs.endswith("Renamed to `email_sent`?")
    assert why(story, 1, "limit/emails", arrivals={"Send Refused"}).stand == "misses", "one of them did arrive"
    assert why(story, 1, "limit/emails").stand == "misses", "nobody counted what arrived"
    asked = Asked(story.program)
    (unsure,) = asked.why(story.account, T0 + DAY, Arrivals({"Other"}, whole=False), ["limit/emails"]).rules
    assert unsure.stand == "misses", "more names arrived than were kept"


def test_what_is_not_mapped_is_asleep_too_but_nothing_that_holds_is() -> None:
    rules = "  r: {lead: pql, event: [unheard], say: x}\n  s: {lead: pql, when: ['imports >= 1'], say: x}"
    story = Story(compiled(rules))
    story.happens("Imported", 1)
    assert why(story, 1, "s", arrivals=set()).stand == "holds"
    found = why(story, 1, "r", arrivals={"Imported"})
    assert found.stand == "asleep"
    assert "unheard" in found.needs


def _because(story: Story, day: float, rule: str = "r") -> list[tuple[str, int | None]]:
    return [(each.because, each.until) for each in why(story, day, rule).silences]


TWO = "  r: {lead: pql, when: ['ever >= 1'], say: x, cooldown: 2d}\n  shy: {lead: pql, mode: shadow, when: ['ever >= 9'], say: x}"
NOISE = "noise: {quiet_after: {rejected: 9d}}\nsuppress: [account.is_test, 'person.title == \"Intern\"']"


def test_everything_that_keeps_sales_from_being_told_is_named_with_its_end() -> None:
    story = Story(compiled(TWO, NOISE))
    story.happens("Imported", 1, person="ada")
    assert _because(story, 1) == [("cooldown", T0 + 3 * DAY)]
    assert _because(story, 3) == []
    assert _because(story, 3, "shy") == [("shadow", None)]
    says(story, "snooze", 3, lead=open_lead(story).lead_id, until=T0 + 7 * DAY)
    assert _because(story, 4) == [("snoozed", T0 + 7 * DAY)]
    says(story, "outcome", 5, lead=open_lead(story).lead_id, status="rejected")
    assert _because(story, 5) == [("quiet", T0 + 14 * DAY)]
    assert _because(story, 14) == []


def test_what_silences_the_whole_account_is_said_once() -> None:
    story = Story(compiled(TWO, NOISE))
    story.happens(None, 1, kind="group", traits={"is_test": True})
    says(story, "opt_out", 2, opted_out=True)
    asked = Asked(story.program)
    found = asked.why(story.account, T0 + 3 * DAY)
    assert [(each.because, each.text) for each in found.silences] == [
        ("opted_out", "the account has opted out"),
        ("suppressed", "suppress: account.is_test"),
    ]
    assert all(not each.silences for each in found.rules if each.rule == "r")


def test_a_rule_about_a_person_says_whom_it_spares() -> None:
    story = Story(compiled("  r: {lead: pql, when: ['person.title is known'], say: x}", NOISE))
    story.happens(None, 1, kind="identify", person="ada", traits={"title": "Intern"})
    assert [each.text for each in why(story, 1).silences if each.because == "suppressed"] == [
        'suppress: person.title == "Intern" (ada)'
    ]


def _ordered(program: Program, arrivals: set[str]) -> list[str]:
    story = Story(program)
    story.contacts(300, 1)
    story.happens("Imported", 1, person="ada")
    return [each.rule for each in Asked(program).why(story.account, T0 + 2 * DAY, Arrivals(arrivals)).rules]


def test_the_nearest_come_first_and_those_asleep_last() -> None:
    rules = [
        "  asleep: {lead: pql, when: ['topics >= 1'], say: x}",
        "  two: {lead: pql, when: ['ever >= 2', 'plan == premium'], say: x}",
        "  no_way: {lead: pql, when: ['ever >= 1', 'plan == premium'], say: x}",
        "  far: {lead: pql, when: ['ever >= 9', 'people >= 9'], say: x}",
        "  asks: {lead: pql, event: [asked], say: x}",
        "  near: {lead: pql, when: ['ever >= 2'], say: x}",
        "  is: {lead: pql, when: ['ever >= 1'], say: x}",
    ]
    expected = ["is", "near", "far", "no_way", "two", "asks", "asleep"]
    assert _ordered(compiled("\n".join(rules)), {"Imported", "Counted", "Upgrade Clicked"}) == expected


SCORE = """
score:
  hot: 30
  warm: 20
  fit: [{points: 15, if: 'person.title == "CEO"'}, {points: -5, if: 'plan == free'}]
  behaviour: [{points: 20, rule: r, fades: 10d}]
"""


@pytest.mark.parametrize(("day", "total", "temperature"), [(1, 30, "hot"), (3, 26, "hot")])
def test_the_score_comes_with_its_lines_and_signs(day: float, total: float, temperature: str) -> None:
    """What was told hot stays so; of an open lead it is what sales was told."""
    story = Story(compiled("  r: {lead: pql, when: ['ever >= 1'], say: x}", SCORE))
    story.happens(None, 0.5, kind="identify", person="ada", traits={"title": "CEO"})
    story.happens("Imported", 1, person="ada")
    found = Asked(story.program).why(story.account, T0 + int(day * DAY))
    assert found.score is not None
    assert (found.score["total"], found.temperature, found.scored_person) == (total, temperature, "ada")
    points = [each["points"] for each in found.score["contributions"]]
    assert points == [15, -5, total - 10]


def test_without_a_lead_the_score_is_that_of_the_most_active_person() -> None:
    story = Story(compiled("  r: {lead: pql, when: ['ever >= 9'], say: x}", SCORE))
    story.happens(None, 0.5, kind="identify", person="ada", traits={"title": "CEO"})
    found = Asked(story.program).why(story.account, T0 + DAY)
    assert found.score is not None
    assert (found.score["total"], found.temperature, found.scored_person) == (10, "cold", "ada")
    plain = Story(compiled("  r: {lead: pql, when: ['ever >= 9'], say: x}"))
    plain.happens("Imported", 1)
    assert Asked(plain.program).why(plain.account, T0 + DAY).score is None
