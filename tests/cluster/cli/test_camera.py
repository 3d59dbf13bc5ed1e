"""`beholden camera publish`, with the broker replaced by a list."""

import json
import os
import signal
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cluster.cli import beholden
from cluster.cli import camera as cli
from operators.decode import encode
from operators.errors import BrokerUnavailable
from tests.drawn import write_deployment


class Publisher:
    """Remembers frames; `after` is called with their number."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, bytes, str, int]] = []
        self.closed = 0
        self.fault: Exception | None = None
        self.signal_after: int | None = None

    def publish(self, camera: str, jpeg: bytes, captured_at: datetime, stream: str, seq: int) -> None:
        """Remember the frame."""
        if self.fault:
            raise self.fault
        self.frames.append((camera, jpeg, stream, seq))
        if len(self.frames) == self.signal_after:
            os.kill(os.getpid(), signal.SIGTERM)

    def close(self) -> None:
        """Count."""
        self.closed += 1


@pytest.fixture(autouse=True)
def dumps(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process keeps its right to a core dump: other tests need it."""
    monkeypatch.setattr(cli, "no_core_dumps", lambda: None)


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Publisher:
    """The broker."""
    found = Publisher()
    monkeypatch.setattr(cli, "_publisher", lambda file, bootstrap, name: found)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images and one file that is none."""
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(encode(np.full((20, 30, 3), 80 * number, np.uint8), 80))
    (tmp_path / "0b\x1b.jpg").write_bytes(b"rubbish")
    return tmp_path


def publish(*arguments: str | int | Path) -> Result:
    """Run the command."""
    return CliRunner().invoke(cli.camera, ["publish", *map(str, arguments)])


def test_folder_is_sent(publisher: Publisher, folder: Path) -> None:
    """A folder is sent once, the bad file named without its control character, and the end says what was done."""
    result = publish("--camera", "Königsplatz-1", "--source", folder, "--fps", 0)
    assert result.exit_code == 0, result.output
    assert [(frame[0], frame[3]) for frame in publisher.frames] == [("Königsplatz-1", n) for n in range(3)]
    assert result.stdout.startswith("Königsplatz-1: sent 3 frames in ")
    assert "1 unreadable files skipped" in result.stdout
    assert result.stderr.startswith("skipped 0b\ufffd.jpg: ")
    assert publisher.closed == 1


def test_loop_and_limit(publisher: Publisher, folder: Path) -> None:
    """Looping ends at the limit; a bad file is named once."""
    result = publish("--camera", "gate", "--source", folder, "--fps", 0, "--loop", "--limit", 7)
    assert (result.exit_code, len(publisher.frames)) == (0, 7)
    assert result.stderr.count("skipped") == 1
    assert len({frame[2] for frame in publisher.frames}) == 1


def test_sigterm_flushes_and_says_so_in_the_exit_code(publisher: Publisher, folder: Path) -> None:
    """A container that is stopped ends like one at Ctrl-C, and the handler before is back in place."""
    publisher.signal_after = 2
    before = signal.getsignal(signal.SIGTERM)
    arguments = ["camera", "publish", "--camera", "gate", "--source", str(folder), "--fps", "0", "--loop"]
    result = CliRunner().invoke(beholden, arguments, standalone_mode=False)
    assert (result.exit_code, len(publisher.frames), publisher.closed) == (143, 2, 1)
    assert "sent " in result.stdout
    assert signal.getsignal(signal.SIGTERM) is before


def test_broker_out_of_reach_is_one_line(publisher: Publisher, folder: Path) -> None:
    """No traceback: one line, exit code 1."""
    publisher.fault = BrokerUnavailable("nobody answers at 127.0.0.1:9092; start it with 'beholden broker start'")
    (folder / "0b\x1b.jpg").unlink()
    result = publish("--camera", "gate", "--source", folder, "--fps", 0)
    assert result.exit_code == 1
    assert result.output == f"Error: {publisher.fault}\n"


@pytest.mark.parametrize("name", ["", "a\x00b", "a\nb", " gate", "ü" * 101])
def test_camera_ids_that_recognisers_refuse_are_refused(publisher: Publisher, folder: Path, name: str) -> None:
    """Before anything is read or sent."""
    result = publish("--camera", name, "--source", folder)
    assert (result.exit_code, publisher.frames) == (2, [])
    assert "expected 1 to 200 bytes" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--source", "/nowhere/at/all"), 1, "there is no /nowhere/at/all"),
        (("--source", "gopher://camera"), 1, "gopher:// is not a camera address"),
        (("--source", "rtsp://camera/1", "--loop"), 2, "--loop is for files"),
        (("--source", ".", "--retries", "3"), 2, "--retries is for live cameras"),
        (("--source", ".", "--quality", "101"), 2, "101"),
        ((), 2, "--source"),
    ],
)
def test_mistakes_are_told(publisher: Publisher, arguments: tuple[str, ...], code: int, message: str) -> None:
    """Each with what to do; the broker is not needed to find them."""
    result = publish("--camera", "gate", *arguments)
    assert result.exit_code == code
    assert message in result.stderr


def test_camera_out_of_reach_ends_after_retries(publisher: Publisher) -> None:
    """Nothing listens at port 1: the loss is told without the password, then the command gives up."""
    result = publish("--camera", "gate", "--source", "rtsp://user:secret@127.0.0.1:1/x", "--retries", 0)
    assert result.exit_code == 1
    assert "gave up on the camera after 0 retries: Connection refused" in result.stderr
    assert "secret" not in result.output
    assert publisher.closed == 1


def test_a_camera_that_the_policy_does_not_name_is_told_of(publisher: Publisher, folder: Path, tmp_path: Path) -> None:
    """Its frames would be refused by recognisers, and the command would have looked like a success."""
    file = tmp_path / "cluster.yaml"
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path)}))
    told = "gate-9 is no camera of policy 1: its frames are refused there; it has entrance, exit"
    assert told in publish("--camera", "gate-9", "--source", folder, "--limit", 1, "-f", file).stderr
    assert "no camera of policy" not in publish("--camera", "exit", "--source", folder, "--limit", 1, "-f", file).stderr
