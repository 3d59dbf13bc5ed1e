"""`beholden camera`: put a camera's pictures on the frames topic."""

import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.live import Live
from rich.text import Text

from cluster.camera.live import Newest, Patience, arrivals, connect, live_shots
from cluster.camera.pictures import Shape
from cluster.camera.publish import Tally, paced, repeated, send, utc_now
from cluster.camera.sources import Shot, file_fps, file_shots, is_live, shown
from cluster.cli.options import kafka_place
from cluster.ports import FramePublisher
from cluster.privacy.core_dumps import no_core_dumps
from cluster.wire.frames import parse_camera
from operators.errors import BeholdenError, FrameRefused, SettingsRefused

LINE_EVERY_S = 5.0  # progress when nobody sits at a terminal


@click.group()
def camera() -> None:
    """Cameras: put their pictures on the frames topic."""


def camera_id(context: click.Context, parameter: click.Parameter, text: str) -> str:
    """The camera's id, checked like the recognisers will check it."""
    try:
        return parse_camera(text.encode(errors="surrogateescape"))
    except FrameRefused as error:
        expected = "1 to 200 bytes of UTF-8 text without control characters or blanks at its ends"
        raise click.BadParameter(f"expected {expected}: {error.detail}", context, parameter) from error


@camera.command()
@click.option("--camera", "name", required=True, callback=camera_id, help="Id of the camera, up to 200 bytes of UTF-8.")
@click.option(
    "--source",
    required=True,
    envvar="BEHOLDEN_CAMERA_SOURCE",
    show_envvar=True,
    help="Folder of images, image, video, or live address (rtsp://, http://, ...). "
    "Give an address with a password through the variable: a command line can be read by others.",
)
@click.option(
    "--fps",
    type=click.FloatRange(0, 1000),
    help="Frames a second; 0 is as fast as the broker takes them. Files: every frame is sent, at this rate "
    "(default: a video's own, 1 for images). Live: the newest picture is sent, the others are dropped (default: all).",
)
@click.option("--loop", is_flag=True, help="Start a file or folder again at its end, until --limit or Ctrl-C.")
@click.option("--quality", type=click.IntRange(1, 100), help="Encode every frame anew with this JPEG quality.")
@click.option("--width", type=click.IntRange(16, 16384), help="Shrink wider frames to this many pixels.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many frames.")
@click.option("--retries", type=click.IntRange(0), help="Give up a live camera after so many failures in a row.")
@kafka_place
def publish(
    name: str,
    source: str,
    fps: float | None,
    loop: bool,
    quality: int | None,
    width: int | None,
    limit: int | None,
    retries: int | None,
    bootstrap: str | None,
    file: Path | None,
) -> None:
    """Send the pictures of one camera until the source ends, --limit is reached, or Ctrl-C."""
    no_core_dumps()
    tally, console = Tally(), Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    shape, stop = Shape(width, quality), threading.Event()
    try:
        if is_live(source):
            _refuse(loop, "--loop is for files and folders; a live camera is read until it is stopped")
            shots = _live(source, shape, retries, stop, console)
        else:
            _refuse(retries is not None, "--retries is for live cameras; a file is read once, or for ever with --loop")
            fps = file_fps(Path(source)) if fps is None else fps
            shots = repeated(partial(file_shots, Path(source), shape, _skip(tally, console)), loop)
        if file:
            _warn_unknown(file, name, console)
        publisher = _publisher(file, bootstrap, name)
        shots = islice(paced(shots, fps or 0.0, time.monotonic, time.sleep), limit)
        with _progress(console, tally, f"{name} <- {shown(source)}"), _terminated_like_interrupted():
            code = send(shots, publisher, name, tally)
    except BeholdenError as error:
        raise click.ClickException(_printable(str(error))) from error
    finally:
        stop.set()
    click.echo(f"{name}: {tally.summary()}")
    sys.exit(code)  # not click's exit, which turns into a return value when `main` calls the command


def _warn_unknown(file: Path, name: str, console: Console) -> None:
    """Say that frames of a camera will be refused; not where the policy lies elsewhere than this camera's computer."""
    from cluster.policies.in_force import read_policy
    from cluster.settings import read_cluster

    with suppress(SettingsRefused):
        policy = read_policy(read_cluster(file).policy).policy
        if name not in policy.cameras:
            known = ", ".join(policy.cameras[:10]) + (", ..." if len(policy.cameras) > 10 else "")
            _say(
                console, f"{name} is no camera of policy {policy.policy}: its frames are refused there; it has {known}"
            )


def _publisher(file: Path | None, bootstrap: str | None, name: str) -> FramePublisher:
    from cluster.frame_publisher import KafkaFramePublisher
    from cluster.settings import kafka_from_cli, read_cluster
    from cluster.telemetry.camera_tracing import open_camera_tracing

    tracing = open_camera_tracing(read_cluster(file), name) if file else None
    return KafkaFramePublisher(kafka_from_cli(file, bootstrap), tracing)


def _live(address: str, shape: Shape, retries: int | None, stop: threading.Event, console: Console) -> Iterator[Shot]:
    patience = Patience(random.Random(), stop.wait, partial(_say, console), retries)  # noqa: S311 (spreads waits)
    source = arrivals(partial(connect, address), utc_now, patience)
    return live_shots(source, Newest(), shape, stop)


def _skip(tally: Tally, console: Console) -> Callable[[str, str], None]:
    """Counts a file that cannot be read, and says so the first time."""

    def skip(name: str, reason: str) -> None:
        if tally.skip(name, reason):
            _say(console, f"skipped {name}: {reason}")

    return skip


def _refuse(refused: bool, message: str) -> None:
    if refused:
        raise click.UsageError(message)


def _printable(text: str) -> str:
    """`text` without what would steer a terminal: names of files are not chosen here."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _say(console: Console, text: str) -> None:
    console.print(_printable(text))


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM ends a camera like Ctrl-C: what was sent is still waited for."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(number)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress(console: Console, tally: Tally, title: str) -> Iterator[None]:
    """Show how far the camera is: in place at a terminal, else a line every LINE_EVERY_S."""

    def line() -> str:
        return f"{title}: {tally.progress()}"

    if console.is_terminal:
        live = Live(
            console=console,
            get_renderable=lambda: Text(line(), overflow="ellipsis", no_wrap=True),
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with live:
            yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_lines, args=(console, line, ended), name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _lines(console: Console, line: Callable[[], str], ended: threading.Event) -> None:
    while not ended.wait(LINE_EVERY_S):
        _say(console, line())
