"""Figures of an evaluation, and the style of all figures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from loadtests.evaluate.findings import STRICT, Detection, Findings, Identification, percent
from loadtests.evaluate.rates import Rate
from loadtests.evaluate.subjects import GROUPS
from loadtests.evaluate.verdicts import RECALL_FLOOR, TPIR_FLOOR, TPIR_GOAL

BLUE, RED, GREY, INK = "#1f6f9f", "#c4512d", "#8a8f98", "#22262b"
STYLE: Any = {
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "grid.color": "#e4e6ea",
    "grid.linewidth": 0.8,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "white",
    "axes.axisbelow": True,
    "figure.facecolor": "white",
}
_DPI = 125  # 1000 pixels wide: sharp at 800
_WIDE = 8.0


def draw(findings: Findings, folder: Path) -> list[Path]:
    """Draw all figures into a folder, and say where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    there = findings.identification
    with mpl.rc_context(STYLE):
        return [
            save(folder / "det.png", 5.2, lambda axes: det(there, axes)),
            save(folder / "cosines.png", 4.4, lambda axes: cosines(there, axes)),
            save(folder / "conditions.png", 6.4, lambda axes: conditions(there, axes)),
            save(folder / "recall.png", 4.2, lambda axes: recall(findings.detection, axes)),
        ]


def det(there: Identification, axes: Axes) -> None:
    """Misses against false alerts, over all thresholds."""
    curve, n = there.curve, there.unlisted.taken
    least = 0.5 / max(n, there.mated.taken)
    x = np.array([max(rate.value, least) for rate in curve.fpir])
    misses = np.array([[1 - rate.value, 1 - rate.widest[1], 1 - rate.widest[0]] for rate in curve.tpir]).clip(least)
    axes.fill_between(x, misses[:, 1], misses[:, 2], color=BLUE, alpha=0.15, linewidth=0, label="95 % interval of FNIR")
    axes.plot(x, misses[:, 0], color=BLUE, linewidth=2)
    for point, marker in zip(there.points, "os^Dv", strict=False):
        at = max(point.fpir.value, least), max(1 - point.tpir.value, least)
        label = f"{point.name}: threshold {point.threshold:.3f}, TPIR {100 * point.tpir.value:.1f} %"
        axes.plot(*at, marker, color=RED, markersize=8, markeredgecolor="white", label=label, linestyle="none")
    axes.set(xscale="log", yscale="log", xlim=(0.8 * least, 1), ylim=(min(misses[:, 1].min(), 0.01) * 0.8, 1))
    axes.set_xlabel("FPIR: unlisted probes that raise an alert")
    axes.set_ylabel("FNIR: mated probes that are missed")
    axes.xaxis.set_major_formatter(_as_percent)
    axes.yaxis.set_major_formatter(_as_percent)
    axes.set_title(f"Misses against false alerts, N = {there.references.searched:,} entries")
    axes.legend(loc="best", fontsize=9)
    foot(
        axes,
        f"n = {there.mated.taken:,} mated and {n:,} unlisted probes; people who do not exist; 0 is drawn at 0.5 / n",
    )


def cosines(there: Identification, axes: Axes) -> None:
    """How alike mated and other probes are to the watchlist."""
    edges = np.array(there.histogram.edges)
    for counts, colour, label in (
        (there.histogram.unlisted, RED, "unlisted probes, best of all entries"),
        (there.histogram.mated, BLUE, "mated probes, own entry"),
    ):
        total = max(1, sum(counts))
        shares = 100 * np.array(counts) / total
        axes.stairs(shares, edges, fill=True, color=colour, alpha=0.25)
        axes.stairs(shares, edges, color=colour, linewidth=1.6, label=f"{label}, n = {sum(counts):,}")
    for point, style in zip(there.points, (":", "--", "-", "-", "-"), strict=False):
        label = f"{point.name}: {point.threshold:.3f}"
        axes.axvline(point.threshold, color=INK, linewidth=1.3, linestyle=style, label=label)
    used = np.flatnonzero(np.array(there.histogram.mated) + np.array(there.histogram.unlisted))
    if len(used):
        axes.set_xlim(float(edges[used[0]]) - 0.04, 1.02)
    axes.set_ylim(0, 1.5 * axes.get_ylim()[1])  # room for the legend
    axes.set_xlabel("cosine")
    axes.set_ylabel("% of probes in a bin of 0.02")
    axes.set_title("Cosines, and the thresholds")
    axes.legend(loc="upper left", fontsize=9, ncols=2)
    foot(axes, f"N = {there.references.searched:,} entries; probes that could not be compared are left out")


