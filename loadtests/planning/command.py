"""`beholden-load plan` and `fit`: how many of what are needed, by what was measured on one node."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from loadtests.load.files import EXISTING, FILE, require_writable
from loadtests.planning.capacity_file import read_measured
from loadtests.planning.check import WITHIN, Checked, check
from loadtests.planning.demand import Ask
from loadtests.planning.fit import as_yaml, fit
from loadtests.planning.node import Node, find_node, node_names
from loadtests.planning.plan import ROOM, Line, size
from loadtests.planning.report import as_json, lines_of, unknown
from loadtests.temporary import CONFIGS
from operators.errors import SettingsRefused
from operators.retention import RetentionProfile

_QUIET = "bright_black"
_RETENTION = CONFIGS / "retention" / "uk-strict.yaml"
_NODE = f"Kind of node: {', '.join(node_names())}, or a file."


@click.command()
@click.option("--cameras", type=click.IntRange(1), help="How many.")
@click.option("--fps", type=click.FloatRange(0.01), help="Frames a second of each.")
@click.option("--list", "list_size", type=click.FloatRange(1), help="Entries on the watchlist.")
@click.option("--node", "kind", required=True, help=_NODE)
@click.option("--nodes", type=click.IntRange(1), help="So many and no more; as many as are needed when not given.")
@click.option("--faces", type=click.FloatRange(0), default=1.0, show_default=True, help="In a frame, on the mean.")
@click.option("--jpeg-kb", type=click.FloatRange(1), default=100.0, show_default=True, help="Of a frame.")
@click.option("--dimension", type=click.IntRange(1), default=512, show_default=True, help="Numbers of a vector.")
@click.option("--room", type=click.FloatRange(0.05, 1), default=ROOM, show_default=True, help="Of a node, to be used.")
@click.option("--retention", type=EXISTING, default=_RETENTION, help="Retention profile; uk-strict when not given.")
@click.option("--alerts-per-hour", type=click.FloatRange(0), default=60.0, show_default=True, help="Of all cameras.")
@click.option(
    "--check", "files", type=EXISTING, multiple=True, help="Hold the model against 'capacity --json' instead."
)
@click.option("--json", "file", type=FILE, help="Write everything there.")
def plan(
    cameras: int | None,
    fps: float | None,
    list_size: float | None,
    kind: str,
    nodes: int | None,
    faces: float,
    jpeg_kb: float,
    dimension: int,
    room: float,
    retention: Path,
    alerts_per_hour: float,
    files: Sequence[Path],
    file: Path | None,
) -> None:
    """Say how many nodes, recognisers, partitions and brokers so many cameras need, and what to expect.

    It goes by what was measured on one node, and says of each figure where it comes from. With --check it is held
    against measured capacities instead, and exits with 1 when one is off by more than 15 %.
    """
    console = Console()
    node = find_node(kind)
    if file:
        require_writable(file)
    if files:
        raise SystemExit(_check(node, files, file, console))
    if cameras is None or fps is None or list_size is None:
        raise SettingsRefused("--cameras, --fps and --list: give all three, or --check FILE")
    ask = Ask(cameras, fps, list_size, faces, jpeg_kb, dimension)
    sizes = size(node, ask, nodes, room)
    lines = lines_of(node, ask, sizes, read_retention(retention), alerts_per_hour)
    if file:
        file.write_text(json.dumps(as_json(node, ask, sizes, lines), indent=1) + "\n")
    console.print(
        f"{cameras:,} cameras at {fps:g} frames a second, {list_size:,.0f} entries, on {node.name}: {node.about}"
    )
    console.print(_lines(lines))
    console.print(_figures(node))
    for each in unknown(node):
        console.print(f"not known: {each}", style="yellow", highlight=False)


@click.command("fit")
@click.argument("file", type=EXISTING)
@click.option("--node", "kind", required=True, help=f"{_NODE} What is not measured is taken from there.")
@click.option("-o", "to", type=FILE, required=True, help="Where to.")
def fit_node(file: Path, kind: str, to: Path) -> None:
    """Write a node's figures as 'capacity --recognisers 1 --json FILE' measured them."""
    require_writable(to)
    to.write_text(as_yaml(fit(find_node(kind), read_measured(file))))


def read_retention(path: Path) -> RetentionProfile:
    """How long things are kept.

    Raises:
        SettingsRefused: With every fault of the file.
    """
    from cluster.strict_yaml import read

    return read(path, RetentionProfile)


def _check(node: Node, files: Sequence[Path], file: Path | None, console: Console) -> int:
    found = check(node, [read_measured(each) for each in files])
    table = _table("recognisers", "predicted/s", "measured/s", "held", "did not hold", "off by", "used up first")
    for each in found:
        table.add_row(
            str(each.recognisers),
            f"{each.predicted_fps:.1f}",
            *(_rate(rate) for rate in (each.measured_fps, each.holds_fps, each.fails_fps)),
            "not known" if each.off is None else f"{each.off:+.1%}",
            each.first,
        )
    console.print(table)
    console.print(_word(found), style="bold green" if all(each.is_near for each in found) else "bold red")
    if file:
        rows = [asdict(each) | {"off": each.off, "is_near": each.is_near} for each in found]
        file.write_text(
            json.dumps({"form": "beholden.plan-check.v1", "node": node.name, "checked": rows}, indent=1) + "\n"
        )
    return 0 if all(each.is_near for each in found) else 1


def _word(found: Sequence[Checked]) -> str:
    unknown_ = [str(each.recognisers) for each in found if each.off is None]
    far = [str(each.recognisers) for each in found if each.off is not None and not each.is_near]
    if far:
        return f"off by more than {WITHIN:.0%} with {', '.join(far)} recognisers: measure the node anew ('fit')"
    if unknown_:
        return f"not measured with {', '.join(unknown_)} recognisers: sending was the limit, or nothing failed"
    return f"within {WITHIN:.0%}"


def _lines(lines: Sequence[Line]) -> Table:
    table = _table("", "", "")
    for each in lines:
        table.add_row(each.name, f"[bold]{each.value}", f"[{_QUIET}]{each.why}")
    return table


def _figures(node: Node) -> Table:
    table = _table("figure", "value", "source", "what it rests on")
    for name, each in node.figures:
        table.add_row(name, f"{each.value:g}", str(each.source), f"[{_QUIET}]{each.text}")
    return table


def _table(*heads: str) -> Table:
    table = Table(box=None, header_style=_QUIET, pad_edge=False, padding=(0, 2, 0, 0), show_header=any(heads))
    for each in heads:
        table.add_column(each)
    return table


def _rate(fps: float | None) -> str:
    return "not known" if fps is None else f"{fps:.1f}"
