"""Plots of a run as SVG that takes the colours of the page it stands in."""

import io
import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from loadtests.load.machine_watch import GROUPS

Document = Mapping[str, Any]

# Each stands for a custom property of the page's style sheet, so that one picture suits light and dark.
INK, QUIET, LINE, GOOD, BAD, WARN = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
SERIES = ("#070701", "#070702", "#070703", "#070704", "#070705", "#070706", "#070707")
_NAMES = {INK: "ink", QUIET: "quiet", LINE: "line", GOOD: "good", BAD: "bad", WARN: "warn"}
_NAMES |= {colour: f"series-{number}" for number, colour in enumerate(SERIES, 1)}
_STYLE: Any = {
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": LINE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.fonttype": "none",
    "lines.linewidth": 1.7,
}
_JUDGED = {"right": (GOOD, "o"), "repeated": (WARN, "D"), "wrong": (BAD, "X")}
_BAR: Any = {"linewidth": 5, "alpha": 0.35, "solid_capstyle": "butt"}
_FAR = 3.0  # times the highest value: limits above are not drawn
_MOST_ROWS = 40  # cameras that each have a row of their own
_WAITS = ("topic", "turn")


def draw(document: Document) -> dict[str, str]:
    """All plots of a result, by name."""
    plots: dict[str, tuple[float, float, Callable[[Document, Axes], None]]] = {
        "truth": (10.6, _height(document), truth),
        "latency": (5.2, 3.0, latency),
        "distribution": (5.2, 3.0, distribution),
        "throughput": (5.2, 2.6, throughput),
        "lag": (5.2, 2.6, lag),
        "cores": (5.2, 2.6, cores),
        "memory": (5.2, 2.6, memory),
        "stages": (5.2, 3.0, stages),
    }
    if document["shed"]:
        plots["shed"] = (5.2, 3.0, shed)
    if any(each["gpu"] is not None for each in document["samples"]):
        plots["gpu"] = (5.2, 2.6, gpu)
    return {name: svg(name, wide, high, partial(drawn, document)) for name, (wide, high, drawn) in plots.items()}


def truth(document: Document, axes: Axes) -> None:
    """Every passage of somebody listed, and every alert."""
    rows = _rows(document)
    for each in document["listed"]:
        if each["camera"] in rows:
            row, colour = rows[each["camera"]], GOOD if each["found"] else BAD
            axes.plot([each["begins_s"], each["ends_s"]], [row, row], color=colour, **_BAR)
    for judgement, (colour, marker) in _JUDGED.items():
        found = [each for each in document["alerts"] if each["judgement"] == judgement]
        there = [each for each in found if each["camera"] in rows]
        shown = [each["captured_s"] + each["read_ms"] / 1000 for each in there]
        label = f"{judgement} alert, as read ({len(found)})" if found else None
        places = [rows[each["camera"]] for each in there]
        axes.plot(shown, places, marker, color=colour, markersize=5, label=label, linestyle="none")
    missed = sum(not each["found"] for each in document["listed"])
    axes.plot([], [], color=GOOD, **_BAR, label="somebody listed in view")
    if missed:
        axes.plot([], [], color=BAD, **_BAR, label=f"and missed ({missed})")
    axes.set_yticks(list(rows.values()), list(rows))
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
    _time(document, axes)
    legend(axes, 5)


def latency(document: Document, axes: Axes) -> None:
    """Each alert: when its frame was to be captured, and how long it took."""
    for judgement, (colour, marker) in _JUDGED.items():
        found = [each for each in document["alerts"] if each["judgement"] == judgement]
        x, y = [each["captured_s"] for each in found], [each["read_ms"] for each in found]
        label = judgement if found else None
        axes.plot(x, y, marker, color=colour, markersize=4, alpha=0.75, linestyle="none", label=label)
    _limits(document, axes)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(AS_MS)
    _time(document, axes)
    legend(axes)


