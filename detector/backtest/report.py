"""What was found, reckoned up: leads a week, overlap, what differs from the live rulebook, what became of the leads, sweeps.

Pure, and the same numbers for the table, the JSON document and the page. Every share says of how many.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final

import msgspec

from detector.backtest.found import Found, Lead, Win
from detector.core import words

DAY_MS: Final = 86_400_000
WEEK_MS: Final = 7 * DAY_MS
WON_WITHIN_DAYS: Final = 30
"""A lead counts as followed by a win if that comes within so many days. A younger lead cannot tell yet, and is not counted."""
SAME_WIN_DAYS: Final = 7
"""Bought, and a few days later reported by sales: one win."""
MOVED_DAYS_MAX: Final = 14
"""Of one account and type, leads further apart than this are two."""
EXAMPLES: Final = 5
_SHORT: Final = "Less than a week is counted: what is said of a week is that, scaled up."


class Outcome(msgspec.Struct, frozen=True):
    """`a_week`: leads. `won` of `decided`: of those old enough to tell, how many a win followed. `days_before_win`: median."""

    leads: int
    a_week: float
    decided: int
    won: int
    precision: float | None
    days_before_win: float | None


class Example(msgspec.Struct, frozen=True):
    account: str
    lead_type: str
    rule: str
    qualified_at: str
    text: str
    was: str | None = None
    """Of one that moved: when the live rulebook had it."""


class RuleLine(msgspec.Struct, frozen=True):
    """`opened`: the leads that this rule opened. `joined`: further leads that carry its signal."""

    rule: str
    lead_type: str
    opened: Outcome
    joined: int


class Overlap(msgspec.Struct, frozen=True):
    """`accounts`: that the rule found. `only`: that no other rule found. `also`: rule -> how many of them it found as well."""

    rule: str
    accounts: int
    only: int
    also: dict[str, int]


class Week(msgspec.Struct, frozen=True):
    """`begins`: its Monday (UTC). Leads by type, and by the rule that opened them."""

    begins: str
    leads: int
    types: dict[str, int]
    rules: dict[str, int]


class Compared(msgspec.Struct, frozen=True):
    """With the live rulebook, over the same history."""

    against: str
    live: Outcome
    same: int
    new: int
    gone: int
    moved: int
    examples: dict[str, list[Example]]


class Wins(msgspec.Struct, frozen=True):
    """`seen`: a lead came before within the days that count. `unseen`: none did."""

    wins: int
    by_plan: int
    reported: int
    seen: int
    unseen: int
    examples: list[dict[str, str]]


class SweptValue(msgspec.Struct, frozen=True):
    """`all`: every lead. `of_rule`: those that the swept rule opened."""

    value: str
    current: bool
    all: Outcome
    of_rule: Outcome


class SweptRule(msgspec.Struct, frozen=True):
    what: str
    rule: str
    current: str
    values: list[SweptValue]


class Report(msgspec.Struct, frozen=True):
    """Times are ISO 8601 in UTC: `from` counts, `to` does not. `notes`: what a reader must know."""

    project: str
    rulebook: str
    source: str
    begins: str = msgspec.field(name="from")
    ends: str = msgspec.field(name="to")
    weeks: float
    events: int
    copies: int
    won_within_days: int
    all: Outcome
    types: dict[str, Outcome]
    rules: list[RuleLine]
    weekly: list[Week]
    overlap: list[Overlap]
    wins: Wins
    compared: Compared | None
    sweeps: list[SweptRule]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Span:
    """What counts: `begins` ≤ qualified_at < `ends`; `known`: until when anything is known of wins. Epoch ms."""

    begins: int
    ends: int
    known: int

    @property
    def weeks(self) -> float:
        return max(self.ends - self.begins, 1) / WEEK_MS

    def within(self, leads: Iterable[Lead]) -> list[Lead]:
        return [lead for lead in leads if self.begins <= lead.qualified_at < self.ends]


class Reckoning:
    """Wins of accounts, and the span that counts; leads in, outcomes out."""

    def __init__(self, wins: Sequence[Win], span: Span) -> None:
        self.span = span
        self.wins = _distinct(wins)
        self._times: defaultdict[str, list[int]] = defaultdict(list)
        for win in self.wins:
            self._times[win.account].append(win.at)

    def outcome(self, leads: Collection[Lead]) -> Outcome:
        decided = [lead for lead in leads if lead.qualified_at + WON_WITHIN_DAYS * DAY_MS <= self.span.known]
        took = [took for lead in decided if (took := self._took(lead)) is not None]
        return Outcome(
            leads=len(leads),
            a_week=round(len(leads) / self.span.weeks, 3),
            decided=len(decided),
            won=len(took),
            precision=round(len(took) / len(decided), 4) if decided else None,
            days_before_win=round(median(took) / DAY_MS, 1) if took else None,
        )

    def _took(self, lead: Lead) -> int | None:
        """Until the first win after it; what qualifies with the win itself foretold nothing."""
        after = (at - lead.qualified_at for at in self._times.get(lead.account, ()) if at > lead.qualified_at)
        took = min(after, default=None)
        return took if took is not None and took <= WON_WITHIN_DAYS * DAY_MS else None

    def about_wins(self, leads: Iterable[Lead]) -> Wins:
        """Of the wins within the span: was there a lead before each?"""
        times: defaultdict[str, list[int]] = defaultdict(list)
        for lead in leads:
            times[lead.account].append(lead.qualified_at)
        wins = [win for win in self.wins if self.span.begins <= win.at < self.span.ends]
        within = WON_WITHIN_DAYS * DAY_MS
        unseen = [win for win in wins if not any(0 < win.at - at <= within for at in times.get(win.account, ()))]
        reported = sum(win.reported for win in wins)
        examples = [{"account": win.account, "at": words.time(win.at)} for win in unseen[:EXAMPLES]]
        return Wins(len(wins), len(wins) - reported, reported, len(wins) - len(unseen), len(unseen), examples)


def _distinct(wins: Sequence[Win]) -> list[Win]:
    """Of an account's wins a few days apart the first."""
    newest: dict[str, int] = {}
    found = []
    for win in sorted(wins, key=lambda each: (each.at, each.reported)):
        if win.account not in newest or win.at - newest[win.account] > SAME_WIN_DAYS * DAY_MS:
            found.append(win)
            newest[win.account] = win.at
    return found


