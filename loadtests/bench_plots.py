"""The figure of `beholden bench index`: what a search costs, by the size of the list.

`python -m loadtests.bench_plots FILE.json FOLDER` draws what was measured before.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from loadtests.bench_index import (
    DIMENSION,
    FLOAT,
    GPU_FLOAT,
    GPU_HALF,
    HALF,
    INSTALLED,
    INT8,
    READ,
    ROW_BYTES,
    TUNED,
    Timed,
)
from loadtests.evaluate.plots import BLUE, GREY, INK, RED, STYLE, foot, save

# Dark to light and each with a marker of its own, so that they can be told apart in grey.
_LOOKS: Mapping[str, Mapping[str, object]] = {
    INSTALLED: {"color": GREY, "marker": "v", "linestyle": "-"},
    TUNED: {"color": RED, "marker": "s", "linestyle": "--"},
    FLOAT: {"color": BLUE, "marker": "D", "linestyle": "-"},
    INT8: {"color": INK, "marker": "o", "linestyle": "-"},
    GPU_FLOAT: {"color": RED, "marker": "s", "linestyle": "--"},
    GPU_HALF: {"color": BLUE, "marker": "D", "linestyle": "-"},
    HALF: {"color": GREY, "marker": "P", "linestyle": "-"},
}
_NAMES = {
    FLOAT: "float32, rows shared by threads",
    INT8: "8 bits, then float32",
    GPU_FLOAT: "FAISS on a GPU, float32",
    GPU_HALF: "FAISS on a GPU, float16",
    HALF: "16 bits on a GPU",
}


def draw_costs(found: Sequence[Timed], threads: int, folder: Path, gpu_bandwidth: float | None = None) -> Path:
    """Draw `performance-index.png`, or `performance-gpu.png` of ways on a GPU, into a folder, and say where it is.

    Args:
        found: What was measured.
        threads: Of the processor's ways.
        folder: Where to.
        gpu_bandwidth: What a copy on the GPU reads and writes, TB/s; None: what limits a search there is not drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ms = {(each.way, each.batch, each.rows): float(np.median(each.ms)) for each in found if each.ms}
    low, high = 0.6 * min(ms.values()), 1.8 * max(ms.values())
    name = "performance-gpu.png" if ROW_BYTES.keys() & {each.way for each in found} else "performance-index.png"
    with mpl.rc_context(STYLE):
        paints = [partial(_costs, ms, batch, threads, (low, high), gpu_bandwidth) for batch in (1, 64)]
        return save(folder / name, 4.6, *paints)


def _costs(
    ms: Mapping[tuple[str, int, int], float],
    batch: int,
    threads: int,
    limits: tuple[float, float],
    gpu_bandwidth: float | None,
    axes: Axes,
) -> None:
    for way, look in _LOOKS.items():
        x, y = _line(ms, way, batch)
        if not x:
            continue
        axes.plot(x, y, label=_NAMES.get(way, way), linewidth=1.8, markersize=6, markeredgecolor="white", **look)  # type: ignore[arg-type]
    x, y = _line(ms, READ, 1)
    at_once = [y[-1] * rows / x[-1] for rows in x]  # of the largest list, which no cache holds
    speed = f"{x[-1] * DIMENSION * 4 / y[-1] / 1e6:.0f} GB/s"
    axes.plot(x, at_once, color=INK, linewidth=1.2, linestyle=":", label=f"memory: all rows read once, {speed}")
    if gpu_bandwidth:
        at_once = [rows * ROW_BYTES[HALF] / gpu_bandwidth / 1e9 for rows in x]
        label = f"the card's: float16, {gpu_bandwidth:.2f} TB/s"
        axes.plot(x, at_once, color=BLUE, linewidth=1.2, linestyle=":", label=label)
    axes.set(xscale="log", yscale="log", ylim=limits)
    axes.xaxis.set_major_formatter(FuncFormatter(_rows))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
    axes.set_xlabel(f"rows of {DIMENSION} numbers")
    if batch == 1:
        axes.set_ylabel("ms for a search")
        axes.set_title("1 query")
        axes.legend(loc="upper left", fontsize=9)
        foot(axes, f"threads: {threads}; medians; a short list lies in the processor's cache, faster than memory")
    else:
        axes.set_title(f"{batch} queries at once")
        axes.tick_params(labelleft=False)


def _rows(value: float, _: float) -> str:
    return f"{value / 1e6:.0f} million" if value >= 1_000_000 else f"{value:,.0f}"


def _line(ms: Mapping[tuple[str, int, int], float], way: str, batch: int) -> tuple[list[int], list[float]]:
    points = sorted((rows, value) for (name, at, rows), value in ms.items() if (name, at) == (way, batch))
    return [rows for rows, _ in points], [value for _, value in points]


if __name__ == "__main__":
    body = json.loads(Path(sys.argv[1]).read_text())
    timed = [Timed(each["rows"], each["batch"], each["way"], tuple(each["ms"])) for each in body["timed"]]
    about = body["about"]
    sys.stdout.write(f"{draw_costs(timed, about['threads'], Path(sys.argv[2]), about.get('gpu_bandwidth_tb_s'))}\n")
