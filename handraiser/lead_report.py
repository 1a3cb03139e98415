"""What `GET /v1/leads/report` answered in; a page with pictures out: how far leads came, and what became of each group's."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from handraiser import plots
from handraiser.output import seen
from handraiser.page import document, facts, key, table

DRAWN_MAX: Final = 20
"""Groups; the table has all."""
ENDS: Final = ("won", "lost", "unfinished", "rejected", "expired")
OTHERWISE: Final = "ended otherwise"
"""Recycled, superseded, retracted."""
_LEGEND: Final = (
    "Accepted, opportunity: how many ever came so far by somebody's word. Precision: of those that were won, lost, rejected or "
    "expired the share that was won. Answered, won in: the median. Recycled, superseded "
    "and retracted ones have no column."
)
_FORMULAS: Final = ("=", "+", "-", "@")
_STEPS: Final = ("leads", "accepted", "opportunity", "won")
_COLUMNS: Final = (*_STEPS, "lost", "rejected", "expired", "unfinished")


def page(found: Mapping[str, Any], project: str, since: str | None, until: str | None) -> str:
    """The whole document."""
    by, groups, total = found["by"], found["data"], found["total"]
    title = f"Leads of {project} by {by}"
    opened = [f"{word} {time}" for word, time in (("from", since), ("until before", until)) if time]
    when = " ".join([*opened, "(UTC)"]) if opened else "at any time"
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="dim">Those that somebody was told of, opened {escape(when)}.</p>',
        facts(_facts(total)),
        "<h2>How far they came</h2>",
        plots.across([(step, {"leads": total[step]}) for step in _STEPS], ("leads",), "Leads by how far they came"),
        f"<h2>What became of them, by {escape(by)}</h2>",
        *_drawn(by, groups),
        table(
            [name.capitalize() for name in heads(by)],
            ["", *["n"] * (len(_COLUMNS) + 4)],
            [figures(row) for row in (*groups, total)],
            [len(groups)],
        ),
        f'<p class="dim">{_LEGEND}</p>',
    ]
    return document(title, "".join(body))


def heads(by: str) -> list[str]:
    """Of the table."""
    return [by.upper(), *(name.upper() for name in _COLUMNS), "PRECISION", "REVENUE", "ANSWERED", "WON IN"]


def figures(row: Mapping[str, Any]) -> list[str]:
    """One line of the table, as people read it."""
    precision = "" if row["precision"] is None else f"{row['precision']:.0%}"
    revenue = f"{row['revenue']:,.0f}" if row["revenue"] else ""
    counts = (f"{row[name]:,}" for name in _COLUMNS)
    return [row["name"], *counts, precision, revenue, _time(row["answered_s"]), _time(row["won_s"])]


def cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the csv: sources are what anybody's address said, and a spreadsheet would work a formula out."""
    name = seen(row["name"])
    return {**row, "name": f"'{name}" if name.lstrip().startswith(_FORMULAS) else name}


def _facts(total: Mapping[str, Any]) -> list[tuple[str, str]]:
    precision = "–" if total["precision"] is None else f"{total['precision']:.0%}"
    return [
        (f"{total['leads']:,}", "leads"),
        (f"{total['won']:,}", "won"),
        (precision, "precision"),
        (f"{total['revenue']:,.0f}" if total["revenue"] else "–", "revenue"),
        (_time(total["answered_s"]) or "–", "until answered (median)"),
    ]


def _drawn(by: str, groups: Sequence[Mapping[str, Any]]) -> list[str]:
    kinds = (*ENDS, OTHERWISE)
    drawn = groups[-DRAWN_MAX:] if by == "week" else groups[:DRAWN_MAX]
    bars = [(str(row["name"]), _ends(row)) for row in drawn]
    picture = (plots.bars if by == "week" else plots.across)(bars, kinds, f"What became of leads, by {by}")
    more = len(groups) - len(drawn)
    note = f'<p class="dim">{more:,} more are in the table.</p>' if more else ""
    there = [(kind, colour) for colour, kind in enumerate(kinds) if any(numbers[kind] for _, numbers in bars)]
    return [f'<div class="wide">{picture}</div><p class="key">{key(there)}</p>{note}']


def _ends(row: Mapping[str, Any]) -> dict[str, int]:
    ends = {name: row[name] for name in ENDS}
    return ends | {OTHERWISE: row["leads"] - sum(ends.values())}


def _time(seconds: float | None) -> str:
    """As people say it."""
    if seconds is None:
        return ""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