def distribution(document: Document, axes: Axes) -> None:
    """Latencies by percentile, rare ones spread out."""
    right = [each for each in document["alerts"] if each["judgement"] == "right"]
    for colour, name, label in (
        (SERIES[0], "read_ms", "capture to read"),
        (SERIES[1], "written_ms", "capture to Kafka"),
        (SERIES[2], "entered_ms", "entrance to read"),
    ):
        values = np.sort([each[name] for each in right])
        if len(values):
            beyond = len(values) / np.arange(len(values), 0, -1)  # 1 / (1 - share that took less)
            axes.step([*beyond, 2 * len(values)], [*values, values[-1]], where="post", color=colour, label=label)
    _limits(document, axes)
    axes.set_xscale("log")
    ticks = [each for each in (1, 2, 10, 20, 100, 1000, 10_000) if each <= 2 * max(10, len(right))]
    axes.set_xticks(ticks, ["least", "p50", "p90", "p95", "p99", "p99.9", "p99.99"][: len(ticks)])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(AS_MS)
    axes.set_xlabel(f"{len(right)} right alerts")
    legend(axes)


def throughput(document: Document, axes: Axes) -> None:
    """Frames a second that were due, sent and finished."""
    at = _column(document, "at_s")
    for name, label, colour, style in (
        ("due", "due", QUIET, ":"),
        ("sent", "sent", SERIES[0], "-"),
        ("ended", "finished and committed", SERIES[2], "-"),
    ):
        counts = _column(document, name)
        rate = np.diff(counts) / np.diff(at)
        axes.step(at[1:], rate, where="pre", color=colour, linestyle=style, label=label)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("frames/s")
    _time(document, axes)
    legend(axes)


def lag(document: Document, axes: Axes) -> None:
    """Frames that wait or are in hand."""
    at, waiting = _column(document, "at_s"), _column(document, "lag")
    axes.fill_between(at, waiting, color=SERIES[0], alpha=0.2, linewidth=0)
    axes.plot(at, waiting, color=SERIES[0])
    axes.set_ylim(bottom=0, top=max(5.0, 1.1 * float(waiting.max(initial=0))))
    axes.set_ylabel("frames")
    _time(document, axes)


def shed(document: Document, axes: Axes) -> None:
    """Frames shed by reason, by when they were captured."""
    seconds = math.ceil(document["scenario"]["seconds"])
    edges = np.linspace(0, seconds, min(60, max(10, seconds)) + 1)
    by_reason: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in document["shed"]:
        at = np.linspace(each["begins_s"], each["ends_s"], each["frames"])
        by_reason[each["reason"]] += [(float(one), 1.0) for one in at]
    below = np.zeros(len(edges) - 1)
    for colour, (reason, found) in zip(SERIES, sorted(by_reason.items()), strict=False):
        counts, _ = np.histogram([at for at, _ in found], edges)
        rate = counts / np.diff(edges)
        axes.bar(edges[:-1], rate, np.diff(edges), below, align="edge", color=colour, label=_words(reason))
        below += rate
    axes.set_ylabel("frames/s")
    _time(document, axes)
    legend(axes)


def cores(document: Document, axes: Axes) -> None:
    """Cores in use, by whom."""
    _stack(document, axes, "cores", 1.0)
    axes.axhline(document["about"]["cores"], color=QUIET, linestyle=":", linewidth=1)
    axes.set_ylabel("cores")


def memory(document: Document, axes: Axes) -> None:
    """Resident memory, by whom; of other programs it says nothing about the run."""
    _stack(document, axes, "memory_bytes", 2**20, [name for name in GROUPS if name != "others"])
    axes.set_ylabel("MiB")


def gpu(document: Document, axes: Axes) -> None:
    """How much of the time the GPU works."""
    used = np.array([each["gpu"] or 0.0 for each in document["samples"]])
    axes.plot(_column(document, "at_s"), 100 * used, color=SERIES[0])
    axes.set_ylim(0, 100)
    axes.set_ylabel("% of the time")
    _time(document, axes)


