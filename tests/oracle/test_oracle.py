"""The oracle itself, against answers that were worked out by hand."""

from typing import Any

from tests.oracle.account import Account, Event, Override
from tests.oracle.conditions import truth
from tests.oracle.oracle import Signal, final_score, hearings, signals

DAY = 86_400_000
HOUR = 3_600_000
T0 = 1_779_840_000_000  # 2026-05-27T00:00:00Z
PLANS: dict[str, Any] = {
    "free": {"stage": "free", "price": 0, "allows": {"contacts": 10, "emails": 4}, "has": []},
    "standard": {"stage": "paying", "price": 20, "allows": {"contacts": 100, "emails": 40}, "has": ["ai"]},
    "premium": {"stage": "paying", "price": 90, "allows": {"contacts": "none"}, "has": ["ai", "ab"]},
    "trial": {"stage": "trial", "like": "premium", "days": 14, "then": "free"},
}
LIMITS = {
    "contacts": {"last": "properties.total", "of": "Counted", "refused": "Refused"},
    "emails": {"count": "Emailed", "resets": "month"},
}
FEATURES = {"ai": {"used": "AI Used", "refused": "AI Paywall"}, "ab": {"used": "AB Used"}}
STEPS = {"family": "usage_limit", "each": "limit", "at": ["80%", "100%", "refused"]}


def book(*, no_plan: str | None = "free", rules: dict[str, Any], measures: dict[str, Any] | None = None) -> dict[str, Any]:
    plan = {} if no_plan is None else {"no_plan": no_plan}
    rules = {name: {"family": "usage_growth", **rule} for name, rule in rules.items()}
    onboarding = {"steps": ["signed", "imported"], "within": "2d"}
    events = {
        "signed": "Signed Up",
        "imported": ["Imported", {"of": "Uploaded", "where": ("compare", "properties.ok", "==", True)}],
    }
    return {
        "events": events,
        "measures": measures or {},
        "limits": LIMITS,
        "features": FEATURES,
        "plans": PLANS,
        "onboarding": onboarding,
        "rules": rules,
        **plan,
    }


