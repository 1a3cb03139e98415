"""A backtest's report in, lines and tables for a terminal out. Small numbers are said as they are: n of m."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from detector.backtest.report import Compared, Example, Outcome, Report, SweptRule, SweptValue
from detector.core import words
from handraiser.output import counted, print_table, say

ENOUGH: Final = 20
"""Of fewer no percentage is said."""
ALSO_SHOWN: Final = 3
BAR_WIDTH: Final = 30
WEEKS_SHOWN: Final = 52
_RIGHT: Final = frozenset(("LEADS", "A WEEK", "DAYS BEFORE", "JOINED", "ACCOUNTS", "ONLY IT"))
OUTCOME: Final = ("LEADS", "A WEEK", "WON", "DAYS BEFORE")


def tell(report: Report, took_s: float) -> None:
    for line in head(report, took_s):
        say(line)
    if report.all.leads:
        say("")
        _weeks(report)
        say("")
        _rules(report)
        _overlap(report)
    if report.wins.wins:
        say("")
        say(wins(report))
        for win in report.wins.examples:
            say(f"  unseen: {_safe(win['account'])}, {when(win['at'])}")
    if report.compared is not None:
        say("")
        _compared(report.compared)
    for sweep in report.sweeps:
        say("")
        _sweep(sweep)
    for note in report.notes:
        say("")
        say(f"Note: {note}")


def head(report: Report, took_s: float) -> Iterator[str]:
    copies = f" and {counted(report.copies, 'copy').replace('copys', 'copies')} of others" if report.copies else ""
    speed = f"in {took_s:.1f} s, {report.events / max(took_s, 0.001):,.0f} events/s"
    yield f"{report.project}, {report.rulebook}, over {report.source}: {counted(report.events, 'event')}{copies} {speed}."
    yield f"Counted is what qualified from {when(report.begins)} until before {when(report.ends)} UTC, {weeks(report.weeks)}."
    yield ""
    yield f"{counted(report.all.leads, 'lead')}, {a_week(report.all)} a week. {followed(report)}"


def followed(report: Report) -> str:
    """How many of the leads a win followed, as a sentence."""
    every, days = report.all, report.won_within_days
    if not every.leads:
        return "Nothing qualified: see `handraiser rules check` for rules that are asleep."
    if not report.wins.wins and not every.won:
        return "No win is known, by a change of plan or reported by sales, so it cannot be said what became of them."
    if not every.decided:
        return f"None is {days} days old yet, so nothing can be said of what became of them."
    old, won = f"{every.decided:,} that {_are(every.decided)}", f"{every.won:,} {_were(every.won)}"
    text = f"Of {old} at least {days} days old, {won} followed by a win within {days} days"
    text += f" ({percent(every)})" if every.decided >= ENOUGH else ""
    return text + (f", in the median {days_before(every)} days later." if every.won else ".")


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def wins(report: Report) -> str:
    of = report.wins
    text = f"{counted(of.wins, 'win')} ({of.by_plan:,} by a change of plan, {of.reported:,} reported): "
    return text + f"{of.seen:,} had a lead in the {report.won_within_days} days before, {of.unseen:,} no rule saw."


def weeks(number: float) -> str:
    return f"{number:,.1f} weeks"


def a_week(of: Outcome) -> str:
    """`14`, `4.7`, `0.25`."""
    return f"{of.a_week:,.0f}" if of.a_week >= 10 else f"{of.a_week:.1f}" if of.a_week >= 1 else f"{of.a_week:.2g}"


def percent(of: Outcome) -> str:
    return "–" if of.precision is None else f"{of.precision * 100:.0f} %"


def won(of: Outcome) -> str:
    """`26 of 51, 51 %`; of few only `3 of 7`."""
    if not of.decided:
        return "–"
    return f"{of.won:,} of {of.decided:,}" + (f", {percent(of)}" if of.decided >= ENOUGH else "")


def outcome(of: Outcome) -> list[str]:
    """The cells of OUTCOME."""
    return [f"{of.leads:,}", a_week(of), won(of), days_before(of)]


def days_before(of: Outcome) -> str:
    return "–" if of.days_before_win is None else words.number(of.days_before_win)


def step(sweep: SweptRule, value: SweptValue) -> str:
    """`80 → 70 %: 14 → 31 leads a week, precision 42 → 29 %`, from the value in the rulebook."""
    now = next(each for each in sweep.values if each.current)
    change = f"{arrow(now.value, value.value)}: {a_week(now.all)} → {a_week(value.all)} leads a week"
    if min(now.all.decided, value.all.decided) >= ENOUGH:
        return f"{change}, precision {arrow(percent(now.all), percent(value.all))}"
    if max(now.all.decided, value.all.decided):
        return f"{change}, won {now.all.won} of {now.all.decided} → {value.all.won} of {value.all.decided}"
    return change


def arrow(before: str, after: str) -> str:
    """A common unit stands at the end only: `80 → 70 %`."""
    before, after = (f"{each[:-1].strip()} %" if each.endswith("%") else each for each in (before, after))
    return f"{before.removesuffix(' %') if after.endswith(' %') else before} → {after}"


def _weeks(report: Report) -> None:
    most = max(week.leads for week in report.weekly)
    earlier = report.weekly[:-WEEKS_SHOWN]
    if earlier:
        say(f"  {counted(len(earlier), 'week')} before: {sum(week.leads for week in earlier):,}")
    for week in report.weekly[-WEEKS_SHOWN:]:
        bar = "█" * round(week.leads / most * BAR_WIDTH) if most else ""
        say(f"  {week.begins}  {week.leads:>5,}  {bar}")


def _rules(report: Report) -> None:
    rows = [[line.rule, line.lead_type, *outcome(line.opened), f"{line.joined:,}"] for line in report.rules]
    rows += [["all", name, *outcome(of), ""] for name, of in report.types.items()]
    _numbers(["RULE", "TYPE", *OUTCOME, "JOINED"], rows)


def _numbers(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Numbers stand to the right."""
    places = [n for n, name in enumerate(columns) if name in _RIGHT or name.startswith("OPENED")]
    widths = {n: max(len(columns[n]), *(len(row[n]) for row in rows)) for n in places}
    print_table(
        [name.rjust(widths.get(n, 0)) for n, name in enumerate(columns)],
        [[cell.rjust(widths.get(n, 0)) for n, cell in enumerate(row)] for row in rows],
    )


