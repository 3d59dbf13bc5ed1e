"""Panels with time from left to right: lines, areas on each other, and heat maps."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from loadtests.boards.canvas import PALE, PURPLE, STEPS, Box, Found, axes_in, colors, cut
from loadtests.boards.prometheus import Float64, Series
from loadtests.boards.words import base_of, named, readable
from loadtests.evaluate.plots import INK, RED

_LEFT, _RIGHT, _TOP, _BELOW = 0.52, 0.06, 0.04, 0.28  # inches, for names of numbers and times
_NAME_IN, _LINE_IN, _MOST_LINES = 1.55, 0.15, 5
_SMALL = 6.5
_DASHED = (0, (5, 3))
_TICKS_S = (5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


def lines(figure: Figure, box: Box, found: Found) -> None:
    """A line for each series, or an area on the others; of too many, those that are 0 all the time are left out."""
    columns = max(1, int(box.width / _NAME_IN))
    if len(found.series) > _MOST_LINES * columns and (some := [each for each in found.series if each[1].values.any()]):
        found = replace(found, series=some)
    names = [named(legend, series.labels) for legend, series in found.series]
    below = _BELOW + _LINE_IN * min(_MOST_LINES, -(-len(names) // columns))
    axes = axes_in(figure, box.inside(_LEFT, below, _RIGHT, _TOP))
    if found.field["custom"]["stacking"]["mode"] == "normal":
        _stack(axes, found, names)
    else:
        for (_, series), name, color in zip(found.series, names, colors(len(names)), strict=True):
            drawn = axes.plot(series.at_s, series.values, color=color, label=cut(name, 22), linewidth=1.1)
            if name in found.limits:
                drawn[0].set(color=RED, linestyle=_DASHED)
    _scale(axes, found)
    _time(axes, found)
    _legend(axes, box, below, columns)


def heatmap(figure: Figure, box: Box, found: Found) -> None:
    """Observations by bucket and time; a bucket's counter holds those below it as well."""
    steps = sorted((float(series.labels["le"]), series) for _, series in found.series)
    at_s = np.unique(np.concatenate([series.at_s for _, series in steps]))
    counts = np.diff(np.stack([_at(series, at_s) for _, series in steps]), axis=0, prepend=0).clip(0)
    used = np.flatnonzero(counts.any(axis=1)).tolist()
    low, high = (max(0, used[0] - 1), min(len(steps), used[-1] + 2)) if used else (0, len(steps))
    axes = axes_in(figure, box.inside(_LEFT, _BELOW, _RIGHT, _TOP))
    shown = np.ma.masked_equal(counts[low:high], 0) ** 0.5
    most = float(shown.max()) if used else 1.0
    edges = np.append(at_s, at_s[-1] + found.window.step_s) - found.window.step_s / 2
    axes.pcolormesh(edges, np.arange(len(shown) + 1), shown, cmap=mpl.colormaps["Blues"], vmin=-0.15 * most, vmax=most)
    names = [readable(bound, "s") if np.isfinite(bound) else "more" for bound, _ in steps[low:high]]
    every = max(1, len(names) // 6)
    axes.set_yticks(np.arange(1, len(names) + 1)[::every], names[::every])
    _time(axes, found)


def _stack(axes: Axes, found: Found, names: Sequence[str]) -> None:
    at_s = np.unique(np.concatenate([series.at_s for _, series in found.series]))
    rows = [_at(series, at_s) for _, series in found.series]
    short = [cut(name, 22) for name in names]
    axes.stackplot(at_s, rows, labels=short, colors=colors(len(names)), alpha=0.75, linewidth=0)


def _at(series: Series, at_s: Float64) -> Float64:
    """A series' values at given times, 0 where it has none."""
    values = np.zeros(len(at_s))
    values[np.searchsorted(at_s, series.at_s)] = np.nan_to_num(series.values, posinf=0.0, neginf=0.0)
    return values


def _scale(axes: Axes, found: Found) -> None:
    """From 0 up, with some room above and round numbers beside it."""
    low, high = axes.get_ylim()
    shown = [series.values[np.isfinite(series.values)] for _, series in found.series]
    if not any(values.size and values.min() < 0 for values in shown):
        low = 0.0
    high = _limits(axes, found, high) if high > low and any(values.any() for values in shown) else 1.0
    axes.set_ylim(low, high + 0.04 * (high - low))
    base = base_of(high, found.unit)
    whole = found.unit == "short" and high >= 3
    nice = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10], integer=whole)
    ticks = [base * tick for tick in nice.tick_values(low / base, high / base)]
    axes.yaxis.set_major_locator(FixedLocator([tick for tick in ticks if low <= tick <= high * 1.04]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: readable(round(value, 12), found.unit)))


def _limits(axes: Axes, found: Found, high: float) -> float:
    """Lines where a number turns yellow and red, of those that are near enough to be seen; what is the highest."""
    near = 2.5 * high
    is_drawn = found.field["custom"]["thresholdsStyle"]["mode"] == "line"
    for step in found.field["thresholds"]["steps"] if is_drawn else ():
        if step["value"] is not None and step["value"] <= near:
            high = max(high, 1.05 * step["value"])
            axes.axhline(step["value"], color=STEPS[step["color"]], linewidth=0.9, linestyle=_DASHED)
    return high


def _time(axes: Axes, found: Found) -> None:
    window = found.window
    span_s = window.end_s - window.begin_s
    every = next((tick for tick in _TICKS_S if span_s / tick <= (3 if tick < 60 else 7)), 86400)
    first = -(-window.begin_s // every) * every
    form = "%H:%M:%S" if every < 60 else "%H:%M"
    axes.set_xlim(window.begin_s, window.end_s)
    axes.xaxis.set_major_locator(FixedLocator(np.arange(first, window.end_s, every).tolist()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at, _: datetime.fromtimestamp(at, UTC).strftime(form)))
    axes.tick_params(labelsize=_SMALL, length=0, pad=2, colors=INK)
    axes.grid(color=PALE, linewidth=0.6)
    for side in axes.spines.values():
        side.set_visible(False)
    for at_s in found.changes:
        axes.axvline(at_s, color=PURPLE, linewidth=1.0, linestyle=(0, (2, 2)))


def _legend(axes: Axes, box: Box, below: float, columns: int) -> None:
    handles, names = axes.get_legend_handles_labels()
    high, most = box.height - below - _TOP, _MOST_LINES * columns
    axes.legend(
        handles[:most],
        names[:most],
        loc="upper left",
        bbox_to_anchor=(-(_LEFT - 0.08) / (box.width - _LEFT - _RIGHT), -0.21 / high),
        ncols=columns,
        fontsize=_SMALL,
        frameon=False,
        handlelength=1.0,
        columnspacing=1.0,
        labelspacing=0.25,
        borderpad=0,
        borderaxespad=0,
    )