class Story:
    """Events of one account; days count from T0."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, name: str | None, day: float, *, person: str | None = "ada", ms: int = 0, **more: Any) -> "Story":
        t = T0 + int(day * DAY) + ms
        event: Event = {"id": f"m{len(self.events):02d}", "type": "track", "timestamp": t, "received_at": t, "name": name}
        event |= {"person": person, "anonymous": None, "properties": {}, "traits": {}, **more}
        self.events.append(event)
        return self

    def plan(self, name: str | None, day: float, **more: Any) -> "Story":
        return self.add(None, day, **{"type": "group", "person": None, "traits": {"plan": name}, **more})

    def contacts(self, total: object, day: float, **more: Any) -> "Story":
        return self.add("Counted", day, properties={"total": total}, **more)

    def found(self, rulebook: dict[str, Any], horizon: float = 100) -> set[tuple[str, str, str | None, float]]:
        return {(s[0], s[1], s[2], (s[3] - T0) / DAY) for s in signals(rulebook, self.events, T0 + int(horizon * DAY))}

    def account(self, rulebook: dict[str, Any]) -> Account:
        return Account(rulebook, self.events)


def test_steps_of_a_limit_raise_one_signal_which_keeps_the_time_of_its_first_step() -> None:
    story = Story().contacts(8, 1).contacts(10, 2).add("Refused", 3)
    assert story.found(book(rules={"limit": STEPS})) == {("pql", "limit/contacts", "refused", 1)}


def test_a_lower_step_within_the_cooldown_is_silent_and_a_new_one_after_it_is_a_new_signal() -> None:
    story = Story().contacts(10, 1).contacts(1, 2).contacts(9, 3).contacts(1, 4).contacts(9, 20)
    assert story.found(book(rules={"limit": STEPS})) == {
        ("pql", "limit/contacts", "100%", 1),
        ("pql", "limit/contacts", "80%", 20),
    }


def test_what_the_cooldown_silenced_and_still_holds_is_told_when_it_ends() -> None:
    story = Story().contacts(10, 1).contacts(1, 2).contacts(9, 3)
    assert ("pql", "limit/contacts", "80%", 15) in story.found(book(rules={"limit": STEPS}))
    assert len(story.found(book(rules={"limit": STEPS}), horizon=14.9)) == 1


def test_what_holds_all_the_time_is_told_once() -> None:
    assert Story().contacts(10, 1).found(book(rules={"limit": STEPS})) == {("pql", "limit/contacts", "100%", 1)}


def test_a_refusal_lasts_an_instant_so_it_is_no_news_at_the_end_of_the_cooldown() -> None:
    story = Story().add("Refused", 1).add("Refused", 2).add("Refused", 15)
    assert {each[3] for each in story.found(book(rules={"limit": STEPS}))} == {1, 15}


def test_a_plan_that_allows_more_ends_the_cooldown_at_once() -> None:
    story = Story().contacts(10, 1).plan("standard", 2).contacts(100, 3)
    assert story.found(book(rules={"limit": STEPS})) == {
        ("pql", "limit/contacts", "100%", 1),
        ("xql", "limit/contacts", "100%", 3),
    }


def test_without_a_cap_nothing_is_reached_and_nothing_refused() -> None:
    assert Story().plan("premium", 0).contacts(10_000, 1).add("Refused", 2).found(book(rules={"limit": STEPS})) == set()


def test_a_counter_begins_again_with_the_month() -> None:
    story = Story()
    for day in (1, 1.1, 1.2, 1.3, 4.999, 5, 5.1, 5.2):  # June begins at day 5
        story.add("Emailed", day)
    account = story.account(book(rules={}))
    assert [account.used("emails", T0 + int(day * DAY)) for day in (1.3, 4.999, 5, 5.2)] == [4, 5, 1, 3]


def test_a_window_is_open_at_its_beginning_and_closed_at_its_end() -> None:
    rules = {"busy": {"when": [("compare", "imports", "==", 1)], "cooldown": "1d"}}
    measures = {"imports": {"count": "imported", "window": "7d"}}
    story = Story().add("Imported", 0).add("Imported", 3)
    account = story.account(book(rules=rules, measures=measures))
    assert [account.value("imports", T0 + 7 * DAY + ms) for ms in (-1, 0)] == [2, 1]
    assert {each[3] for each in story.found(book(rules=rules, measures=measures))} == {0, 7}, "a window's end is an instant"


def test_distinct_values_days_people_and_texts() -> None:
    measures = {
        "days": {"distinct": "day", "of": "active"},
        "people": {"distinct": "person", "of": "active"},
        "viewers": {"distinct": "properties.viewer", "of": "Shared"},
    }
    story = Story().add("Shared", 0.1, properties={"viewer": 1}).add("Shared", 0.9, properties={"viewer": True}, person="bo")
    story.add("Shared", 1, properties={"viewer": "true"}, person=None).add("Shared", 2, properties={"viewer": [1]})
    account = story.account(book(rules={}, measures=measures))
    assert [account.value(name, T0 + 9 * DAY) for name in measures] == [2, 2, 2]


def test_the_newest_value_that_is_one_counts_and_a_gauge_takes_numbers_only() -> None:
    measures = {"mood": {"last": "properties.mood", "of": "Surveyed", "window": "2d"}}
    story = Story().add("Surveyed", 1, properties={"mood": "good"}).add("Surveyed", 2, properties={})
    story.contacts(3, 1).contacts(True, 2).contacts("4", 2)
    account = story.account(book(rules={}, measures=measures))
    assert [account.value("mood", T0 + int(day * DAY)) for day in (0.5, 2, 3)] == [None, "good", None]
    assert account.used("contacts", T0 + 2 * DAY) == 3


def test_premium_is_what_the_plan_lacked_then() -> None:
    measures = {"names": {"distinct": "feature", "of": "premium"}, "uses": {"count": "premium"}}
    story = Story().add("AI Used", 1).add("AI Paywall", 2).plan("standard", 3).add("AI Used", 4).add("AB Used", 5)
    account = story.account(book(rules={}, measures=measures))
    assert [account.value(name, T0 + 9 * DAY) for name in measures] == [2, 3]


def test_premium_in_a_trial_is_what_the_plan_after_it_lacks() -> None:
    story = Story().plan("trial", 0).add("AI Used", 1)
    assert story.account(book(rules={}, measures={"uses": {"count": "premium"}})).value("uses", T0 + DAY) == 1


def test_a_trial_ends_to_the_millisecond_and_saying_it_again_starts_nothing() -> None:
    account = Story().plan("trial", 1).plan("trial", 9).plan("trial", 20).account(book(rules={}))
    stages = [account.standing(T0 + 15 * DAY + ms) for ms in (-1, 0)]
    assert [(each.name, each.stage, each.left) for each in stages] == [("trial", "trial", 1), ("free", "free", None)]
    assert account.standing(T0 + 30 * DAY).name == "free"
    assert account.allowed("contacts", T0 + 14 * DAY) is None, "in the trial it has no cap, as premium"
    assert account.plans.change(T0 + DAY) == account.plans.change(T0 + 15 * DAY) == "same"


def test_another_plan_in_between_begins_the_trial_anew() -> None:
    account = Story().plan("trial", 0).plan("standard", 1).plan("trial", 2).account(book(rules={}))
    assert account.standing(T0 + 3 * DAY).left == 13 * DAY


def test_the_end_of_a_trial_comes_near_without_any_event() -> None:
    rules = {"ends": {"when": [("compare", "trial.left", "<=", ("duration", "3d"))]}}
    assert Story().plan("trial", 1).found(book(rules=rules)) == {("pql", "ends", None, 12)}


def test_without_a_paying_plan_before_it_no_plan_is_no_churn() -> None:
    account = (
        Story()
        .plan(None, 1)
        .plan("standard", 2)
        .plan("none", 3)
        .plan("", 4)
        .plan("free", 5)
        .plan(None, 6)
        .account(book(rules={}))
    )
    assert [account.value("stage", T0 + day * DAY) for day in range(7)] == [
        "free",
        "free",
        "paying",
        "churned",
        "churned",
        "free",
        "free",
    ]
    changes = [account.value("plan.change", T0 + day * DAY) for day in range(7)]
    assert changes == ["same", "same", "up", "down", "same", "same", "same"]


def test_a_plan_that_nobody_knows_is_unknown_and_the_next_is_compared_with_the_last_that_was_known() -> None:
    account = Story().plan("mystery", 1).plan("premium", 2).account(book(rules={}))
    assert [account.value(name, T0 + DAY) for name in ("plan", "stage", "plan.change")] == ["mystery", "unknown", "same"]
    assert account.value("plan.change", T0 + 2 * DAY) == "up"
    assert account.value("plan.change", T0 + 2 * DAY + 1) == "same"


def test_without_no_plan_the_first_known_plan_is_in_force_since_ever() -> None:
    rulebook = book(rules={"limit": STEPS}, no_plan=None)
    assert Story().contacts(10, 1).found(rulebook) == set()
    assert Story().contacts(10, 1).plan("free", 50).found(rulebook) == {("pql", "limit/contacts", "100%", 1)}


def test_only_anonymous_people_are_visitors_until_somebody_is_known() -> None:
    account = Story().add("X", 1, person=None, anonymous="a1").add("X", 2).account(book(rules={}, no_plan=None))
    assert [account.value("stage", T0 + day * DAY) for day in (0, 1, 2)] == ["unknown", "visitor", "unknown"]


def test_absence_is_true_when_the_answer_is_overdue_and_ends_with_it() -> None:
    measures = {"quiet": {"absent": "imported", "after": "signed", "within": "3d"}}
    rulebook = book(rules={"quiet": {"when": [("is", "quiet")], "cooldown": "1d"}}, measures=measures)
    assert Story().add("Signed Up", 1).found(rulebook) == {("pql", "quiet", None, 4)}
    assert Story().add("Signed Up", 1).found(rulebook, horizon=3.99) == set()
    assert Story().add("Signed Up", 1).add("Imported", 1).found(rulebook) == set(), "at the same time is an answer"
    assert Story().add("Signed Up", 1).add("Imported", 4).found(rulebook) == set(), "just in time"
    again = Story().add("Signed Up", 1).add("Signed Up", 2).add("Imported", 5).add("Signed Up", 6)
    assert {each[3] for each in again.found(rulebook)} == {4, 9}


def test_onboarding_is_done_with_every_step_soon_enough() -> None:
    rulebook = book(rules={"done": {"family": "onboarding_milestone", "when": [("is", "onboarding.done")]}})
    assert Story().add("Imported", 1).add("Signed Up", 3).found(rulebook) == {("pql", "done", None, 3)}
    assert Story().add("Imported", 1).add("Signed Up", 3, ms=1).found(rulebook) == set()
    assert Story().add("Uploaded", 1, properties={"ok": 1}).add("Signed Up", 2).found(rulebook) == set(), "1 is not true"
    assert Story().add("Uploaded", 1, properties={"ok": True}).add("Signed Up", 2).found(rulebook) != set()


def test_a_request_is_judged_by_the_person_who_made_it() -> None:
    guard = ("compare", "person.title", "==", "CTO")
    rules = {"ask": {"family": "upgrade_intent", "event": ["Asked"], "when": [guard], "cooldown": "1d"}, "any": {"when": [guard]}}
    story = Story().add(None, 0, type="identify", traits={"title": "CTO"}).add("Asked", 1, person="bo").add("Asked", 2)
    assert story.found(book(rules=rules)) == {
        ("service_sql", "ask", None, 2),
        ("pql", "any", None, 0),
        ("pql", "any", None, 14),
    }, "what only looks at the newest person is silenced at day 2, and told at the end of the cooldown"


def test_of_two_requests_at_once_the_last_by_id_is_at_hand() -> None:
    rules = {"ask": {"lead": "sales_sql", "event": ["Asked"], "when": [("compare", "properties.topic", "==", "price")]}}
    first, second = {"topic": "price"}, {"topic": "weather"}
    assert Story().add("Asked", 1, properties=first).add("Asked", 1, properties=second).found(book(rules=rules)) == set()
    assert Story().add("Asked", 1, properties=second).add("Asked", 1, properties=first).found(book(rules=rules)) != set()


def test_a_request_within_the_cooldown_is_silent_for_good() -> None:
    story = Story().add("Asked", 1).add("Asked", 14.9).add("Asked", 15)
    assert {each[3] for each in story.found(book(rules={"ask": {"lead": "sales_sql", "event": ["Asked"]}}))} == {1, 15}


def test_a_change_of_plan_holds_for_its_millisecond() -> None:
    rules = {"up": {"when": [("compare", "plan.change", "==", "up")], "cooldown": "1d"}}
    story = Story().plan("standard", 1).plan("premium", 3).plan("free", 4).plan("standard", 4.5)
    assert {each[3] for each in story.found(book(rules=rules))} == {1, 3, 4.5}


def test_of_copies_the_first_in_the_log_is_the_event_and_order_does_not_matter() -> None:
    rulebook = book(rules={"limit": STEPS})
    story = Story().contacts(10, 1).contacts(1, 2)
    copy = {**story.events[0], "properties": {"total": 1}}
    story.events.append(copy)
    expected = {Signal("pql", "limit/contacts", "100%", T0 + DAY)}
    assert signals(rulebook, story.events, T0 + 50 * DAY) == expected
    assert signals(rulebook, [story.events[1], story.events[0]], T0 + 50 * DAY) == expected
    assert signals(rulebook, [copy, *story.events], T0 + 50 * DAY) == set()


def test_what_sales_allows_counts_from_then_on_until_it_says_otherwise() -> None:
    said = [Override(T0 + day * DAY, "contacts", allowed) for day, allowed in ((2, "none"), (3, 8), (3, 5), (4, "plan"))]
    account = Account(book(rules={}), Story().contacts(8, 1).events, said)
    assert [account.allowed("contacts", T0 + day * DAY) for day in (1, 2, 3, 4)] == [10, None, 5, 10]
    assert account.allowed("emails", T0 + 3 * DAY) == 4


def test_less_allowed_is_an_instant_that_raises_the_signal_before() -> None:
    rulebook, events = book(rules={"limit": STEPS}), Story().contacts(8, 1).events
    lowered, earlier = Override(T0 + 2 * DAY, "contacts", 8), Override(T0, "contacts", 8)
    at_once, until = Signal("pql", "limit/contacts", "100%", T0 + DAY), T0 + 9 * DAY
    assert signals(rulebook, events, until, [lowered]) == {at_once}
    assert signals(rulebook, events, T0 + 2 * DAY - 1, [lowered]) == {at_once._replace(step="80%")}
    assert signals(rulebook, [], until, [earlier]) == set()
    assert signals(rulebook, events, until, [earlier]) == {at_once}


def test_what_is_dropped_was_never_there() -> None:
    drop = [("is", "properties.impersonated"), ("in", "person.email_domain", ["staff.example"])]
    rulebook = {**book(rules={"limit": STEPS}), "drop_events": drop}
    story = Story().add("Counted", 1, properties={"total": 10, "impersonated": True})
    story.add("Counted", 2, properties={"total": 9}, person="eva@Staff.example").contacts(8, 3)
    assert story.found(rulebook) == {("pql", "limit/contacts", "80%", 3)}
    assert len(story.account(rulebook).events) == 1


def test_the_kind_and_domain_of_an_address_or_of_an_id_that_is_one() -> None:
    story = Story().add(None, 1, type="identify", traits={"email": "Ada@GMail.com"})
    story.add(None, 2, type="identify", traits={"email": "none"}, person="info@acme.example")
    account = story.account(book(rules={}))
    names = ("email_domain", "email_kind")
    assert [account.person_trait("ada", name, T0 + DAY) for name in names] == ["gmail.com", "free_mail"]
    assert [account.person_trait("ada", name, T0) for name in names] == [None, None]
    assert [account.person_trait("info@acme.example", name, T0 + 2 * DAY) for name in names] == ["acme.example", "role"]


def heard(story: Story, rulebook: dict[str, Any]) -> dict[float, tuple[bool, bool]]:
    """When a signal qualified -> (barred, clear)."""
    found = hearings(Account(rulebook, story.events), T0 + 100 * DAY)
    return {(each.qualified_at - T0) / DAY: (each.barred, each.clear) for each in found}


def test_a_signal_is_barred_where_all_its_instants_are_suppressed_and_clear_where_it_came_to_stand_is_not() -> None:
    rulebook = {**book(rules={"limit": STEPS}), "suppress": [("is", "account.is_test")]}

    def tested(said: bool, day: float) -> dict[str, Any]:
        return {"name": None, "day": day, "type": "group", "person": None, "traits": {"is_test": said}}

    assert heard(Story().contacts(8, 1), rulebook) == {1: (False, True)}
    assert heard(Story().add(**tested(True, 0.5)).contacts(8, 1), rulebook) == {1: (True, False)}
    assert heard(Story().contacts(8, 1).add(**tested(True, 1.5)).contacts(10, 2), rulebook) == {1: (False, False)}
    freed = Story().add(**tested(True, 0.5)).contacts(8, 1).add(**tested(False, 1.5)).contacts(10, 2)
    assert heard(freed, rulebook) == {1: (False, True)}


def test_whoever_asks_again_may_be_heard_though_the_first_was_not_and_a_rule_in_shadow_never_is() -> None:
    rules = {"ask": {"lead": "sales_sql", "event": ["Asked"]}}
    rulebook = {**book(rules=rules), "suppress": [("is", "person.opted_out")]}
    story = Story().add(None, 0, type="identify", traits={"opted_out": True}).add("Asked", 1)
    assert heard(story, rulebook) == {1: (True, False)}
    assert heard(story.add("Asked", 2, person="bo"), rulebook) == {1: (False, False)}
    shadow = {**rulebook, "rules": {"ask": {**rules["ask"], "mode": "shadow"}}}
    assert heard(story, shadow) == {1: (True, False)}


def test_unknown_never_fires() -> None:
    values = {"known": 1, "text": "1", "yes": True}
    known, unknown = ("compare", "known", "==", 1), ("compare", "other", "==", 1)
    assert truth(("and", known, unknown), values.get) is None
    assert truth(("and", ("not", known), unknown), values.get) is False
    assert truth(("or", known, unknown), values.get) is True
    assert truth(("or", ("not", known), unknown), values.get) is None
    assert truth(("not", unknown), values.get) is None
    assert truth(("compare", "text", ">=", 1), values.get) is None
    assert truth(("compare", "yes", "==", 1), values.get) is None
    assert truth(("between", "known", 1, 2), values.get) is True
    assert truth(("in", "text", [1, "2"]), values.get) is False


def test_points_fade_once_a_day_and_are_capped_by_line_and_by_group() -> None:
    story = Story().add("Sent", 1).add("Sent", 2).add("Asked", 2).plan("free", 2)
    lines: list[dict[str, Any]] = [
        {"points": 9, "event": ["Sent"], "fades": "90d", "at_most": 12, "group": "g"},
        {"points": -2.5, "event": ["Asked"]},
        {"points": 5, "if": ("compare", "plan", "==", "free"), "group": "g"},
    ]
    rulebook = {**book(rules={}), "score": {"behaviour": lines, "fit": [{**lines[2]}], "caps": {"g": 16.8}}}
    days = (1, 4, 4.999, 5, 91, 92)
    found = [final_score(Account(rulebook, story.events), T0 + int(day * DAY)) for day in days]
    # With two of them 9 x (87 + 88) / 90 = 17.5, more than 12; the group is 17 and capped. From day 91 on: 9 x 1 / 90.
    assert [float(each.behaviour) for each in found] == [14, 14.3, 14.3, 14.3, 2.6, 2.5]
    assert {float(each.fit) for each in found} == {5}


def test_a_rule_that_looks_at_the_score_counts_the_signals_of_another_until_they_have_faded() -> None:
    story = Story().add("Asked", 1).add("Sent", 1.5).add("Sent", 3.5)
    rules = {
        "asked": {"event": ["Asked"]},
        "ready": {"when": [("compare", "score", ">=", 9)], "cooldown": "1d"},
        "calm": {"when": [("compare", "temperature", "==", "cold")], "cooldown": "1d"},
    }
    lines = [{"points": 6, "rule": "asked", "fades": "3d"}, {"points": 5, "event": ["Sent"], "fades": "1d"}]
    rulebook = {**book(rules=rules), "score": {"behaviour": lines, "hot": 9, "warm": 4}}
    found = {(rule, day) for _, rule, _, day in story.found(rulebook)}
    assert found == {("asked", 1), ("ready", 1.5), ("calm", 3), ("calm", 4.5)}
