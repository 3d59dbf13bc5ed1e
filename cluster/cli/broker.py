"""`beholden broker`: a Kafka on this machine, without Docker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.status import Status
from rich.table import Table

from cluster.broker.control import DEFAULT_HEAP_MB, BrokerSpec, start_broker, stop_broker
from cluster.broker.state import default_data
from cluster.broker.status import NodeStatus, broker_status
from operators.errors import BeholdenError

EXIT_NOT_RUNNING = 3

_port = click.option(
    "--port",
    type=click.IntRange(1024, 65_000),
    default=9092,
    show_default=True,
    help="Client port of the first node; the others follow.",
)
_data = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that holds the broker. [default: ~/.local/state/beholden/broker/PORT]",
)


@click.group()
def broker() -> None:
    """Run Kafka on this machine: needs Java 17, no Docker.

    It listens on 127.0.0.1 only, without passwords and encryption: for trying out, tests and the demo. Other machines
    cannot reach it.
    """


@broker.command()
@_port
@click.option("--nodes", type=click.Choice([1, 3]), default=1, show_default=True, help="3 copies every topic.")
@_data
@click.option(
    "--heap-mb",
    type=click.IntRange(256),
    default=DEFAULT_HEAP_MB,
    show_default=True,
    help="Largest Java heap of each node, MB.",
)
def start(port: int, nodes: int, data: Path | None, heap_mb: int) -> None:
    """Start the broker, loopback only, and wait until it answers.

    The first start fetches Kafka with Maven (44 MB). The broker goes on when this command has ended.
    """
    console = _console()
    spec = BrokerSpec(port, nodes, data or default_data(port), heap_mb)
    with _plain_errors(), _steps(console) as progress:
        running = start_broker(spec, progress)
    console.print(f"Bootstrap {running.bootstrap} (this machine only), data in {running.data}")
    console.print(f"Stop it with: beholden broker stop {_where(port, data)}")


@broker.command()
@_port
@_data
@click.option("--wipe", is_flag=True, help="Delete everything it holds as well.")
def stop(port: int, data: Path | None, wipe: bool) -> None:
    """Stop the broker; its topics stay, unless --wipe is given."""
    console, folder = _console(), data or default_data(port)
    with _plain_errors(), console.status("stopping", spinner="line"):
        existed, stopped = folder.exists(), stop_broker(folder, wipe)
    console.print(f"Stopped {_nodes(stopped)}." if stopped else f"No broker was running in {folder}.")
    if wipe and existed:
        console.print(f"Deleted {folder}.")


@broker.command()
@_port
@_data
@click.pass_context
def status(context: click.Context, port: int, data: Path | None) -> None:
    """Show each node. Exit code 0 when all of them answer, 3 when not."""
    console = _console()
    with _plain_errors():
        found = broker_status(data or default_data(port))
    if not found.nodes:
        console.print(f"No broker in {found.data}. Start one with: beholden broker start {_where(port, data)}")
    else:
        console.print(_table(found.nodes))
        console.print(f"Bootstrap {found.bootstrap} (this machine only), data in {found.data}")
    context.exit(0 if found.healthy else EXIT_NOT_RUNNING)


def _table(nodes: tuple[NodeStatus, ...]) -> Table:
    table = Table("node", "state", "port", "pid", "memory", "data", box=None, pad_edge=False)
    for node in nodes:
        state = "up" if node.answers else "down" if node.pid is None else "not answering"
        pid, memory = ("-", "-") if node.pid is None else (str(node.pid), _size(node.memory_bytes))
        table.add_row(str(node.id), state, str(node.port), pid, memory, _size(node.data_bytes))
    return table


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes >= 10e6 else f"{size_bytes / 1e3:.0f} kB"


def _nodes(count: int) -> str:
    return f"{count} node{'' if count == 1 else 's'}"


def _where(port: int, data: Path | None) -> str:
    return f"--port {port}" if data is None else f"--port {port} --data {data}"


def _console() -> Console:
    return Console(highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _plain_errors() -> Iterator[None]:
    try:
        yield
    except BeholdenError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error}: choose a folder that can be written, with --data") from error


@contextmanager
def _steps(console: Console) -> Iterator[Callable[[str], None]]:
    """Give a printer of progress: the line in hand moves, the last line of each step stays."""
    with console.status("checking Java", spinner="line") as spinner:
        steps = _Steps(console, spinner)
        yield steps.show
        steps.end()


class _Steps:
    """The step in hand is what stands before the colon. Without a terminal its first line is shown as well."""

    def __init__(self, console: Console, spinner: Status) -> None:
        self._console = console
        self._spinner = spinner
        self._line = self._printed = ""

    def show(self, line: str) -> None:
        if line.partition(":")[0] != self._line.partition(":")[0]:
            self.end()
            if not self._console.is_terminal:
                self._print(line)
        self._line = line
        self._spinner.update(line)

    def end(self) -> None:
        if self._line != self._printed:
            self._print(self._line)

    def _print(self, line: str) -> None:
        self._console.print(f"  {line}")
        self._printed = line
