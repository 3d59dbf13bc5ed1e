"""Where a panel is painted, with what data and in which colours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from loadtests.boards.prometheus import Series, Window
from loadtests.boards.words import readable
from loadtests.evaluate.plots import BLUE, RED

GREEN, YELLOW, PURPLE, PALE = "#3d9a5f", "#e0a526", "#8a5fb5", "#e9ebee"
_MORE = ("#4fb3bf", "#8c6d46", "#d977a8", "#7f8794", "#a3b545", "#34495e", "#f08a5d")
_COLORS = (BLUE, YELLOW, GREEN, RED, PURPLE, *_MORE)
STEPS = {"green": GREEN, "yellow": YELLOW, "red": RED, "blue": BLUE}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a figure, in inches from its lower left corner."""

    left: float
    bottom: float
    width: float
    height: float

    def inside(self, left: float, bottom: float, right: float, top: float) -> "Box":
        """What is left of it within margins."""
        return Box(self.left + left, self.bottom + bottom, self.width - left - right, self.height - bottom - top)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A panel with its data.

    Attributes:
        panel: Its JSON.
        series: What its queries gave, each with the legend of its query.
        window: The time that is shown.
        changes: When another policy came into force, seconds since 1970.
    """

    panel: Mapping[str, Any]
    series: Sequence[tuple[str, Series]]
    window: Window
    changes: Sequence[float]

    @property
    def field(self) -> Mapping[str, Any]:
        """How its numbers are shown."""
        shown: Mapping[str, Any] = self.panel["fieldConfig"]["defaults"]
        return shown

    @property
    def unit(self) -> str:
        """Of its numbers."""
        return str(self.field["unit"])

    @property
    def limits(self) -> set[str]:
        """Legends of series that others are held against."""
        return {override["matcher"]["options"] for override in self.panel["fieldConfig"]["overrides"]}


def axes_in(figure: Figure, box: Box) -> Axes:
    """Axes that fill a box."""
    wide, high = figure.get_size_inches()
    return figure.add_axes((box.left / wide, box.bottom / high, box.width / wide, box.height / high))


def bare(figure: Figure, box: Box) -> Axes:
    """Axes without anything, from 0 to 1 both ways."""
    axes = axes_in(figure, box)
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    return axes


def colors(count: int) -> list[str]:
    """Colours of so many series."""
    return [_COLORS[number % len(_COLORS)] for number in range(count)]


def color_of(value: float, field: Mapping[str, Any]) -> str:
    """The colour that the limits of a panel give to a number."""
    color = "blue"
    for step in field["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return STEPS[color]


def worded(value: float, field: Mapping[str, Any]) -> str:
    """A number as its panel shows it: a word in its place where there is one."""
    for mapping in field.get("mappings", []):
        if text := mapping["options"].get(f"{value:g}"):
            return str(text["text"])
    return readable(value, field["unit"])


def cut(text: str, most: int) -> str:
    """A text that is at most so long."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def last(series: Series) -> float:
    """The last number of a series; not a number where there is none."""
    known = series.values[np.isfinite(series.values)]
    return float(known[-1]) if known.size else float("nan")
