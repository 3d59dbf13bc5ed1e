"""A trace as one page that needs nothing else: no script, no font, no address."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from importlib.resources import files

from cluster.telemetry import names
from cluster.telemetry.trace_look import FAILED, LEGEND, WHOLE, Look, look_of, look_of_name, shown_ms
from cluster.telemetry.waterfall import Row, Waterfall
from cluster.wire.text import format_time

_TICKS = 5


def page(trace: Waterfall) -> str:
    """The page, HTML."""
    title = f"{trace.camera or 'A frame'}, {_time(trace.began_ns)}"
    rows = "".join(_row(row, trace.shown_ms) for row in trace.rows)
    ticks = "".join(f"<span>{shown_ms(trace.shown_ms * at / _TICKS)}</span>" for at in range(_TICKS + 1))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_style()}{_colours()}</style></head><body><main>"
        f"{_header(trace)}{_account(trace)}"
        '<h2>From the camera to the alert</h2><div class="ruler"><span></span><span></span><span></span>'
        f'<span class="ticks">{ticks}</span></div><div class="grid">{rows}</div>'
        "<footer>Times are those of each process' own clock. An alert is a lead for a person to judge.</footer>"
        "</main></body></html>\n"
    )


def _style() -> str:
    return files("cluster.telemetry").joinpath("trace_page.css").read_text(encoding="utf-8")


def _colours() -> str:
    looks = (*LEGEND, WHOLE, FAILED)
    light = "".join(f".{_class(look)}{{background:{look.light}}}" for look in looks)
    dark = "".join(f".{_class(look)}{{background:{look.dark}}}" for look in looks)
    return f"{light}@media(prefers-color-scheme:dark){{{dark}}}"


def _class(look: Look) -> str:
    return "c-" + look.label.replace(" ", "-")


def _header(trace: Waterfall) -> str:
    said = trace.said
    became = f"{said.get(names.OUTCOME, 'no outcome')} ({said.get(names.REASON, '')})"
    facts = [_time(trace.began_ns), became, f"{len(trace.processes)} processes", f"{len(trace.rows)} spans"]
    facts += [f"kept for: {said[names.KEPT]}"] if names.KEPT in said else []
    alerts = "".join(f'<br><span class="quiet">alert</span> <code>{escape(each)}</code>' for each in trace.alerts)
    to_alert = trace.to_alert_ms
    length, what = (trace.shown_ms, "in all") if to_alert is None else (to_alert, "from capture to alert")
    return (
        f"<header><div><h1>{escape(trace.camera or 'A frame')}</h1>"
        f'<span class="quiet">{" &middot; ".join(map(escape, facts))}</span><br>'
        f'<span class="quiet">trace</span> <code>{escape(trace.trace_id)}</code>{alerts}</div>'
        f'<div class="figure"><div class="big">{shown_ms(length)}</div><p class="quiet">{what}</p></div></header>'
    )


def _account(trace: Waterfall) -> str:
    total = sum(length for _, length in trace.stages)
    if not total:
        return ""
    strip = "".join(
        f'<span class="{_class(look_of_name(name))}" style="flex:{length / total:.5f}"'
        f' title="{escape(name)}: {shown_ms(length)}"></span>'
        for name, length in trace.stages
    )
    legend = "".join(f'<li><i class="{_class(look)}"></i>{look.label}</li>' for look in LEGEND)
    shares = "".join(
        f'<div><i class="{_class(look_of_name(name))}"></i><b>{escape(name)}</b>{shown_ms(length)}'
        f'<span class="quiet">{length / total:.0%}</span></div>'
        for name, length in sorted(trace.stages, key=lambda stage: -stage[1])
    )
    return (
        f'<h2>Where the time went</h2><div class="strip">{strip}</div><ul class="legend">{legend}</ul>'
        f'<div class="shares">{shares}</div>'
    )


def _row(row: Row, shown: float) -> str:
    span, name = row.span, escape(row.span.name)
    shard = span.attributes.get(names.SHARD)
    if shard is not None:
        name += f" {escape(str(shard))}"
    if span.error:
        name += f' <span class="bad">{escape(span.error)}</span>'
    took = "" if row.is_missing else shown_ms(row.length_ms)
    kind = "name gone" if row.is_missing else "name"
    return (
        f'<details><summary><span class="{kind}" style="padding-left:{row.depth * 18}px">{name}</span>'
        f'<span class="where">{escape(row.process)}</span><span class="took">{took}</span>'
        f"{_track(row, shown)}</summary>"
        f"<dl>{''.join(_facts(row))}</dl></details>"
    )


def _track(row: Row, shown: float) -> str:
    if row.begin_ms >= shown > 0:
        return f'<span class="track"><em>+{shown_ms(row.begin_ms - shown)} &#9656;</em></span>'
    left = 100 * row.begin_ms / max(shown, 1e-9)
    width = min(100 - left, 100 * row.length_ms / max(shown, 1e-9))
    look = _class(look_of(row))
    return f'<span class="track"><span class="{look}" style="left:{left:.3f}%;width:{width:.3f}%"></span></span>'


def _facts(row: Row) -> Iterable[str]:
    span = row.span
    said = {"began": f"{shown_ms(row.begin_ms)} after the capture", "kind": span.kind, "span": span.span_id}
    for name, value in (said | dict(span.attributes) | dict(span.process)).items():
        yield f"<dt>{escape(name)}</dt><dd>{escape(str(value))}</dd>"


def _time(unix_ns: int) -> str:
    return format_time(datetime.fromtimestamp(unix_ns / 1e9, UTC))