@dataclass(frozen=True, slots=True)
class Asked:
    """What was played: the places of the live rulebook and of each swept value among the leads that were found.

    `since`, `until`: epoch ms; None: from the first event, to the last instant.
    """

    project: str
    rulebook: str
    source: str
    since: int | None = None
    until: int | None = None
    against: tuple[str, int] | None = None
    sweeps: Sequence[tuple[str, str, str, Mapping[str, int]]] = ()
    """(what, rule, current value, value -> place)."""
    notes: Sequence[str] = ()


def reckoned(asked: Asked, found: Found) -> Report:
    known = found.last_at
    first = known if found.first_at is None else found.first_at
    begins = first if asked.since is None else asked.since
    ends = max(begins, min(asked.until, known + 1) if asked.until is not None else known + 1)
    reckoning = Reckoning(found.wins, Span(begins, ends, known))
    leads = reckoning.span.within(found.leads[0])
    return Report(
        project=asked.project,
        rulebook=asked.rulebook,
        source=asked.source,
        begins=words.time(begins),
        ends=words.time(ends),
        weeks=round(reckoning.span.weeks, 2),
        events=found.events,
        copies=found.copies,
        won_within_days=WON_WITHIN_DAYS,
        all=reckoning.outcome(leads),
        types={name: reckoning.outcome(each) for name, each in sorted(_grouped(leads, lambda lead: lead.lead_type).items())},
        rules=_rules(leads, reckoning),
        weekly=_weekly(leads, reckoning.span),
        overlap=_overlap(leads),
        wins=reckoning.about_wins(found.leads[0]),
        compared=None if asked.against is None else _compared(asked.against, found, reckoning),
        sweeps=[_swept(each, found, reckoning) for each in asked.sweeps],
        notes=[*asked.notes, *([_SHORT] if reckoning.span.weeks < 1 else ())],
    )


def _grouped(leads: Iterable[Lead], key: Any) -> dict[Any, list[Lead]]:
    groups: defaultdict[Any, list[Lead]] = defaultdict(list)
    for lead in leads:
        groups[key(lead)].append(lead)
    return dict(groups)


def _rules(leads: Sequence[Lead], reckoning: Reckoning) -> list[RuleLine]:
    opened = _grouped(leads, lambda lead: (lead.rule, lead.lead_type))
    joined = Counter((rule, lead.lead_type) for lead in leads for rule in lead.rules if rule != lead.rule)
    keys = sorted({*opened, *joined}, key=lambda key: (-len(opened.get(key, ())), key))
    return [RuleLine(key[0], key[1], reckoning.outcome(opened.get(key, ())), joined[key]) for key in keys]