def stages(document: Document, axes: Axes) -> None:
    """Milliseconds of each stage, on the mean over how often it was gone through."""
    found = {name: 1000 * each["seconds"] / each["times"] for name, each in document["stages"].items()}
    names = list(found)
    colours = [QUIET if name in _WAITS else SERIES[0] for name in names]
    axes.barh(names, list(found.values()), color=colours, height=0.62, alpha=0.85)
    longest = max(found.values(), default=1.0)
    for at, took in enumerate(found.values()):
        axes.annotate(
            f"{took:.1f}" if took < 100 else f"{took:.0f}",
            (took, at),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.set_xlim(0, 1.15 * longest)
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
    axes.set_xlabel("ms on the mean; grey: waits")


def _stack(document: Document, axes: Axes, name: str, unit: float, groups: Sequence[str] = GROUPS) -> None:
    at = _column(document, "at_s")
    there = [group for group in groups if any(each[name].get(group) for each in document["samples"])]
    rows = [[each[name].get(group, 0.0) / unit for each in document["samples"]] for group in there]
    colours = [QUIET if group == "others" else SERIES[GROUPS.index(group)] for group in there]
    if rows:
        axes.stackplot(at, rows, labels=there, colors=colours, alpha=0.8, linewidth=0)
    _time(document, axes)
    legend(axes)


def _limits(document: Document, axes: Axes) -> None:
    """Limits as lines; one far above everything is named alone, so that there is something to see below it."""
    highest = max((each["read_ms"] for each in document["alerts"]), default=0.0)
    for name, style in (("p50_ms", ":"), ("p95_ms", "-."), ("p99_ms", "--")):
        most = document["scenario"]["limits"][name]
        look: Any = {"color": WARN, "linestyle": style, "linewidth": 1.2}
        if most is not None and most <= _FAR * highest:
            axes.axhline(most, label=f"limit of {name[:3]}", **look)
        elif most is not None:
            axes.plot([], [], label=f"limit of {name[:3]}: {_ms(most)}", **look)


def _time(document: Document, axes: Axes) -> None:
    """The axis of seconds, with what was broken and when the last frame was due."""
    last = max([document["scenario"]["seconds"], *(each["at_s"] for each in document["samples"])])
    axes.set_xlim(0, last)
    axes.set_xlabel("seconds")
    if last > document["scenario"]["seconds"] + 1:
        axes.axvline(document["scenario"]["seconds"], color=QUIET, linewidth=1, linestyle=":")
    for each in document["faults"]:
        axes.axvspan(each["at_s"], max(each["healed_s"], each["at_s"] + 0.3), color=BAD, alpha=0.18, linewidth=0)


def legend(axes: Axes, columns: int = 3) -> None:
    """A legend above the plot, which takes its height from it and nothing from its width."""
    names = axes.get_legend_handles_labels()[1]
    if names:
        axes.set_title("\n" * ((len(names) - 1) // columns) + " ", fontsize=11)
        place: Any = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.0), "borderaxespad": 0.1}
        box = axes.legend(ncols=columns, columnspacing=1.3, handlelength=1.3, handletextpad=0.6, **place)
        box.set_in_layout(False)


def _rows(document: Document) -> dict[str, int]:
    """Rows of cameras, those with most to see where there are too many."""
    weight: dict[str, int] = defaultdict(int)
    for each in [*document["listed"], *document["alerts"]]:
        weight[each["camera"]] += 1 + 1000 * (not each.get("found", each.get("judgement") == "right"))
    chosen = sorted(weight, key=lambda camera: (-weight[camera], camera))[:_MOST_ROWS]
    return {camera: at for at, camera in enumerate(sorted(chosen))}


def _height(document: Document) -> float:
    return 1.1 + 0.19 * max(3, len(_rows(document)))


def _column(document: Document, name: str) -> Any:
    return np.array([each[name] for each in document["samples"]], np.float64)


def _words(reason: str) -> str:
    return reason.replace("_", " ")


def _ms(value: float, _: int | None = None) -> str:
    return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms"


AS_MS = FuncFormatter(_ms)


def svg(name: str, wide: float, high: float, drawn: Callable[[Axes], None]) -> str:
    """One plot, without anything that only a file of its own needs.

    Args:
        name: Of the plot, from which its inner names follow.
        wide: Inches.
        high: Inches.
        drawn: Draws it.
    """
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure((wide, high), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        drawn(axes)
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for colour, variable in _NAMES.items():
        text = text.replace(colour, f"var(--{variable})")
    return re.sub(
        r' id="(?:text|patch|line2d|axes|figure|matplotlib|xtick|ytick|legend|FillBetween\w*)_?\d*"', "", text
    )
