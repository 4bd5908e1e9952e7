"""What was measured, as text, JSON and a picture."""

from __future__ import annotations

import json
import os
from xml.sax.saxutils import escape

from benchmarks.inside import OUTSIDE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from benchmarks.measure import Series

_WIDTH, _ROW, _LABELS = 900, 22, 380  # pixels
_COLOURS = ("#3465a4", "#c0504d", "#7f9f3f", "#888888")


def line(series: Series, runtimes: Sequence[str]) -> str:
    """One row of the table: medians with quartiles, and pyoci's ratio to each other, pair by pair."""
    first, *others = runtimes
    cells = []
    for name in (name for name in (OUTSIDE, *runtimes) if name in series.values):
        low, high = series.spread(name)
        cells.append(f"{name} {series.median(name):.1f} ({low:.1f}–{high:.1f})")
    base = [OUTSIDE] if OUTSIDE in series.values else []
    ratios = [(name, series.ratio(first, name)) for name in (*base, *others)]
    compared = ", ".join(f"{ratio:.2f} × {name}" for name, ratio in ratios if ratio is not None)
    return f"{series.name:45} {series.unit:4} {'  '.join(cells)}   {compared}"


def write_json(path: Path, measured: Iterable[Series]) -> None:
    """Every single value."""
    document = {
        "kernel": os.uname().release,
        "series": [{"name": one.name, "unit": one.unit, "values": one.values} for one in measured],
    }
    path.write_text(json.dumps(document, indent=1))


def write_plot(path: Path, measured: Sequence[Series], runtimes: Sequence[str]) -> None:
    """Bars of the medians, as SVG; in each group the longest has the whole width."""
    rows, y = [f'<rect width="{_WIDTH}" height="100%" fill="white"/>'], _ROW
    for series in measured:
        names = [name for name in (OUTSIDE, *runtimes) if name in series.values]
        longest = max(series.median(name) for name in names)
        rows.append(f'<text x="4" y="{y + 13}" font-weight="bold">{escape(series.name)}, {series.unit}</text>')
        for name in names:
            value = series.median(name)
            length = (_WIDTH - _LABELS - 180) * value / longest
            colour = _COLOURS[runtimes.index(name) if name in runtimes else -1]
            rows.append(f'<rect x="{_LABELS}" y="{y}" width="{length:.1f}" height="{_ROW - 6}" fill="{colour}"/>')
            rows.append(f'<text x="{_LABELS + length + 6:.1f}" y="{y + 13}">{escape(name)} {value:.1f}</text>')
            y += _ROW
        y += _ROW // 2
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" font-family="sans-serif"'
    path.write_text("\n".join([f'{head} font-size="13">', *rows, "</svg>\n"]))
