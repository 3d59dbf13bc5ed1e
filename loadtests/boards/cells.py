"""Panels that show how it is now: single numbers, and tables."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtests.boards.canvas import PALE, Box, Found, bare, color_of, cut, last, worded
from loadtests.boards.prometheus import Series
from loadtests.boards.words import named
from loadtests.evaluate.plots import GREY, INK

_MOST_NUMBERS = 3
_ROW_IN, _SMALL, _WIDEST = 0.19, 7.0, 34


def number(figure: Figure, box: Box, found: Found) -> None:
    """The last number, large, on the colour of its limits, with its course below; of several, the first ones."""
    shown = found.series[:_MOST_NUMBERS]
    width = (box.width + 0.06) / len(shown)
    for place, (legend, series) in enumerate(shown):
        axes = bare(figure, Box(box.left + place * width, box.bottom, width - 0.06, box.height))
        value = last(series)
        axes.axhspan(0, 1, color=color_of(value, found.field), alpha=0.92, linewidth=0)
        _course(axes, series)
        text = worded(value, found.field)
        size = min(19.0, 88 * width / max(4, len(text)))
        axes.text(0.5, 0.6, text, ha="center", va="center", color="white", fontsize=size, weight="bold")
        if len(shown) > 1 and (name := named(legend, series.labels)):
            axes.text(0.5, 0.95, cut(name, 22), ha="center", va="top", color="white", fontsize=_SMALL)


def table(figure: Figure, box: Box, found: Found) -> None:
    """A row for each series that is there now: its labels, and its number."""
    since_s = found.window.end_s - 1.5 * found.window.step_s
    now = [(legend, series) for legend, series in found.series if series.at_s[-1] >= since_s]
    if not now:
        return
    names = sorted({name for _, series in now for name in series.labels if name != "deployment"})
    head = [*names, now[0][0]]
    rows = sorted(([series.labels.get(name, "") for name in names], last(series)) for _, series in now)
    axes = bare(figure, box.inside(0, 0, 0, 0.05))
    columns = [[head[at], *(labels[at] for labels, _ in rows)] for at in range(len(names))]
    wide = [2 + min(_WIDEST, max(map(len, column))) for column in columns]
    left = np.cumsum([0, *wide]) / (sum(wide) + max(10, len(head[-1])))
    step, most = _ROW_IN / box.height, int(box.height / _ROW_IN) - 1
    for x, title in zip(left, head, strict=True):
        axes.text(x, 1, title, va="top", fontsize=_SMALL, weight="bold", color=GREY)
    for place, (labels, value) in enumerate(rows[:most]):
        y = 1 - (place + 1.1) * step
        axes.axhline(y + 0.12 * step, color=PALE, linewidth=0.6)
        for x, text in zip(left, labels, strict=False):
            axes.text(x, y, cut(text, _WIDEST), va="top", fontsize=_SMALL)
        color = color_of(value, found.field) if len(found.field["thresholds"]["steps"]) > 1 else INK
        axes.text(left[-1], y, worded(value, found.field), va="top", fontsize=_SMALL, color=color, weight="bold")
    if len(rows) > most:
        axes.text(1, 0, f"and {len(rows) - most} more", ha="right", va="bottom", fontsize=_SMALL, color=GREY)


def _course(axes: Axes, series: Series) -> None:
    values = np.nan_to_num(series.values, posinf=0.0, neginf=0.0)
    if len(values) > 1 and np.ptp(values) > 0:
        x = (series.at_s - series.at_s[0]) / np.ptp(series.at_s)
        axes.fill_between(
            x, 0, 0.06 + 0.26 * (values - values.min()) / np.ptp(values), color="white", alpha=0.28, linewidth=0
        )