def _overlap(report: Report) -> None:
    rows = []
    for each in report.overlap:
        most = sorted(((count, rule) for rule, count in each.also.items() if count), reverse=True)[:ALSO_SHOWN]
        also = ", ".join(f"{rule} {count:,} of {each.accounts:,}" for count, rule in most)
        rows.append([each.rule, f"{each.accounts:,}", f"{each.only:,}", also or "–"])
    if len(rows) > 1:
        say("")
        _numbers(["RULE", "ACCOUNTS", "ONLY IT", "ALSO FOUND BY"], rows)


def _compared(of: Compared) -> None:
    say(
        f"Against {of.against}, which is live ({counted(of.live.leads, 'lead')}, {a_week(of.live)} a week): "
        f"{of.same:,} the same, {of.new:,} new, {of.gone:,} gone, {of.moved:,} moved."
    )
    for kind, examples in of.examples.items():
        for line in _examples(kind, examples):
            say(line)


def _examples(kind: str, examples: Iterable[Example]) -> Iterator[str]:
    for each in examples:
        was = f" (was {when(each.was)})" if each.was is not None else ""
        yield f"  {kind:<5}  {_safe(each.account)}  {each.lead_type}  {when(each.qualified_at)}{was}  {_safe(each.text)}"


def _safe(text: str) -> str:
    """Customers' words: nothing in them may command a terminal."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _sweep(sweep: SweptRule) -> None:
    say(f"Sweep of {sweep.what} ({sweep.current} in the rulebook):")
    rows = [
        [f"{each.value}{' *' if each.current else ''}", *outcome(each.all), f"{each.of_rule.leads:,}"] for each in sweep.values
    ]
    _numbers(["VALUE", *OUTCOME, f"OPENED BY {sweep.rule}"], rows)
    for each in sweep.values:
        if not each.current:
            say(f"  {step(sweep, each)}")


def when(iso: str) -> str:
    """`2026-03-01 09:30`; a midnight without its time."""
    at = datetime.fromisoformat(iso)
    return f"{at:%Y-%m-%d}" if (at.hour, at.minute, at.second) == (0, 0, 0) else f"{at:%Y-%m-%d %H:%M}"


def document(report: Report, took_s: float, processes: int) -> dict[str, Any]:
    """For `--json` and the API."""
    speed = {"took_s": round(took_s, 3), "events_per_s": round(report.events / max(took_s, 0.001)), "processes": processes}
    return {**msgspec.to_builtins(report), **speed}
