"""A backtest's report in, one HTML file out. Nothing is loaded and nothing runs in it: it opens from disk and can be sent on."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from detector.backtest.report import Compared, Overlap, Report, SweptRule
from handraiser import plots
from handraiser.backtest.telling import OUTCOME, days_before, followed, outcome, step, weeks, when, wins
from handraiser.backtest.telling import a_week as per_week
from handraiser.page import document, facts, table

OVERLAP_RULES_MAX: Final = 12
"""A table of more rules than that nobody reads; the JSON document has all."""
_NUMBERS: Final = frozenset((*OUTCOME, "JOINED", "ACCOUNTS", "ONLY IT"))


def page(report: Report) -> str:
    """The whole document."""
    title = f"Backtest of {report.project}, {report.rulebook}"
    span = f"{when(report.begins)} until before {when(report.ends)} (UTC)"
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="dim">{span}, {weeks(report.weeks)}, {report.events:,} events of {escape(report.source)}</p>',
        _facts(report),
        f"<p>{escape(followed(report))}</p>",
        *(_weekly(report) if report.all.leads else ()),
        *(_sweep(sweep) for sweep in report.sweeps),
        _rules(report),
        _overlap(report.overlap[:OVERLAP_RULES_MAX]),
        _compared(report.compared) if report.compared is not None else "",
        _wins(report),
        "".join(f"<h2>Note</h2><p>{escape(note).replace(chr(10), '<br>')}</p>" for note in report.notes),
    ]
    return document(title, "".join(body))


def _facts(report: Report) -> str:
    every = report.all
    values = [
        (f"{every.leads:,}", "leads"),
        (per_week(every), "leads a week"),
        (f"{every.won:,} of {every.decided:,}", f"won within {report.won_within_days} days"),
        (days_before(every), "days before the win (median)"),
        (f"{report.wins.unseen:,} of {report.wins.wins:,}", "wins that no rule saw"),
    ]
    return facts(values)


def _weekly(report: Report) -> Iterable[str]:
    kinds = sorted({kind for week in report.weekly for kind in week.types})
    key = "".join(f'<span><i class="k{n % plots.COLOURS}"></i>{escape(kind)}</span>' for n, kind in enumerate(kinds))
    yield "<h2>Leads a week</h2>"
    drawn = plots.bars([(week.begins, week.types) for week in report.weekly], kinds, "Leads a week, by type")
    yield f'<div class="wide">{drawn}</div>'
    yield f'<p class="key">{key}</p>'


def _sweep(sweep: SweptRule) -> str:
    points = [(each.value, each.all.a_week, each.all.precision, each.current) for each in sweep.values]
    rows = [[each.value, *outcome(each.all), f"{each.of_rule.leads:,}"] for each in sweep.values]
    lines = "".join(f"<li>{escape(step(sweep, each))}</li>" for each in sweep.values if not each.current)
    return (
        f"<h2>Sweep: {escape(sweep.what)}</h2>"
        f'<p class="key"><span><i class="k0"></i>leads a week ({escape(sweep.current)} is in the rulebook)</span>'
        '<span><i class="k1"></i>precision (the whole height is 100 %)</span></p>'
        f'<div class="wide">{plots.curve(points, f"Leads a week and precision by {sweep.what}")}</div><ul>{lines}</ul>'
        + _table(["VALUE", *OUTCOME, "OPENED BY IT"], rows, [n for n, each in enumerate(sweep.values) if each.current])
    )


def _rules(report: Report) -> str:
    rows = [[line.rule, line.lead_type, *outcome(line.opened), f"{line.joined:,}"] for line in report.rules]
    head = (
        "<h2>Rules</h2><p class=dim>A lead counts for the rule that opened it. Joined: further leads that carry its signal.</p>"
    )
    return head + _table(["RULE", "TYPE", *OUTCOME, "JOINED"], rows) if rows else ""


def _overlap(rules: Sequence[Overlap]) -> str:
    if len(rules) < 2:
        return ""
    names = [each.rule for each in rules]
    rows = [
        [each.rule, f"{each.accounts:,}", f"{each.only:,}"]
        + ["" if name == each.rule else f"{each.also.get(name, 0):,}" for name in names]
        for each in rules
    ]
    head = "<h2>Overlap</h2><p class=dim>Accounts that a rule found, and how many of them each other rule found as well.</p>"
    return head + _table(["RULE", "ACCOUNTS", "ONLY IT"], rows, numbers=names)


def _compared(of: Compared) -> str:
    rows = [
        [
            kind,
            each.account,
            each.lead_type,
            when(each.qualified_at) + (f" (was {when(each.was)})" if each.was else ""),
            each.text,
        ]
        for kind, examples in of.examples.items()
        for each in examples
    ]
    said = f"{of.same:,} the same, {of.new:,} new, {of.gone:,} gone, {of.moved:,} moved"
    head = f"<h2>Against {escape(of.against)}, which is live</h2><p>{per_week(of.live)} leads a week live. {said}.</p>"
    return head + (_table(["", "ACCOUNT", "TYPE", "QUALIFIED", "TEXT"], rows) if rows else "")


def _wins(report: Report) -> str:
    if not report.wins.wins:
        return ""
    rows = [[each["account"], when(each["at"])] for each in report.wins.examples]
    text = f"<h2>Wins</h2><p>{escape(wins(report))}</p>"
    return text + (_table(["UNSEEN, FOR EXAMPLE", "WON"], rows) if rows else "")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], now: Sequence[int] = (), numbers: Sequence[str] = ()) -> str:
    """`now`: the rows that stand out. `numbers`: further columns, named as they are."""
    kinds = ["n" if name in _NUMBERS or name.startswith("OPENED") else "text" if name == "TEXT" else "" for name in columns]
    names = [*(name.capitalize() for name in columns), *numbers]
    return table(names, [*kinds, *["n"] * len(numbers)], rows, now)
