"""A backtest's report in, one HTML file out. Nothing is loaded and nothing runs in it: it opens from disk and can be sent on."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from detector.backtest.report import Compared, Overlap, Report, SweptRule
from handraiser.backtest import plots
from handraiser.backtest.telling import OUTCOME, days_before, followed, outcome, step, weeks, when, wins
from handraiser.backtest.telling import a_week as per_week

OVERLAP_RULES_MAX: Final = 12
"""A table of more rules than that nobody reads; the JSON document has all."""
_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2024;--dim:#60646c;--line:#d9dce1;--page:#fcfcfd;--card:#fff;
--c0:#3358d4;--c1:#c2410c;--c2:#0f766e;--c3:#9333ea;--c4:#a16207;--c5:#be185d}
@media(prefers-color-scheme:dark){:root{--ink:#edeef0;--dim:#a0a4ab;--line:#34383f;--page:#111214;--card:#18191b;
--c0:#7b98ff;--c1:#fb923c;--c2:#2dd4bf;--c3:#c084fc;--c4:#facc15;--c5:#f472b6}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 3rem;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.4rem 0}
.dim{color:var(--dim)}.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:1.25rem 0}
.fact{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.6rem .8rem}
.fact b{display:block;font-size:1.5rem;line-height:1.2;font-variant-numeric:tabular-nums}
.fact span{color:var(--dim);font-size:.85rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{text-align:left;padding:.35rem .6rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:normal}
th{color:var(--dim);font-weight:500}td.n,th.n{text-align:right;white-space:nowrap}tr.now td{font-weight:600}
td.text{min-width:14rem}
svg{display:block;width:100%;height:auto;min-width:20rem}text{fill:var(--dim);font-size:12px}.x{text-anchor:middle}.y{text-anchor:end}
.v{fill:var(--ink);paint-order:stroke;stroke:var(--page);stroke-width:4px}.g{stroke:var(--line)}.l1{stroke:var(--c1);stroke-width:2}.d1{fill:var(--c1)}.pale{opacity:.55}
.c0{fill:var(--c0)}.c1{fill:var(--c1)}.c2{fill:var(--c2)}.c3{fill:var(--c3)}.c4{fill:var(--c4)}.c5{fill:var(--c5)}
.key{display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.85rem;color:var(--dim)}
.key i{display:inline-block;width:.7rem;height:.7rem;border-radius:2px;margin-right:.35rem}
.k0{background:var(--c0)}.k1{background:var(--c1)}.k2{background:var(--c2)}.k3{background:var(--c3)}.k4{background:var(--c4)}
.k5{background:var(--c5)}
ul{margin:.3rem 0;padding-left:1.2rem}
@media(max-width:480px){text{font-size:21px}table{font-size:.8rem}th,td{padding-right:.4rem}}
"""
_SAFE: Final = "default-src 'none'; style-src 'unsafe-inline'"
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
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_SAFE}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def _facts(report: Report) -> str:
    every = report.all
    facts = [
        (f"{every.leads:,}", "leads"),
        (per_week(every), "leads a week"),
        (f"{every.won:,} of {every.decided:,}", f"won within {report.won_within_days} days"),
        (days_before(every), "days before the win (median)"),
        (f"{report.wins.unseen:,} of {report.wins.wins:,}", "wins that no rule saw"),
    ]
    return '<div class="facts">' + "".join(f'<div class="fact"><b>{b}</b><span>{s}</span></div>' for b, s in facts) + "</div>"


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
    kinds += ["n"] * len(numbers)
    names = [*(name.capitalize() for name in columns), *numbers]
    head = "".join(_cell("th", kind, name) for kind, name in zip(kinds, names, strict=True))
    body = "".join(
        f"<tr{' class=now' if n in now else ''}>{''.join(_cell('td', k, c) for k, c in zip(kinds, row, strict=True))}</tr>"
        for n, row in enumerate(rows)
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(tag: str, kind: str, text: str) -> str:
    return f"<{tag}{f' class={kind}' if kind else ''}>{escape(text)}</{tag}>"
