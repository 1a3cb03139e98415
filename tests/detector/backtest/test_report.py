"""The reckoning: what counts, what is too young, what two rules share, what is other than live. Edges to the millisecond."""

from dataclasses import replace

from detector.backtest.found import Found, Lead, Win
from detector.backtest.report import DAY_MS, WON_WITHIN_DAYS, Asked, Outcome, Report, reckoned

NOW = 1_780_272_000_000
"""2026-06-01, a Monday."""
WITHIN = WON_WITHIN_DAYS * DAY_MS
ASKED = Asked("mail", "rulebook.yaml", "the log")


def lead(account: str, at: int, rule: str = "limit", lead_type: str = "pql", *also: str) -> Lead:
    return Lead(f"ld_{account}_{at}", account, lead_type, at, rule, None, f"{account} did", (rule, *also), "open")


def found(*leads: Lead, wins: tuple[Win, ...] = (), live: tuple[Lead, ...] = (), known: int = NOW + 100 * DAY_MS) -> Found:
    return Found([list(leads), list(live)], list(wins), events=9, first_at=NOW, last_at=known)


def won(account: str, at: int, *, reported: bool = False) -> Win:
    return Win(account, at, reported)


def outcome(report: Report) -> tuple[int, int, int, float | None]:
    return report.all.leads, report.all.decided, report.all.won, report.all.days_before_win


def test_from_counts_and_to_does_not() -> None:
    leads = [lead(name, NOW + at) for name, at in (("a", -1), ("b", 0), ("c", 7 * DAY_MS - 1), ("d", 7 * DAY_MS))]
    report = reckoned(replace(ASKED, since=NOW, until=NOW + 7 * DAY_MS), found(*leads))
    assert (report.all.leads, report.all.a_week, report.weeks) == (2, 2.0, 1.0)
    assert (report.begins, report.ends) == ("2026-06-01T00:00:00.000Z", "2026-06-08T00:00:00.000Z")
    assert [(week.begins, week.leads) for week in report.weekly] == [("2026-06-01", 2)]


def test_without_a_span_it_is_from_the_first_event_to_the_last_instant() -> None:
    report = reckoned(ASKED, found(lead("a", NOW), lead("b", NOW + 14 * DAY_MS), known=NOW + 14 * DAY_MS))
    assert (report.all.leads, report.begins, report.ends) == (2, "2026-06-01T00:00:00.000Z", "2026-06-15T00:00:00.001Z")
    assert [week.leads for week in report.weekly] == [1, 0, 1]
    later = reckoned(replace(ASKED, until=NOW + 900 * DAY_MS), found(lead("a", NOW), known=NOW + 14 * DAY_MS))
    assert later.ends == report.ends, "of the future nothing is known: it must not thin out the weeks"


def test_a_win_counts_for_the_leads_of_the_days_before_it_and_not_for_one_at_its_own_instant() -> None:
    at = NOW + 40 * DAY_MS
    leads = [
        lead("far", at - WITHIN - 1),
        lead("just", at - WITHIN),
        lead("near", at - 1),
        lead("same", at),
        lead("late", at + 1),
    ]
    report = reckoned(ASKED, found(*leads, wins=tuple(won(each.account, at) for each in leads)))
    assert outcome(report) == (5, 5, 2, 15.0)
    assert report.all.precision == 0.4
    assert (report.wins.wins, report.wins.seen, report.wins.unseen) == (5, 2, 3)
    assert {each["account"] for each in report.wins.examples} == {"far", "late", "same"}


def test_a_lead_too_young_to_tell_is_not_counted_though_its_win_came() -> None:
    old, young = lead("old", NOW), lead("young", NOW + 1)
    report = reckoned(ASKED, found(old, young, wins=(won("young", NOW + 2),), known=NOW + WITHIN))
    assert outcome(report) == (2, 1, 0, None)
    assert report.all.precision == 0.0
    assert reckoned(ASKED, found(young, known=NOW + 1)).all == Outcome(1, 0.0 + report_rate(NOW + 1), 0, 0, None, None)


