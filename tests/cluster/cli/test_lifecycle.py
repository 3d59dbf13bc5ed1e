"""What `beholden up` is asked for in vain, before anything is loaded or started."""

import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cluster import cli
from tests.drawn import write_deployment


@pytest.fixture
def file(write_document: Any, tmp_path: Path) -> str:
    """The cluster file of a deployment of drawn people."""
    return str(write_document({"cluster": "drawn", **write_deployment(tmp_path)}, "cluster.yaml"))


def _up(file: str, *options: str) -> str:
    done = CliRunner().invoke(cli.beholden, ["up", "-f", file, *options])
    assert done.exit_code == 2
    return done.output


def test_health_is_for_whoever_stays(file: str) -> None:
    """Nobody would be there to answer."""
    assert "--health needs --stay" in _up(file, "--health", "127.0.0.1:0")


def test_an_address_that_cannot_be_listened_on_is_refused_before_anything_starts(file: str) -> None:
    """With the option and what to write: it has no port, or somebody else has it."""
    assert "--health: listen: must be HOST:PORT, found '8086'" in _up(file, "--stay", "--health", "8086")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = _up(file, "--stay", "--health", f"127.0.0.1:{taken.getsockname()[1]}")
    assert "name an address that is free" in " ".join(said.split())
