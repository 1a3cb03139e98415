"""The page of `leads report --html`: what stands in it, and that it loads and runs nothing."""

import re
from typing import Any

import pytest

from handraiser.lead_report import DRAWN_MAX, cells, page

ENDS = ("won", "lost", "rejected", "expired", "unfinished")


def row(name: str, leads: int, **more: Any) -> dict[str, Any]:
    empty = dict.fromkeys((*ENDS, "accepted", "opportunity"), 0)
    return {"name": name, "leads": leads, **empty, "precision": None, "revenue": 0.0, "answered_s": None, "won_s": None, **more}


def found(by: str, *rows: dict[str, Any]) -> dict[str, Any]:
    counts = {name: sum(each[name] for each in rows) for name in ("leads", *ENDS, "accepted", "opportunity")}
    return {"by": by, "data": list(rows), "total": row("all", 0) | counts}


def drawn(html: str) -> list[str]:
    """What each bar says, those of how far leads came first."""
    return re.findall(r"<g><title>(.*?)</title>", html)


def test_every_group_is_a_bar_of_what_became_of_its_leads() -> None:
    google = row("google", 9, won=3, lost=1, unfinished=2, rejected=1, accepted=6, opportunity=4, precision=0.6, revenue=1240.0)
    html = page(
        found("source", google | {"answered_s": 400, "won_s": 200_000}, row("unknown", 1, unfinished=1)), "acme", None, None
    )
    assert drawn(html) == [
        "leads: 10 leads",
        "accepted: 6 leads",
        "opportunity: 4 leads",
        "won: 3 leads",
        "google: 3 won, 1 lost, 2 unfinished, 1 rejected, 2 ended otherwise",
        "unknown: 1 unfinished",
    ]
    cells = re.findall(r"<td[^>]*>(.*?)</td>", html)
    assert cells[:13] == ["google", "9", "6", "4", "3", "1", "1", "0", "2", "60%", "1,240", "7 min", "2 d"]
    assert "opened at any time." in html


@pytest.mark.parametrize(
    ("by", "first", "last"),
    [("owner", "p0@x.io: none", f"p{DRAWN_MAX - 1}@x.io: none"), ("week", "p3@x.io: none", "p22@x.io: none")],
)
def test_of_very_many_groups_the_largest_or_newest_are_drawn_and_the_table_has_all(by: str, first: str, last: str) -> None:
    html = page(found(by, *(row(f"p{n}@x.io", 0) for n in range(DRAWN_MAX + 3))), "acme", "2026-05-01", "2026-06-01")
    bars = drawn(html)[4:]
    assert (bars[0], bars[-1], len(bars)) == (first, last, DRAWN_MAX)
    assert "3 more are in the table." in html
    assert html.count("<tr") == DRAWN_MAX + 3 + 2
    assert "opened from 2026-05-01 until before 2026-06-01 (UTC)." in html


def test_it_loads_and_runs_nothing_whatever_things_are_called() -> None:
    html = page(found("owner", row("<script src=//x.io>&\"'", 1, won=1)), "<script>", "<script>", None)
    assert not re.search(r"<(script|link|img|a|iframe)\b", html)
    assert "&lt;script src=//x.io&gt;&amp;&quot;&#x27;" in html
    assert "default-src 'none'" in html
    assert "url(" not in html


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("google", "google"),
        ('=hyperlink("//x.io")', '\'=hyperlink("//x.io")'),
        ("@sum(1)", "'@sum(1)"),
        ("-1+1", "'-1+1"),
        ("\x1b[2J+1", " [2J+1"),
        ("\r=1", "' =1"),
    ],
)
def test_a_source_is_no_formula_in_a_spreadsheet_and_nothing_to_a_terminal(name: str, cell: str) -> None:
    assert cells(row(name, 1)) == row(cell, 1)


def test_where_there_are_no_leads_it_says_so_in_figures() -> None:
    html = page(found("type"), "acme", None, None)
    assert drawn(html) == ["leads: none", "accepted: none", "opportunity: none", "won: none"]