def report_rate(known: int) -> float:
    return round(1 / ((known + 1 - NOW) / (7 * DAY_MS)), 3)


def test_bought_and_reported_a_few_days_later_is_one_win() -> None:
    wins = (won("a", NOW + DAY_MS), won("a", NOW + 8 * DAY_MS, reported=True), won("a", NOW + 20 * DAY_MS, reported=True))
    about = reckoned(ASKED, found(lead("a", NOW), wins=wins)).wins
    assert (about.wins, about.by_plan, about.reported) == (2, 1, 1)


def test_a_lead_is_the_rules_that_opened_it_and_overlap_counts_accounts() -> None:
    leads = [
        lead("a", NOW, "limit", "pql", "growth"),
        lead("b", NOW, "limit"),
        lead("b", NOW + 1, "growth", "xql"),
        lead("c", NOW),
    ]
    report = reckoned(ASKED, found(*leads))
    assert [(line.rule, line.lead_type, line.opened.leads, line.joined) for line in report.rules] == [
        ("limit", "pql", 3, 0),
        ("growth", "xql", 1, 0),
        ("growth", "pql", 0, 1),
    ]
    assert [(each.rule, each.accounts, each.only, each.also) for each in report.overlap] == [
        ("growth", 2, 0, {"limit": 2}),
        ("limit", 3, 1, {"growth": 2}),
    ]
    assert {name: of.leads for name, of in report.types.items()} == {"pql": 3, "xql": 1}


def test_against_live_leads_are_the_same_new_gone_or_moved() -> None:
    day = DAY_MS
    ours = (lead("same", NOW), lead("moved", NOW + day), lead("new", NOW), lead("far", NOW), lead("twice", NOW + 3 * day))
    live: tuple[Lead, ...] = (
        lead("same", NOW),
        lead("moved", NOW),
        lead("gone", NOW),
        lead("far", NOW + 15 * day),
        lead("twice", NOW + 3 * day),
    )
    live = (*live, lead("twice", NOW + 2 * day))
    compared = reckoned(replace(ASKED, against=("version 3", 1)), found(*ours, live=live)).compared
    assert compared is not None
    assert (compared.same, compared.new, compared.gone, compared.moved) == (2, 2, 3, 1)
    assert [(each.account, each.qualified_at, each.was) for each in compared.examples["moved"]] == [
        ("moved", "2026-06-02T00:00:00.000Z", "2026-06-01T00:00:00.000Z")
    ]
    assert [each.account for each in compared.examples["new"]] == ["far", "new"]
    assert [each.account for each in compared.examples["gone"]] == ["far", "gone", "twice"]
    assert compared.live.leads == 6


def test_a_sweep_says_all_leads_and_those_of_its_rule() -> None:
    asked = replace(ASKED, sweeps=[("limit", "limit", "80%", {"70%": 1, "80%": 0})])
    report = reckoned(asked, found(lead("a", NOW, "limit/contacts"), live=(lead("a", NOW, "limit/contacts"), lead("b", NOW))))
    (sweep,) = report.sweeps
    assert [(each.value, each.current, each.all.leads, each.of_rule.leads) for each in sweep.values] == [
        ("70%", False, 2, 2),
        ("80%", True, 1, 1),
    ]


def test_of_nothing_there_is_nothing_to_say() -> None:
    report = reckoned(ASKED, Found([[]], last_at=NOW))
    assert (report.all.leads, report.all.a_week, len(report.weekly), report.rules, report.overlap) == (0, 0.0, 1, [], [])


def test_a_rate_from_less_than_a_week_says_so() -> None:
    short, week = (reckoned(replace(ASKED, since=NOW, until=NOW + 7 * DAY_MS - of), found(lead("a", NOW))) for of in (1, 0))
    assert (len(short.notes), week.notes) == (1, [])
