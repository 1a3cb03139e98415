"""Numbers in, SVG out: drawn by hand, for a few plots do not earn a library. Colours are the page's, so they follow its theme."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 200
_LEFT, _BOTTOM, _TOP = 48, 26, 16
_COUNTS, _ROW, _NAME_MAX = 72, 46, 48
COLOURS: Final = 6
"""Classes c0 to c5 of the page."""


def bars(columns: Sequence[tuple[str, Mapping[str, int]]], kinds: Sequence[str], title: str) -> str:
    """A column for each (label, kind -> number), its kinds one upon the other."""
    most = max((sum(numbers.values()) for _, numbers in columns), default=0)
    top = _round_up(most)
    width = (WIDTH - _LEFT) / max(len(columns), 1)
    every = max(1, -(-len(columns) // 8))
    parts = [_grid(top)]
    for place, (label, numbers) in enumerate(columns):
        x, y = _LEFT + place * width, float(HEIGHT - _BOTTOM)
        said = ", ".join(f"{numbers[kind]} {kind}" for kind in kinds if numbers.get(kind))
        parts.append(f"<g><title>{escape(label)}: {escape(said or 'none')}</title>")
        for number, kind in enumerate(kinds):
            height = _height(numbers.get(kind, 0), top)
            y -= height
            if height:
                box = f'x="{x + width * 0.1:.1f}" y="{y:.1f}" width="{width * 0.8:.1f}" height="{height:.1f}"'
                parts.append(f'<rect class="c{number % COLOURS}" {box}/>')
        parts.append("</g>")
        if place % every == 0:
            parts.append(f'<text class="x" x="{x + width / 2:.1f}" y="{HEIGHT - 6}">{escape(label[5:])}</text>')
    return _svg(parts, title)


def curve(points: Sequence[tuple[str, float, float | None, bool]], title: str) -> str:
    """(label, leads a week, precision 0 to 1, whether it is the value of the rulebook): leads as columns, precision as a line."""
    top = _round_up(max((leads for _, leads, _, _ in points), default=0))
    width = (WIDTH - _LEFT) / max(len(points), 1)
    parts, dots = [_grid(top)], []
    for place, (label, leads, precision, current) in enumerate(points):
        x, height = _LEFT + place * width, _height(leads, top)
        box = f'x="{x + width * 0.2:.1f}" y="{HEIGHT - _BOTTOM - height:.1f}" width="{width * 0.6:.1f}" height="{height:.1f}"'
        said = "precision unknown" if precision is None else f"precision {precision * 100:.0f} %"
        shade = "c0" if current else "c0 pale"
        parts.append(f'<rect class="{shade}" {box}><title>{escape(label)}: {leads:.3g} leads a week, {said}</title></rect>')
        parts.append(f'<text class="x" x="{x + width / 2:.1f}" y="{HEIGHT - 6}">{escape(label)}</text>')
        if precision is not None:
            dots.append((x + width / 2, HEIGHT - _BOTTOM - _height(precision, 1.0), f"{precision * 100:.0f} %"))
    parts += [
        f'<line class="l1" x1="{a:.1f}" y1="{b:.1f}" x2="{c:.1f}" y2="{d:.1f}"/>' for (a, b, _), (c, d, _) in pairwise(dots)
    ]
    for x, y, said in dots:
        parts.append(f'<circle class="d1" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        parts.append(f'<text class="v" x="{x + 8:.1f}" y="{max(y - 6, 12):.1f}">{said}</text>')
    return _svg(parts, title)


def across(rows: Sequence[tuple[str, Mapping[str, int]]], kinds: Sequence[str], title: str) -> str:
    """A bar for each (name, kind -> number), its kinds one behind the other: for names that are no times, and may be long."""
    most = max((sum(numbers.values()) for _, numbers in rows), default=0) or 1
    parts = []
    for place, (name, numbers) in enumerate(rows):
        x, y, whole = 0.0, place * _ROW, sum(numbers.values())
        said = ", ".join(f"{numbers[kind]:,} {kind}" for kind in kinds if numbers.get(kind))
        short = name if len(name) <= _NAME_MAX else name[: _NAME_MAX - 1] + "…"
        parts.append(f"<g><title>{escape(name)}: {escape(said or 'none')}</title>")
        parts.append(f'<text y="{y + 20}">{escape(short)}</text>')
        for number, kind in enumerate(kinds):
            width = (WIDTH - _COUNTS) * numbers.get(kind, 0) / most
            if width:
                box = f'x="{x:.1f}" y="{y + 26}" width="{width:.1f}" height="16"'
                parts.append(f'<rect class="c{number % COLOURS}" {box}/>')
            x += width
        parts.append(f'<text class="v" x="{x + 6:.1f}" y="{y + 40}">{whole:,}</text></g>')
    return _svg(parts, title, len(rows) * _ROW)


def _svg(parts: Sequence[str], title: str, height: int = HEIGHT) -> str:
    name = escape(title, quote=True)
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{name}">{"".join(parts)}</svg>'


def _grid(top: float) -> str:
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = HEIGHT - _BOTTOM - _height(share, 1.0)
        lines.append(f'<line class="g" x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}"/>')
        lines.append(f'<text class="y" x="{_LEFT - 6}" y="{y + 4:.1f}">{top * share:g}</text>')
    return "".join(lines)


def _height(value: float, top: float) -> float:
    return (HEIGHT - _BOTTOM - _TOP) * value / top if top else 0.0


def _round_up(value: float) -> float:
    """To the next of 2, 4, 6, 10, 20, 40, 60, 100, … so that its half is a round number too."""
    size = 0.1
    while True:
        for step in (2, 4, 6, 10):
            if value <= step * size:
                return step * size
        size *= 10
