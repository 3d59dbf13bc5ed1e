"""A trace in a terminal."""

from collections.abc import Container, Sequence
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from cluster.telemetry import names
from cluster.telemetry.span_store import StoredSpan
from cluster.telemetry.trace_look import LEGEND, look_of, look_of_name, shown_ms
from cluster.telemetry.waterfall import Row, Waterfall
from cluster.wire.text import format_time

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEAST_BAR = 16
_WIDE = 90  # narrower terminals do not show which process did what


def view(trace: Waterfall, width: int) -> RenderableType:
    """Heading, waterfall, and where the time went.

    Args:
        trace: What is shown.
        width: Of the terminal, characters.
    """
    return Group(_heading(trace), Text(), _lines(trace, width), Text(), *_account(trace, width))


def listing(spans: Sequence[StoredSpan]) -> Table:
    """Traces to choose from, a line each."""
    table = Table(box=None, header_style="bright_black", pad_edge=False)
    for title in ("trace", "at", "camera", "became", "age", "kept for"):
        table.add_column(title, justify="right" if title == "age" else "left")
    for span in spans:
        said = span.attributes
        age, became = said.get(names.AGE_MS), f"{said.get(names.OUTCOME, span.name)}: {said.get(names.REASON, '')}"
        table.add_row(
            span.trace_id,
            _time(span.began_ns)[11:23],
            Text(str(said.get(names.CAMERA, "")), "cyan"),
            Text(became.removesuffix(": "), "red" if span.error else ""),
            "" if age is None else shown_ms(float(age)),
            str(said.get(names.KEPT, "")),
        )
    return table


def _heading(trace: Waterfall) -> Text:
    text = Text()
    text.append(trace.camera or "a frame", "bold cyan")
    text.append(f"  {_time(trace.began_ns)}  ", "bright_black")
    text.append(f"{trace.said.get(names.OUTCOME, '')} ", "bold")
    text.append(f"({trace.said.get(names.REASON, '')})", "bright_black")
    if trace.to_alert_ms is not None:
        text.append("\ncapture to alert ")
        text.append(shown_ms(trace.to_alert_ms), "bold spring_green3")
        text.append(f"   alert {', '.join(trace.alerts)}", "bright_black")
    text.append(f"\ntrace {trace.trace_id}   {len(trace.processes)} processes, {len(trace.rows)} spans", "bright_black")
    return text


def _lines(trace: Waterfall, width: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bright_black", expand=True)
    labels = _labels(trace.rows)
    is_wide = width >= _WIDE
    where = max(len(row.process) for row in trace.rows) + 2 if is_wide else 0
    bar = max(_LEAST_BAR, width - max(len(label) for label in labels) - where - 14)
    table.add_column("", no_wrap=True)
    if is_wide:
        table.add_column("where", no_wrap=True, style="bright_black")
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column(_scale(trace.shown_ms, bar), no_wrap=True, width=bar)
    for row, label in zip(trace.rows, labels, strict=True):
        took = Text("?" if row.is_missing else shown_ms(row.length_ms), look_of(row).terminal)
        table.add_row(label, *([row.process] if is_wide else []), took, _bar(row, trace.shown_ms, bar))
    return table


def _labels(rows: Sequence[Row]) -> list[Text]:
    """Name of each row, behind lines that lead to it from its parents."""
    labels, follow = list[Text](), set[int]()
    for row in reversed(rows):
        labels.append(_label(row, follow))
        follow = {depth for depth in follow if depth <= row.depth} | {row.depth}
    return labels[::-1]


def _label(row: Row, follow: Container[int]) -> Text:
    """One row's; `follow`: depths of which another row follows below the same parent."""
    guides = "".join("│  " if depth in follow else "   " for depth in range(1, row.depth))
    guides += ("├─ " if row.depth in follow else "└─ ") if row.depth else ""
    text = Text(guides, "bright_black")
    text.append(row.span.name, "italic bright_black" if row.is_missing else "bold" if row.depth == 0 else "")
    shard = row.span.attributes.get(names.SHARD)
    if shard is not None:
        text.append(f" {shard}")
    if row.span.error:
        text.append(f" {row.span.error}", "bold red")
    return text


def _scale(shown: float, width: int) -> Text:
    left, right = "0", shown_ms(shown)
    return Text(left + " " * max(1, width - len(left) - len(right)) + right, "bright_black")


def _bar(row: Row, shown: float, width: int) -> Text:
    """Where a row lies, to an eighth of a character; what comes after all that is shown is an arrow."""
    look = look_of(row)
    if row.begin_ms >= shown > 0:
        after = f"+{shown_ms(row.begin_ms - shown)} ▸"
        return Text(" " * max(0, width - len(after)) + after, look.terminal)
    scale = 8 * width / max(shown, 1e-9)
    begin = min(8 * width - 1, round(row.begin_ms * scale))
    end = min(8 * width, max(begin + 1, round((row.begin_ms + row.length_ms) * scale)))
    text = Text(" " * (begin // 8))
    at, rest = begin // 8 * 8, begin % 8
    if rest:  # the part of the first character that is not filled, drawn by exchanging the colours
        if end <= at + 8:
            return text + Text(_EIGHTHS[max(1, min(end - begin, 7))], look.terminal)
        text.append(_EIGHTHS[rest], f"reverse {look.terminal}")
        at += 8
    whole, part = divmod(end - at, 8)
    text.append("█" * whole + (_EIGHTHS[part] if part else ""), look.terminal)
    return text


def _account(trace: Waterfall, width: int) -> list[RenderableType]:
    """What the time until the alert was spent on: one bar, and a line for each."""
    total = sum(length for _, length in trace.stages)
    if not total:
        return []
    bar, space = Text(), min(width, 100)
    for name, length in trace.stages:
        bar.append("█" * round(space * length / total), look_of_name(name).terminal)
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, length in sorted(trace.stages, key=lambda stage: -stage[1]):
        table.add_row(
            Text(name, look_of_name(name).terminal), shown_ms(length), Text(f"{length / total:.0%}", "bright_black")
        )
    legend = Text("  ").join(Text(f"■ {look.label}", look.terminal) for look in LEGEND)
    return [bar, legend, Text(), table]


def _time(unix_ns: int) -> str:
    return format_time(datetime.fromtimestamp(unix_ns / 1e9, UTC))


def print_trace(trace: Waterfall, console: Console) -> None:
    """Show a trace as wide as the terminal is."""
    console.print(view(trace, console.width))
