"""The report of a run: one page that needs nothing else, no script, no font, no address."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from loadtests.load.markup import chart, header, page, read_document, repeat, table, time
from loadtests.load.plots import draw
from loadtests.load.result import FORM

Document = Mapping[str, Any]

_CHARTS = (
    ("latency", "Capture to alert, over time", "Each alert at the moment at which its frame was to be captured."),
    (
        "distribution",
        "Capture to alert, by percentile",
        "Rare values are spread out; a step is one alert.",
    ),
    ("throughput", "Frames a second", "Due, sent, and finished by whoever looks at them."),
    ("lag", "Frames that wait or are in hand", "Sent and not finished."),
    ("stages", "Stages", "How long each takes, on the mean over the times it was gone through."),
    ("shed", "Frames shed, by reason", "From the ledger, by when they were captured."),
    ("cores", "Cores in use", "By whom; the dotted line is all there are."),
    ("memory", "Memory", "Resident, by whom."),
    ("gpu", "GPU", "How much of the time it works."),
)
_KINDS = {
    "capture_to_read": "capture to read",
    "capture_to_written": "capture to Kafka",
    "entrance_to_read": "entrance to read",
}


def read_result(file: Path) -> dict[str, Any]:
    """What `run --json` wrote.

    Raises:
        SettingsRefused: It is something else.
    """
    return read_document(file, FORM, "run")


def render(document: Document) -> str:
    """The page, HTML."""
    plots = draw(document)
    charts = "".join(chart(plots[name], title, about) for name, title, about in _CHARTS if name in plots)
    return page(
        f"{document['name']}: {_word(document)}",
        f"{header(document, _word(document), document['verdict']['good'])}{_tiles(document)}{_remarks(document)}"
        f"<h2>Asked and found</h2>{_findings(document)}"
        "<h2>Alerts against the truth</h2>"
        f'<figure class="wide">{plots["truth"]}</figure>'
        f'<div class="charts">{charts}</div>'
        f'<div class="pair"><section><h2>Where every frame went</h2>{_frames(document)}</section>'
        f"<section><h2>Capture to alert</h2>{_latencies(document)}</section></div>"
        f"<h2>To repeat it</h2>{repeat(document, [_sending(document)])}"
        "<footer>Nobody who was shown exists. Times run from the capture that was intended, not from the sending of a "
        "frame: what waits to be sent waits for its alert, too. Both ends are on the clock of the machine that ran the "
        "load test. Percentiles are of right alerts; who was missed is counted apart.</footer>",
    )


def _word(document: Document) -> str:
    return "as it should be" if document["verdict"]["good"] else "not as it should be"


def _tiles(document: Document) -> str:
    passages, frames = document["passages"], document["frames"]
    read = document["latency_ms"]["capture_to_read"]
    tiles = (
        (f"{passages['right']:,} of {passages['expected']:,}", "passages of listed people alerted", passages["missed"]),
        (f"{passages['wrong']:,}", "wrong alerts", passages["wrong"]),
        (time(read["p50"]), "capture to alert, median", 0),
        (time(read["p99"]), f"capture to alert, p99 of {passages['right']:,} alerts", 0),
        (f"{document['throughput_fps']:,.1f}/s", f"frames finished, {frames['sent']:,} sent", 0),
        (f"{frames['shed_share']:.1%}", "of frames shed", 0),
        (_count(frames["lost"]), "frames lost", frames["lost"] != 0),
    )
    cells = (f'<div><b class="{"bad" if bad else ""}">{big}</b><span>{small}</span></div>' for big, small, bad in tiles)
    return f'<div class="tiles">{"".join(cells)}</div>'


def _remarks(document: Document) -> str:
    said = [f"<p class='remark'>{escape(each)}</p>" for each in document["remarks"]]
    said += [
        f"<p class='remark'>{escape(each['fault'])} at second {each['at_s']:.1f}; the cluster was on its own from "
        f"second {each['healed_s']:.1f}</p>"
        for each in document["faults"]
    ]
    if document["scenario"]["plant"]:
        said.append(f"<p class='remark'>planted into the reader of alerts: {escape(document['scenario']['plant'])}</p>")
    return "".join(said)


def _findings(document: Document) -> str:
    rows = (
        (each["name"], each["asked"], each["found"], _mark(each["is_kept"])) for each in document["verdict"]["findings"]
    )
    return table(("", "asked", "found", ""), rows)


def _mark(is_kept: bool) -> str:
    return '<span class="good">kept</span>' if is_kept else '<span class="bad">broken</span>'


def _frames(document: Document) -> str:
    frames = document["frames"]
    sent = max(1, frames["sent"])
    rows = [("sent", f"{frames['sent']:,}", "100 %")]
    for outcome in ("alerted", "no_match", "shed", "dead_lettered"):
        for reason, count in frames[outcome].items():
            name = f"{outcome}: {reason}".replace("_", " ")
            rows.append((name, f"{count:,}", f"{100 * count / sent:.1f} %"))
    share = "" if frames["lost"] is None else f"{100 * frames['lost'] / sent:.1f} %"
    rows.append(("lost", _count(frames["lost"]), share))
    return table(("", "frames", "share"), rows)


def _latencies(document: Document) -> str:
    kinds = document["latency_ms"]
    names = list(kinds["capture_to_read"])
    rows = ((_KINDS[kind], *(time(kinds[kind][name]) for name in names)) for kind in kinds)
    return table(("", *(name.replace("p100", "most") for name in names)), rows)


def _sending(document: Document) -> tuple[str, str]:
    sender = document["sender"]
    late = (
        f"99 % within {1000 * sender['late_p99_s']:.0f} ms, all within {1000 * sender['latest_s']:.0f} ms of their time"
    )
    size = sender["bytes"] / max(1, sender["frames"])
    return "sending", f"{late}; {sender['cores']:.2f} core; {size:,.0f} bytes a frame"


def _count(frames: int | None) -> str:
    return "not known" if frames is None else f"{frames:,}"
