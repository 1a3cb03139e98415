"""What the oracle's conditions look into and at, against answers that were worked out by hand."""

from typing import Any

from tests.oracle.conditions import NOBODY, date, truth
from tests.oracle.test_oracle import DAY, T0, Story, book

VALUES: dict[str, Any] = {
    "title": "Senior VP",
    "tags": ["a", 7],
    "seen": {"a", "b"},
    "number": 7,
    "object": {"a": 1},
    "nobody": NOBODY,
}


LOOKS: list[tuple[Any, bool | None]] = [
    (("look", "title", "matches", "^senior|junior"), True),
    (("look", "title", "contains", "R v"), True),
    (("look", "title", "starts with", "vp"), False),
    (("look", "title", "ends with", "vp"), True),
    (("look", "number", "matches", "7"), None),
    (("look", "other", "contains", "7"), None),
    (("look", "tags", "contains", "a"), True),
    (("look", "tags", "contains", "A"), False),
    (("look", "seen", "contains", "c"), False),
    (("covers", "tags", [7, "a"]), True),
    (("covers", "tags", ["7"]), False),
    (("covers", "seen", ["a", "c"]), False),
    (("covers", "title", ["Senior VP"]), None),
    (("missing", "other"), True),
    (("missing", "object"), False),
    (("known", "title"), True),
    (("known", "nobody"), None),
    (("missing", "nobody"), None),
    (("compare", "nobody", "!=", "x"), None),
]


def test_what_is_looked_into() -> None:
    assert [(condition, truth(condition, VALUES.get)) for condition, _ in LOOKS] == LOOKS


def test_dates_in_the_forms_that_the_cases_use() -> None:
    forms = ["2026-05-27", "2026-05-27 00:00", "2026-05-27T00:00:00Z", "2026-05-27T02:00:00+02:00", T0 // 1000, T0]
    assert [date(form) for form in forms] == [T0] * 6
    assert [date(form) for form in ("soon", "2026-02-30", 30, True, None, [T0])] == [None] * 6


def test_a_date_turns_a_condition_without_any_event_and_not_once_it_is_over() -> None:
    near = ("compare", "until(account.ends)", "<=", ("duration", "2d"))
    rulebook = book(rules={"ends": {"when": [near, ("compare", "account.size", ">", 3)], "cooldown": "1d"}})
    ends: dict[str, Any] = {"type": "group", "person": None, "traits": {"ends": "2026-06-06"}}  # day 10
    large: dict[str, Any] = {"type": "group", "person": None, "traits": {"size": 5}}
    assert Story().add(None, 1, **large).add(None, 2, **ends).found(rulebook) == {("pql", "ends", None, 8)}
    assert {each[3] for each in Story().add(None, 1, **ends).add(None, 10, **large).found(rulebook)} == {10}
    assert Story().add(None, 1, **ends).add(None, 10, ms=1, **large).found(rulebook) == set()


def test_a_customer_is_one_from_the_first_paying_plan_on() -> None:
    rulebook = book(rules={"old": {"when": [("compare", "since(customer_since)", ">=", ("duration", "3d"))]}})
    story = Story().plan("trial", 0).plan("standard", 1).plan("free", 2).plan("premium", 3)
    assert story.found(rulebook) == {("xql", "old", None, 4)}


def test_a_rule_is_looked_at_as_of_the_same_instant_whatever_was_told_of_it() -> None:
    busy = {"when": [("compare", "sent", ">=", 1)]}
    rules = {"calm": {"when": [("not", ("is", "rules.busy"))], "cooldown": "1d"}, "busy": busy}
    rulebook = book(rules=rules, measures={"sent": {"count": "Sent", "window": "2d"}})
    story = Story().add("Sent", 1).add("Sent", 5)
    assert {each for each in story.found(rulebook) if each[1] == "calm"} == {("pql", "calm", None, 3), ("pql", "calm", None, 7)}


def test_limits_by_name_and_the_values_of_a_measure() -> None:
    guards = [("compare", "limits.emails.percent", ">=", ("%", 50)), ("covers", "values(people)", ["ada", "bo"])]
    rulebook = book(rules={"both": {"when": guards}}, measures={"people": {"distinct": "person", "of": "active"}})
    assert T0 % DAY == 0
    story = Story().add("Emailed", 1).add("Emailed", 2, person="cy").add("Other", 3, person="bo")
    assert story.found(rulebook) == {("pql", "both", None, 3)}
    assert Story().add("Emailed", 1).add("Emailed", 2).found(rulebook) == set()
