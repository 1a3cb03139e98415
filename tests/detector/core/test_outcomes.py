"""What became of leads: lives written out, and the figures that people would count by hand."""

from typing import Any

import msgspec
import pytest

from detector.core.outcomes import By, Figures, Step, figures, lives_of

HOUR = 3_600_000
MONDAY = 1_790_553_600_000  # 2026-09-28T00:00:00Z


def life(*steps: tuple[str, float, str], lead: str = "ld_1", at: int = MONDAY, **more: Any) -> list[Step]:
    """`steps`: (type, hours after it was opened, status)."""
    data = {"lead_id": lead, "lead_type": "pql", "signals": [{"rule": "limit/contacts"}], "owner": {"email": None}, "changes": []}
    told = more.pop("notify", True)
    return [
        msgspec.convert(
            {
                "type": f"lead.{type_}",
                "timestamp": at + round(hours * HOUR),
                "notify": told,
                "data": data | {"status": status} | more,
            },
            Step,
        )
        for type_, hours, status in steps
    ]


def amount(of: float) -> list[dict[str, Any]]:
    return [{"field": "status", "new": "won"}, {"field": "amount", "new": of}]


CREATED = ("created", 0, "open")


def only(*lives: list[Step], by: By = "type") -> Figures:
    (group,), everything = figures(lives, by)
    counted = {name: getattr(group, name) for name in ("leads", "won", "revenue", "precision", "answered_ms")}
    assert counted == {name: getattr(everything, name) for name in counted}
    return group


def test_a_funnel_counts_how_far_each_lead_ever_came() -> None:
    found = only(
        life(CREATED),
        life(CREATED, ("accepted", 1, "accepted")),
        life(CREATED, ("opportunity", 2, "opportunity"), ("lost", 50, "lost")),
        life(CREATED, ("accepted", 3, "accepted"), ("opportunity", 4, "opportunity"), ("won", 48, "won"), changes=amount(1200)),
        life(CREATED, ("rejected", 5, "rejected")),
        life(CREATED, ("overdue", 1, "open"), ("expired", 90, "expired")),
    )
    assert (found.leads, found.accepted, found.opportunity, found.unfinished) == (6, 3, 2, 2)
    assert (found.won, found.lost, found.rejected, found.expired) == (1, 1, 1, 1)
    assert (found.precision, found.revenue) == (0.25, 1200.0)


def test_times_are_medians_of_those_that_had_any() -> None:
    found = only(
        life(CREATED, ("accepted", 1, "accepted"), ("won", 10, "won")),
        life(CREATED, ("rejected", 3, "rejected")),
        life(CREATED, ("snoozed", 1, "open"), ("won", 30, "won")),
        life(CREATED),
    )
    assert (found.answered_ms, found.won_ms) == (2 * HOUR, 20 * HOUR)


def test_where_nothing_is_decided_nothing_is_said() -> None:
    found = only(life(CREATED), life(CREATED, ("superseded", 1, "superseded")), life(CREATED, ("retracted", 1, "retracted")))
    assert (found.leads, found.unfinished, found.precision, found.answered_ms, found.won_ms) == (3, 1, None, None, None)


def test_what_nobody_was_told_of_counts_for_nothing() -> None:
    assert figures([life(CREATED, ("won", 1, "won"), notify=False)], "type") == ([], Figures("all"))


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("type", ["pql", "xql"]),
        ("rule", ["limit", "busy"]),
        ("owner", ["nobody", "jo@a.b"]),
        ("source", ["unknown", "google"]),
    ],
)
def test_groups_are_those_that_the_leads_have_the_largest_first(by: By, names: list[str]) -> None:
    other: dict[str, Any] = {"lead_type": "xql", "signals": [{"rule": "busy"}], "owner": {"email": "jo@a.b"}}
    other["source"] = {"utm_source": " Google ", "utm_medium": "cpc"}
    groups, everything = figures([life(CREATED), life(CREATED, **other), life(CREATED)], by)
    assert [(group.name, group.leads) for group in groups] == list(zip(names, (2, 1), strict=True))
    assert everything.leads == 3


def test_a_source_that_came_to_light_later_counts_and_one_that_is_not_told_any_more_does() -> None:
    """The first of the parts, in the rulebook's order."""
    known: dict[str, Any] = {"source": {"utm_source": "google"}}
    lost: dict[str, Any] = {"source": {}}
    late = [*life(CREATED, **lost), *life(("accepted", 1, "accepted"), **known)]
    gone = [*life(CREATED, **known), *life(("accepted", 1, "accepted"), **lost)]
    assert [(group.name, group.leads) for group in figures([late, gone], "source")[0]] == [("google", 2)]


def test_weeks_begin_on_mondays_and_come_in_order() -> None:
    sunday = MONDAY - 1
    groups, _ = figures([life(CREATED, at=MONDAY), life(CREATED, at=MONDAY + 5 * 24 * HOUR), life(CREATED, at=sunday)], "week")
    assert [(group.name, group.leads) for group in groups] == [("2026-09-21", 1), ("2026-09-28", 2)]


def test_an_amount_that_is_none_is_nothing() -> None:
    assert only(life(CREATED, ("won", 1, "won"), changes=[{"field": "amount", "new": "much"}])).revenue == 0


def test_steps_are_put_together_lead_by_lead() -> None:
    one, other = life(CREATED, ("won", 1, "won")), life(CREATED, lead="ld_2")
    assert list(lives_of([*one, *other])) == [one, other]
    assert list(lives_of([])) == []
