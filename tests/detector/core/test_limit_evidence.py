"""What a lead about a limit shows: the part that counts, the threshold that was applied, and how much is known."""

from typing import Any

import msgspec
import pytest

from detector.core.account import Account
from detector.core.evidence import evidence as line_of_refusals
from detector.core.facts import parts
from detector.core.judge import process
from detector.core.measures.moment import Moment
from detector.core.rulebook.adoption import Switch, switched
from detector.core.rulebook.compile import compile_rulebook
from detector.core.rulebook.parse import parse
from detector.rulebooks import bases
from tests.detector.core.sample import DAY, T0, place, usage

BOOK = """
project: huddle
use: b2b-saas@1
limits:
  storage: {last: properties.bytes, of: Measured, worst_by: properties.channel, unit: bytes}
  rows: {last: properties.rows, of: Rows Counted}
plans:
  pro: {stage: paying, price: 8, allows: {storage: 1 GB, rows: 100}, tolerance: {rows: 10%}}
no_plan: pro
rules:
  full: {lead: pql, each: limit, when: [limit.percent >= 50%], say: "{limit.worst} has {limit.used}"}
"""


def evidence(*events: Any) -> list[dict[str, Any]]:
    """Of the newest lead event."""
    program, account = compile_rulebook(parse(BOOK, bases()).rulebook, 1), Account.new("huddle", "acc_9")
    made = [told for event in events for told in process(program, account, event, place(event.timestamp + 100))]
    found: list[dict[str, Any]] = made[-1].data["evidence"]
    return found


def measured(number: int, channel: object, size: float) -> Any:
    return usage(f"m{number}", T0 + number, "Measured", properties={"channel": channel, "bytes": size})


def test_evidence_names_the_fullest_part_and_the_message_that_said_so() -> None:
    found = evidence(measured(1, "general", 6e8), measured(2, "design", 4e8), measured(3, "general", 8e8))
    lines = [(line["condition"], line["value"], line["message_ids"]) for line in found if line["rule"] == "limit/storage"]
    assert lines == [
        ("limit.percent >= 80%", 80, ["m3"]),
        ("worst by properties.channel", "general", ["m3"]),
    ]
    assert [line["value"] for line in found if line["rule"] == "full/storage"] == ["general", 60]


def test_of_more_parts_than_are_kept_evidence_says_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PARTS_MAX", 3)
    small = [measured(number, f"c{number}", 1e6) for number in range(10)]
    large = [measured(10 + number, f"c{number}", 9e8) for number in range(10)]
    found = evidence(*small, *large)
    shown = [line["value"] for line in found if line["condition"] == "limit.percent >= 80%"]
    assert all(str(value).startswith("at least") for value in shown)
    assert shown


def test_evidence_shows_the_threshold_with_what_the_plan_tolerates() -> None:
    found = evidence(usage("m1", T0, "Rows Counted", properties={"rows": 110}), usage("m2", T0 + DAY, "Other"))
    assert [(line["condition"], line["value"], line["threshold"]) for line in found if line["rule"] == "limit/rows"] == [
        ("limit.percent >= 110%", 110, 110)
    ]


@pytest.mark.parametrize(
    ("before", "now", "full_on"),
    [
        (10, 45, "2026-06-14"),
        (10, 10.25, "2033-04-20"),
        (10, 10.1, None),
        (10, 10.0001, None),
        (0, 5e-324, None),
        (-1e308, 1e308, "2026-06-03"),
        (-1e308, -9e307, None),
        (45, 45, None),
        (45, 10, None),
        (200, 300, "2026-06-03"),
    ],
)
def test_a_forecast_of_any_numbers_is_a_day_or_unknown(before: float, now: float, full_on: str | None) -> None:
    program, account = compile_rulebook(parse(BOOK, bases()).rulebook, 1), Account.new("huddle", "acc_9")
    for number, (day, rows) in enumerate([(0, before), (6, now)]):
        event = usage(f"m{number}", T0 + day * DAY, "Rows Counted", properties={"rows": rows})
        process(program, account, event, place(event.timestamp))
    moment = Moment(account.facts, program.ladder, T0 + 7 * DAY)
    assert program.limits["rows"].data(moment, DAY)["full_on"] == full_on


def test_of_refusals_that_are_kept_since_today_evidence_says_at_least() -> None:
    """They are known in part: somebody may have been refused before, within the seven days that count."""
    old = parse(BOOK, bases()).rulebook
    new = parse(BOOK.replace("of: Rows Counted}", "of: Rows Counted, refused: Row Refused}"), bases()).rulebook
    account = Account.new("huddle", "acc_9")
    first, second = compile_rulebook(old, 1), compile_rulebook(new, 2)
    process(first, account, usage("m1", T0, "Rows Counted", properties={"rows": 1}), place(T0))
    known = switched({}, Switch(first, second, T0 + DAY))
    program = compile_rulebook(new, 2, known)
    process(program, account, usage("m2", T0 + 2 * DAY, "Row Refused"), place(T0 + 2 * DAY))
    moment = Moment(account.facts, program.ladder, T0 + 2 * DAY)
    (line,) = line_of_refusals(program.judged["limit/rows"], moment, "refused")
    assert msgspec.json.decode(msgspec.json.encode(line)) == line
    assert (line["condition"], line["value"], line["message_ids"]) == ("limit.refused >= 1", "at least 1", ["m2"])
