"""The report of a run: one page that needs nothing else, no script, no font, no address."""

import json
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from loadtests.load.plots import draw
from loadtests.load.result import FORM
from operators.errors import SettingsRefused

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
_DIGESTS = ("policy", "cluster", "scenario", "detector", "embedder", "pool")


def read_result(file: Path) -> dict[str, Any]:
    """What `run --json` wrote.

    Raises:
        SettingsRefused: It is something else.
    """
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsRefused(f"{file}: not JSON that can be read: {type(error).__name__}") from None
    if not isinstance(document, dict) or document.get("form") != FORM:
        raise SettingsRefused(f"{file}: not a result of form {FORM}; write it with 'beholden-load run --json'")
    return document


def render(document: Document) -> str:
    """The page, HTML."""
    plots = draw(document)
    charts = "".join(_chart(plots[name], title, about) for name, title, about in _CHARTS if name in plots)
    style = files("loadtests.load").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(document['name'])}: {_word(document)}</title><style>{style}</style></head><body><main>"
        f"{_header(document)}{_tiles(document)}{_remarks(document)}"
        f"<h2>Asked and found</h2>{_findings(document)}"
        "<h2>Alerts against the truth</h2>"
        f'<figure class="wide">{plots["truth"]}</figure>'
        f'<div class="charts">{charts}</div>'
        f'<div class="pair"><section><h2>Where every frame went</h2>{_frames(document)}</section>'
        f"<section><h2>Capture to alert</h2>{_latencies(document)}</section></div>"
        f"<h2>To repeat it</h2>{_repeat(document)}"
        "<footer>Nobody who was shown exists. Times run from the capture that was intended, not from the sending of a "
        "frame: what waits to be sent waits for its alert, too. Both ends are on the clock of the machine that ran the "
        "load test. Percentiles are of right alerts; who was missed is counted apart.</footer></main></body></html>\n"
    )


def _header(document: Document) -> str:
    good = document["verdict"]["good"]
    return (
        f"<header><div><h1>{escape(document['name'])}</h1><p>{escape(document['scenario']['about'])}</p>"
        f'<p class="quiet">{escape(document["begin"])} &middot; {escape(str(document["about"]["processor"]))}, '
        f"{document['about']['cores']} cores</p></div>"
        f'<div class="verdict {"good" if good else "bad"}">{_word(document)}</div></header>'
    )


def _word(document: Document) -> str:
    return "as it should be" if document["verdict"]["good"] else "not as it should be"


def _tiles(document: Document) -> str:
    passages, frames = document["passages"], document["frames"]
    read = document["latency_ms"]["capture_to_read"]
    tiles = (
        (f"{passages['right']:,} of {passages['expected']:,}", "passages of listed people alerted", passages["missed"]),
        (f"{passages['wrong']:,}", "wrong alerts", passages["wrong"]),
        (_time(read["p50"]), "capture to alert, median", 0),
        (_time(read["p99"]), f"capture to alert, p99 of {passages['right']:,} alerts", 0),
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
    return _table(("", "asked", "found", ""), rows)


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
    return _table(("", "frames", "share"), rows)


def _latencies(document: Document) -> str:
    kinds = document["latency_ms"]
    names = list(kinds["capture_to_read"])
    rows = ((_KINDS[kind], *(_time(kinds[kind][name]) for name in names)) for kind in kinds)
    return _table(("", *(name.replace("p100", "most") for name in names)), rows)


def _repeat(document: Document) -> str:
    about = document["about"]
    rows = [("command", f"<code>{escape(str(about['command']))}</code>")]
    rows += [("seed", str(document["scenario"]["seed"]))]
    rows += [(f"{name}, sha256", f"<code>{escape(str(about[name]))}</code>") for name in _DIGESTS if name in about]
    told = {"command", *_DIGESTS}
    rows += [(name, escape(str(value))) for name, value in about.items() if name not in told]
    sender = document["sender"]
    late = (
        f"99 % within {1000 * sender['late_p99_s']:.0f} ms, all within {1000 * sender['latest_s']:.0f} ms of their time"
    )
    rows.append(
        (
            "sending",
            f"{late}; {sender['cores']:.2f} core; {sender['bytes'] / max(1, sender['frames']):,.0f} bytes a frame",
        )
    )
    rows = [(escape(name), value) for name, value in rows]
    text = yaml.safe_dump(document["scenario"], sort_keys=False, allow_unicode=True)
    return _table(("", ""), rows, "facts") + f"<details><summary>scenario</summary><pre>{escape(text)}</pre></details>"


def _chart(svg: str, title: str, about: str) -> str:
    return f'<figure><figcaption><b>{title}</b><span class="quiet">{about}</span></figcaption>{svg}</figure>'


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]], kind: str = "") -> str:
    """A table; cells are HTML."""
    head = "".join(f"<th>{each}</th>" for each in heads)
    head = f"<thead><tr>{head}</tr></thead>" if head.replace("<th></th>", "") else ""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="{kind}">{head}<tbody>{body}</tbody></table>'


def _count(frames: int | None) -> str:
    return "not known" if frames is None else f"{frames:,}"


def _time(ms: float | None) -> str:
    if ms is None:
        return "&ndash;"
    return f"{ms:,.0f} ms" if ms < 10_000 else f"{ms / 1000:,.1f} s"
