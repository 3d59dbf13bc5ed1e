"""The report of a search for a capacity, from its JSON alone."""

from collections.abc import Iterator
from functools import partial
from html import escape

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from loadtests.load.bracket import Outcome
from loadtests.load.markup import Document, chart, header, page, repeat, table, time
from loadtests.load.plots import AS_MS, BAD, GOOD, QUIET, SERIES, WARN, legend, svg

_COLOURS = {
    Outcome.HOLDS: (GOOD, "o"),
    Outcome.FAILS: (BAD, "X"),
    Outcome.SENDER: (WARN, "D"),
    Outcome.DISTURBED: (QUIET, "v"),
}
_CHARTS = (
    ("course", "Which rates were tried", "In their order."),
    ("latency", "Capture to alert, p99, by rate", "Each mark is one trial."),
    ("ended", "Frames finished, by rate", "What lies on the dotted line kept up."),
    ("parts", "How busy each part is, by rate", "1 is all the time."),
)
_HEADS = ("frames/s", "", "finished/s", "p50", "p99", "alerts", "shed", "why")


def render(document: Document) -> str:
    """The page, HTML."""
    drawn = {"course": course, "latency": latency, "ended": ended, "parts": parts}
    plots = {name: svg(name, 5.2, 3.0, partial(each, document)) for name, each in drawn.items()}
    charts = "".join(chart(plots[name], title, about) for name, title, about in _CHARTS)
    holds = document["holds"]
    word = f"{holds['fps']:.1f} frames a second" if holds else "no rate held"
    return page(
        f"{document['name']}: {word}",
        f"{header(document, word, holds is not None)}"
        f"<p>{escape(document['text'])}.</p>{_remarks(document)}"
        f'<div class="charts">{charts}</div>'
        f"<h2>What is used up</h2>{_uses(document)}"
        f"<h2>Trials</h2>{table(_HEADS, _rows(document))}"
        f"<h2>To repeat it</h2>{repeat(document)}"
        "<footer>Nobody who was shown exists. A rate holds when the scenario's limits are kept and what waits does not "
        "grow. A trial in which sending was the limit counts as no capacity. Before the first trial the cluster is "
        "warmed up; no trial begins before every frame of the one before is finished. Percentiles of few alerts are "
        "the highest.</footer>",
    )


def course(document: Document, axes: Axes) -> None:
    """Rates in the order in which they were tried."""
    _by_outcome(document, axes, [float(at) for at in range(1, len(document["trials"]) + 1)], "fps")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel("frames/s")
    axes.set_ylim(bottom=0)
    legend(axes)


def latency(document: Document, axes: Axes) -> None:
    """p99 of each trial."""
    _by_outcome(document, axes, [each["fps"] for each in document["trials"]], "p99_ms")
    most = document["scenario"]["limits"]["p99_ms"]
    if most is not None:
        axes.axhline(most, color=WARN, linestyle="--", linewidth=1.2, label="limit")
    axes.set_xlabel("frames/s")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(AS_MS)
    legend(axes, 4)


def ended(document: Document, axes: Axes) -> None:
    """What reached its end of what was sent."""
    rates = [each["fps"] for each in document["trials"]]
    axes.plot([0, max(rates)], [0, max(rates)], color=QUIET, linestyle=":", linewidth=1)
    _by_outcome(document, axes, rates, "ended_fps")
    axes.set_xlabel("frames/s sent")
    axes.set_ylabel("frames/s")
    legend(axes)


def parts(document: Document, axes: Axes) -> None:
    """How busy each part is."""
    ordered = sorted(document["trials"], key=lambda each: each["fps"])
    shares = [{use["part"]: use["share"] for use in each["saturation"]["uses"]} for each in ordered]
    highest = {part: max((each.get(part) or 0.0 for each in shares), default=0.0) for part in shares[-1]}
    chosen = sorted(highest, key=lambda part: -highest[part])[: len(SERIES)]
    for colour, part in zip(SERIES, chosen, strict=False):
        known = [(each["fps"], share[part]) for each, share in zip(ordered, shares, strict=True) if share.get(part)]
        axes.plot([fps for fps, _ in known], [share for _, share in known], color=colour, label=part)
    axes.axhline(1.0, color=QUIET, linestyle=":", linewidth=1)
    axes.set_xlabel("frames/s")
    axes.set_ylim(bottom=0)
    legend(axes, 4)


def _by_outcome(document: Document, axes: Axes, at: list[float], name: str) -> None:
    for outcome, (colour, marker) in _COLOURS.items():
        points = [
            (x, each[name])
            for x, each in zip(at, document["trials"], strict=True)
            if each["outcome"] == outcome and each[name] is not None
        ]
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, marker, color=colour, markersize=6, linestyle="none", label=str(outcome))


def _remarks(document: Document) -> str:
    return "".join(f"<p class='remark'>{escape(each)}</p>" for each in document["remarks"])


def _uses(document: Document) -> str:
    found = document["saturates"]
    if found is None:
        return ""
    rows = [
        (escape(each["part"]), "not known" if each["share"] is None else f"{each['share']:.0%}", escape(each["about"]))
        for each in found["uses"]
    ]
    return f"<p>{escape(found['text'])}.</p>{table(('', 'busy', ''), rows)}"


def _rows(document: Document) -> Iterator[tuple[str, ...]]:
    for each in document["trials"]:
        kind = "good" if each["outcome"] == Outcome.HOLDS else "bad"
        yield (
            f"{each['fps']:.1f}",
            f'<span class="{kind}">{escape(each["outcome"])}</span>',
            f"{each['ended_fps']:.1f}",
            time(each["p50_ms"]),
            time(each["p99_ms"]),
            f"{each['alerts']:,}",
            f"{each['shed_share']:.1%}",
            escape(each["why"]),
        )
