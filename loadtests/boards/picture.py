"""A dashboard as a picture, drawn from its JSON and what a Prometheus has: for pages, and where there is no Grafana."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from cluster.telemetry.boards.promql import filled
from loadtests.boards.canvas import PURPLE, Box, Found, bare, cut
from loadtests.boards.cells import number, table
from loadtests.boards.curves import heatmap, lines
from loadtests.boards.prometheus import Ask, Series, Window
from loadtests.evaluate.plots import GREY, INK, STYLE

_COLUMN_IN, _ROW_IN = 0.58, 0.27
_MARGIN_IN, _HEAD_IN, _GAP_IN = 0.16, 0.62, 0.05
_PAGE, _TITLE_IN = "#f2f3f5", 0.25
_DPI = 100
_KINDS = {"timeseries": lines, "stat": number, "table": table, "heatmap": heatmap}


def draw(board: Mapping[str, Any], ask: Ask, window: Window, interval: str, file: Path) -> list[str]:
    """Draw one dashboard.

    Args:
        board: Its JSON.
        ask: Evaluates what it asks for.
        window: The time that is shown.
        interval: Time over which rates are taken, as `1m`.
        file: The PNG.

    Returns:
        Titles of panels without data.
    """
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    size = (24 * _COLUMN_IN + 2 * _MARGIN_IN, rows * _ROW_IN + _HEAD_IN + _MARGIN_IN)
    fill = _Filling(ask, window, interval)
    changes = _changes(board, fill, window.step_s)
    empty = []
    with mpl.rc_context(STYLE):
        figure = Figure(size, facecolor=_PAGE)
        _head(figure, board, window, bool(changes))
        for panel in board["panels"]:
            box = _box(panel["gridPos"], size[1])
            if panel["type"] == "row":
                _words(figure, box.left + 0.02, box.bottom + 0.08, panel["title"], 9.5, weight="bold")
                continue
            found = Found(panel, fill(panel["targets"]), window, changes)
            empty += [] if found.series else [panel["title"]]
            _card(figure, box, panel["title"])
            inner = box.inside(0.1, 0.06, 0.1, _TITLE_IN)
            if found.series:
                _KINDS[panel["type"]](figure, inner, found)
            else:
                bare(figure, inner).text(0.5, 0.5, "no data", ha="center", va="center", color=GREY, fontsize=9)
        figure.savefig(file, dpi=_DPI, facecolor=_PAGE)
    return empty


class _Filling:
    """Asks for what a panel shows."""

    def __init__(self, ask: Ask, window: Window, interval: str) -> None:
        self._ask = ask
        self._window = window
        self._interval = interval

    def __call__(self, targets: Sequence[Mapping[str, Any]]) -> list[tuple[str, Series]]:
        """The series of each target, with its legend."""
        return [(target["legendFormat"], series) for target in targets for series in self.series(target["expr"])]

    def series(self, expr: str) -> Sequence[Series]:
        """The series of one expression."""
        window = f"{self._window.end_s - self._window.begin_s:.0f}s"
        return self._ask(filled(expr, self._interval, window), self._window)


def _changes(board: Mapping[str, Any], fill: _Filling, step_s: float) -> list[float]:
    """When another policy came into force, but for what was in force at the beginning."""
    found = list[float]()
    for annotation in board["annotations"]["list"]:
        for series in fill.series(annotation["expr"]) if "expr" in annotation else ():
            found += _begins(series, step_s)
    return sorted(found)


def _begins(series: Series, step_s: float) -> list[float]:
    """Where a series begins, or begins again after a gap."""
    at_s = series.at_s.tolist()
    return [at for before, at in zip([float("-inf"), *at_s], at_s, strict=False) if at - before > 1.5 * step_s]


def _head(figure: Figure, board: Mapping[str, Any], window: Window, has_changes: bool) -> None:
    high = figure.get_size_inches()[1]
    _words(figure, _MARGIN_IN + 0.02, high - 0.32, board["title"], 15, weight="bold")
    _words(figure, _MARGIN_IN + 0.02, high - 0.52, board["description"], 9, color=GREY)
    begin, end = (datetime.fromtimestamp(at, UTC) for at in (window.begin_s, window.end_s))
    right = figure.get_size_inches()[0] - _MARGIN_IN - 0.02
    _words(figure, right, high - 0.3, f"{begin:%Y-%m-%d %H:%M} to {end:%H:%M} UTC", 9, ha="right")
    if has_changes:
        _words(figure, right, high - 0.5, "dashed purple: another policy is in force", 8, ha="right", color=PURPLE)


def _box(at: Mapping[str, int], high: float) -> Box:
    bottom = high - _HEAD_IN - (at["y"] + at["h"]) * _ROW_IN
    return Box(
        _MARGIN_IN + at["x"] * _COLUMN_IN + _GAP_IN / 2,
        bottom + _GAP_IN / 2,
        at["w"] * _COLUMN_IN - _GAP_IN,
        at["h"] * _ROW_IN - _GAP_IN,
    )


def _card(figure: Figure, box: Box, title: str) -> None:
    wide, high = figure.get_size_inches()
    figure.patches.append(
        FancyBboxPatch(
            (box.left / wide, box.bottom / high),
            box.width / wide,
            box.height / high,
            boxstyle="square,pad=0",
            facecolor="white",
            edgecolor="#dcdfe4",
            linewidth=0.7,
            transform=figure.transFigure,
            figure=figure,
            zorder=-1,
        )
    )
    _words(
        figure, box.left + 0.09, box.bottom + box.height - 0.18, cut(title, int(box.width * 13.5)), 7.8, weight="bold"
    )


def _words(figure: Figure, left: float, bottom: float, text: str, size: float, color: str = INK, **more: Any) -> None:
    wide, high = figure.get_size_inches()
    figure.text(left / wide, bottom / high, text, fontsize=size, color=color, **more)
