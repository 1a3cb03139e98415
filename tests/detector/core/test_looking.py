"""What makes a rule look at dates, other rules, limits by name and lists fire, against the naive oracle."""

from tests.truth.driver import Detector, program
from tests.truth.generate import T0
from tests.truth.test_found import Log, book

DAY = 86_400_000


def test_a_rule_rises_with_events_that_only_the_rule_behind_it_waits_for() -> None:
    rulebook = book(
        {
            "front": {"when": [("is", "rules.behind"), ("compare", "plan", "==", "free")]},
            "behind": {"when": [("is", "rules.last")]},
        }
        | {"last": {"when": [("compare", "shares", ">=", 2)]}},
        measures={"shares": {"count": "Shared"}},
    )
    log = Log().add("Other", 0).add("Shared", 1).add("Other", 2).add("Shared", 3)
    assert log.found(rulebook, 4) == {(rule, None, 3) for rule in ("front", "behind", "last")}


def test_a_date_comes_near_and_goes_by_without_any_event() -> None:
    near, long_ago = ("duration", "3d"), ("duration", "1d")
    rulebook = book(
        {
            "near": {"when": [("compare", "until(account.ends)", "<=", near)]},
            "ago": {"when": [("compare", "since(account.ends)", ">", long_ago)]},
            "between": {"when": [("between", "until(account.ends)", long_ago, near)], "cooldown": "25h"},
        }
    )
    log = Log().add("group", 0, person=None, traits={"ends": (T0 + 10 * DAY) // 1000})
    assert log.found(rulebook, 7 - 1 / DAY) == set()
    assert log.found(rulebook, 30) == {("near", None, 7), ("between", None, 7), ("ago", None, 11 + 1 / DAY)}


def test_what_sales_allows_of_a_limit_is_heard_by_rules_that_name_it() -> None:
    rulebook = book({"full": {"when": [("compare", "limits.contacts.percent", ">=", ("%", 80))]}})
    log = Log().add("Counted", 0, properties={"total": 5}).says("override", 1, limit="contacts", allowed=6)
    assert log.found(rulebook, 2) == {("full", None, 1)}


def test_a_list_that_was_said_is_there_after_a_restart() -> None:
    rulebook = book({"tagged": {"when": [("covers", "account.tags", ["a", 7]), ("compare", "shares", ">=", 1)]}}, measures=SHARES)
    log = Log().add("group", 0, person=None, traits={"tags": ["b", 7, "a"]}).add("Shared", 1)
    detector = Detector(program(rulebook))
    for event in log.events:
        detector.arrives(event)
        detector.restarts()
    assert {each.qualified_at for each in detector.signals()} == {T0 + DAY}
    assert log.found(rulebook, 2) == {("tagged", None, 1)}


SHARES = {"shares": {"count": "Shared"}}


def test_what_is_too_long_or_no_plain_value_is_there_and_compares_with_nothing() -> None:
    rulebook = book({"missing": {"when": [("missing", "account.tags")]}, "not": {"when": [("not", ("is", "account.tags"))]}})
    for value in ({"a": 1}, ["x"] * 51, ["x" * 1_025], "x" * 1_025, [[1]]):
        detector = Detector(program(rulebook))
        detector.arrives(Log().add("group", 0, person=None, traits={"tags": value}).events[0])
        assert detector.signals() == set()


def test_of_many_values_evidence_names_ten() -> None:
    """A thousand would be more than a webhook holds."""
    rulebook = book({"seen": {"when": [("covers", "values(viewers)", ["v00"])]}}, measures=VIEWERS)
    detector = Detector(program(rulebook))
    for number in range(30, -1, -1):
        detector.arrives(Log().add("Shared", 0, properties={"viewer": f"v{number:02d}"}).events[0] | {"id": f"m{number}"})
    (line,) = detector.lead_events[0].data["evidence"]
    assert line["value"] == "v00, v01, v02, v03, v04, v05, v06, v07, v08, v09 and 21 more"
    assert line["condition"] == 'viewers covers ["v00"]'


VIEWERS = {"viewers": {"distinct": "properties.viewer", "of": "Shared"}}