def _weekly(leads: Sequence[Lead], span: Span) -> list[Week]:
    """Every week of the span, those without any lead too."""
    by_week = _grouped(leads, lambda lead: _monday(lead.qualified_at))
    weeks = range(_monday(span.begins), span.ends, WEEK_MS)
    return [
        Week(
            f"{datetime.fromtimestamp(week // 1000, UTC):%Y-%m-%d}",
            len(found := by_week.get(week, [])),
            dict(sorted(Counter(lead.lead_type for lead in found).items())),
            dict(sorted(Counter(lead.rule for lead in found).items())),
        )
        for week in weeks
    ]


def _monday(ms: int) -> int:
    """1970 began on a Thursday."""
    return (ms - 4 * DAY_MS) // WEEK_MS * WEEK_MS + 4 * DAY_MS


def _overlap(leads: Sequence[Lead]) -> list[Overlap]:
    accounts: defaultdict[str, set[str]] = defaultdict(set)
    for lead in leads:
        for rule in lead.rules:
            accounts[rule].add(lead.account)
    found = []
    for rule, ours in sorted(accounts.items()):
        others = {other: theirs for other, theirs in sorted(accounts.items()) if other != rule}
        only = len(ours - set[str]().union(*others.values()))
        found.append(Overlap(rule, len(ours), only, {other: len(ours & theirs) for other, theirs in others.items()}))
    return found


def _compared(against: tuple[str, int], found: Found, reckoning: Reckoning) -> Compared:
    name, place = against
    ours, theirs = (_grouped(found.leads[n], lambda lead: (lead.account, lead.lead_type)) for n in (0, place))
    span, same = reckoning.span, 0
    new: list[Example] = []
    gone: list[Example] = []
    moved: list[Example] = []
    for key in sorted({*ours, *theirs}):
        for mine, live in _paired(ours.get(key, []), theirs.get(key, [])):
            if not span.within([each for each in (mine, live) if each is not None]):
                continue
            if mine is None and live is not None:
                gone.append(_example(live))
            elif live is None and mine is not None:
                new.append(_example(mine))
            elif mine is not None and live is not None and mine.qualified_at != live.qualified_at:
                moved.append(_example(mine, words.time(live.qualified_at)))
            else:
                same += 1
    examples = {"new": new[:EXAMPLES], "gone": gone[:EXAMPLES], "moved": moved[:EXAMPLES]}
    live_outcome = reckoning.outcome(span.within(found.leads[place]))
    return Compared(name, live_outcome, same, len(new), len(gone), len(moved), examples)


def _paired(ours: Sequence[Lead], theirs: Sequence[Lead]) -> Iterable[tuple[Lead | None, Lead | None]]:
    """Leads of one account and type: those at the same instant, then in order those that are not far apart."""
    at = {lead.qualified_at: lead for lead in theirs}
    same = [(lead, at[lead.qualified_at]) for lead in ours if lead.qualified_at in at]
    times = {lead.qualified_at for lead, _ in same}
    yield from same
    left = sorted((lead for lead in theirs if lead.qualified_at not in times), key=lambda lead: lead.qualified_at)
    for lead in sorted((lead for lead in ours if lead.qualified_at not in times), key=lambda lead: lead.qualified_at):
        near = next((each for each in left if abs(each.qualified_at - lead.qualified_at) <= MOVED_DAYS_MAX * DAY_MS), None)
        if near is not None:
            left.remove(near)
        yield lead, near
    yield from ((None, lead) for lead in left)


def _example(lead: Lead, was: str | None = None) -> Example:
    return Example(lead.account, lead.lead_type, lead.rule, words.time(lead.qualified_at), lead.text, was)


def _swept(sweep: tuple[str, str, str, Mapping[str, int]], found: Found, reckoning: Reckoning) -> SweptRule:
    what, rule, current, places = sweep
    values = []
    for value, place in places.items():
        leads = reckoning.span.within(found.leads[place])
        ours = [lead for lead in leads if lead.rule.partition("/")[0] == rule]
        values.append(SweptValue(value, value == current, reckoning.outcome(leads), reckoning.outcome(ours)))
    return SweptRule(what, rule, current, values)
