"""A title and what there is to say in; one HTML file out, which loads nothing and runs nothing: it can be sent on."""

from collections.abc import Sequence
from html import escape
from typing import Final

_STYLE: Final = """
:root{color-scheme:light dark;--ink:#1c2024;--dim:#60646c;--line:#d9dce1;--page:#fcfcfd;--card:#fff;
--c0:#3358d4;--c1:#c2410c;--c2:#0f766e;--c3:#9333ea;--c4:#a16207;--c5:#be185d}
@media(prefers-color-scheme:dark){:root{--ink:#edeef0;--dim:#a0a4ab;--line:#34383f;--page:#111214;--card:#18191b;
--c0:#7b98ff;--c1:#fb923c;--c2:#2dd4bf;--c3:#c084fc;--c4:#facc15;--c5:#f472b6}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:68rem;padding:1.5rem 1rem 3rem;background:var(--page);color:var(--ink);
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


def document(title: str, body: str) -> str:
    """The whole page. `body`: HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_SAFE}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def facts(values: Sequence[tuple[str, str]]) -> str:
    """(figure, what it is of), side by side."""
    told = (f'<div class="fact"><b>{escape(figure)}</b><span>{escape(of)}</span></div>' for figure, of in values)
    return f'<div class="facts">{"".join(told)}</div>'


def key(names: Sequence[tuple[str, int]]) -> str:
    """(what, its colour): of a plot."""
    return "".join(f'<span><i class="k{colour}"></i>{escape(name)}</span>' for name, colour in names)


def table(names: Sequence[str], kinds: Sequence[str], rows: Sequence[Sequence[str]], now: Sequence[int] = ()) -> str:
    """`kinds`: the class of each column, `n` of numbers. `now`: the rows that stand out."""
    head = "".join(_cell("th", kind, name) for kind, name in zip(kinds, names, strict=True))
    body = "".join(
        f"<tr{' class=now' if n in now else ''}>{''.join(_cell('td', k, c) for k, c in zip(kinds, row, strict=True))}</tr>"
        for n, row in enumerate(rows)
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(tag: str, kind: str, text: str) -> str:
    return f"<{tag}{f' class={kind}' if kind else ''}>{escape(text)}</{tag}>"