def conditions(there: Identification, axes: Axes) -> None:
    """TPIR under each condition, with intervals."""
    strict = there.points[1]
    rows: list[tuple[str, str, Rate]] = [("", "all probes", strict.tpir)]
    rows += [(each.kind, each.label, each.tpir) for each in there.conditions]
    tones = next(each for each in there.tones if each.target == STRICT)
    rows += [
        ("skin", f"skin {group / GROUPS:.2f} to {(group + 1) / GROUPS:.2f}", rate)
        for group, rate in enumerate(tones.tpir.groups)
    ]
    places = _places([kind for kind, _, _ in rows])
    axes.axvline(100 * strict.tpir.value, color=GREY, linewidth=1)
    for goal, style in ((TPIR_FLOOR, ":"), (TPIR_GOAL, "--")):
        axes.axvline(100 * goal, color=RED, linewidth=1, linestyle=style)
    for place, (_, _, rate) in zip(places, rows, strict=True):
        low, high = rate.widest
        axes.plot([100 * low, 100 * high], [place, place], color=BLUE, linewidth=2, solid_capstyle="butt", alpha=0.6)
        axes.plot(100 * rate.value, place, "o", color=BLUE, markersize=5)
        axes.annotate(
            f"{100 * rate.value:.1f} %  (n = {rate.of:,})" if rate.of else "none",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
        )
    axes.set_yticks(places, [label for _, label, _ in rows])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlim(min(80.0, *(100 * rate.widest[0] - 1 for _, _, rate in rows)), 100.3)
    axes.set_xlabel("TPIR, % of mated probes, with 95 % interval")
    axes.set_title(f"TPIR by condition at FPIR {percent(STRICT)}, threshold {strict.threshold:.3f}")
    foot(
        axes,
        f"N = {there.references.searched:,} entries; grey: all probes; red: {percent(TPIR_FLOOR)} and "
        f"{percent(TPIR_GOAL)}; skin 0 is the lightest",
    )


def recall(seen: Detection, axes: Axes) -> None:
    """Recall by width of the face, with intervals."""
    places = np.arange(len(seen.sizes))
    for rates, shift, colour, label in (
        ([each.recall for each in seen.sizes], -0.12, BLUE, "found by the detector"),
        ([each.passing for each in seen.sizes], 0.12, GREY, "and past the policy's gates"),
    ):
        values = np.array([100 * rate.value for rate in rates])
        ends = np.array([[100 * side for side in rate.widest] for rate in rates])
        reach = np.abs(ends.T - values)
        axes.errorbar(
            places + shift, values, reach, fmt="o", color=colour, markersize=7, elinewidth=2, capsize=0, label=label
        )
    axes.axhline(
        100 * RECALL_FLOOR, color=RED, linewidth=1, linestyle=":", label=f"{percent(RECALL_FLOOR)}, asked from 40 px"
    )
    axes.set_xticks(places, [f"{each.label}\nn = {each.recall.of:,}" for each in seen.sizes])
    axes.grid(visible=False, axis="x")
    axes.set_ylim(-2, 103)
    axes.set_ylabel("% of true faces, with 95 % interval")
    axes.set_title(f"Faces found in {seen.scenes} street scenes, by width")
    axes.legend(loc="lower right", fontsize=9)
    foot(axes, f"false faces in 100 frames: {seen.per_100(seen.false_faces):.2f}; people who do not exist")


def _places(kinds: Sequence[str]) -> list[float]:
    """Where rows come, with room between kinds."""
    places, place = [], 0.0
    for at, kind in enumerate(kinds):
        place += 0.0 if not at else 1.0 if kind == kinds[at - 1] else 1.5
        places.append(place)
    return places


def _as_percent(value: float, _: float) -> str:
    return percent(value)


def foot(axes: Axes, text: str) -> None:
    """A small line below the whole figure."""
    figure = axes.figure
    figure.text(0.012, 0.015, text, fontsize=8, color="#5b616a").set_in_layout(False)


def save(file: Path, height: float, *paints: Callable[[Axes], None]) -> Path:
    """Draw into a file, each of the functions into axes of its own, side by side; `height` in inches."""
    room = ConstrainedLayoutEngine(rect=(0.01, 0.3 / height, 0.98, 1 - 0.35 / height))
    figure = Figure(figsize=(_WIDE, height), layout=room)
    for paint, axes in zip(paints, figure.subplots(1, len(paints), squeeze=False).flat, strict=True):
        paint(axes)
    figure.savefig(file, dpi=_DPI, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return file
