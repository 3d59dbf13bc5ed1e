"""What an operator gets when something is not as it must be: one line that says what to do, and exit status 1."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.drawn import write_deployment

pytestmark = pytest.mark.integration


def beholden(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command with its own state folder."""
    environment = {**os.environ, "XDG_STATE_HOME": str(folder), "BEHOLDEN_KAFKA_BOOTSTRAP": ""}
    command = [sys.executable, "-m", "cluster", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A cluster file whose Kafka is not there."""
    cluster = {**write_deployment(tmp_path), "cluster": "refused", "kafka": {"bootstrap": "127.0.0.1:9"}}
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump(cluster, allow_unicode=True))
    return path


def test_a_broker_that_is_not_there(file: Path, tmp_path: Path) -> None:
    """`up` says so and starts no Ray."""
    done = beholden(tmp_path, "up", "-f", str(file))
    assert done.returncode == 1
    assert "Kafka at 127.0.0.1:9 does not answer" in done.stderr
    assert "beholden broker start" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "beholden" / "clusters").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git-lfs"),
        (b"\x08\x09 some other model", "bytes"),
    ],
)
def test_a_model_that_is_not_the_one_pinned(file: Path, tmp_path: Path, content: bytes, expected: str) -> None:
    """A pointer or other bytes are refused before anything is loaded."""
    (tmp_path / "drawn-detector.onnx").write_bytes(content)
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"not looked at")
    about = ("--source", "s", "--captured-on", "2026-01-05", "--category", "missing", "--necessity", "n")
    arguments = ("--entry", "x", "--list", "sought", "--not-after", "1d", "--approver", "a", *about)
    done = beholden(tmp_path, "watchlist", "enrol", "-f", str(file), "--image", str(picture), *arguments)
    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_models_that_know_no_real_face_for_a_policy_about_real_people(file: Path, tmp_path: Path) -> None:
    """`up` says why before it asks for Kafka, and starts no Ray."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(policy.read_text().replace("people: synthetic", "people: real"))
    done = beholden(tmp_path, "up", "-f", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {policy}: detector.model: drawn-detector was trained on people who do not")
    assert "Kafka" not in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "beholden" / "clusters").exists()


def test_status_of_a_cluster_that_does_not_run(file: Path, tmp_path: Path) -> None:
    """It says how to start it."""
    done = beholden(tmp_path, "status", "-f", str(file))
    assert done.returncode == 1
    assert "'beholden up' starts it" in done.stderr


def test_down_of_a_cluster_that_does_not_run(file: Path, tmp_path: Path) -> None:
    """There is nothing to do, and that is no error."""
    done = beholden(tmp_path, "down", "-f", str(file))
    assert done.returncode == 0
    assert "was not running" in done.stderr
