"""A broker and a cluster of their own for the time of one run, driven by the commands an operator uses."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster.broker.control import running_broker
from loadtests.signing import sign_off

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


@dataclass(frozen=True, slots=True)
class Temporary:
    """Where everything of one run lives.

    Attributes:
        folder: Gone when the run is over.
        bootstrap: HOST:PORT of the run's own broker.
        file: Cluster file.
        environment: For commands of this run.
    """

    folder: Path
    bootstrap: str
    file: Path
    environment: Mapping[str, str]

    def beholden(self, *arguments: str) -> str:
        """Run one command and give what it printed; its progress goes to this process's standard error.

        Raises:
            subprocess.CalledProcessError: It failed; it has said why.
        """
        # In a session of its own, so that Ctrl-C reaches this process alone, which then stops things in order.
        command = [sys.executable, "-m", "cluster", *arguments]
        environment = dict(self.environment)
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, check=True, text=True, start_new_session=True
        )
        return done.stdout

    def status(self) -> list[dict[str, Any]]:
        """What `beholden status --json` says of every member."""
        members: list[dict[str, Any]] = json.loads(self.beholden("status", "-f", str(self.file), "--json"))["members"]
        return members


@contextmanager
def temporary(cluster: Mapping[str, Any]) -> Iterator[Temporary]:
    """Start a broker, write a cluster file that names it, and take both down at the end, however it ends.

    Args:
        cluster: The cluster file's content; its name, Kafka's address and a folder for keys are filled in. A policy
            for real people is signed and put in force.
    """
    with ExitStack() as closing:
        # A termination takes everything down, as Ctrl-C does: a broker left behind would hold its frames.
        if threading.current_thread() is threading.main_thread():
            closing.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)))
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="beholden-")))
        bootstrap = closing.enter_context(running_broker(folder / "broker"))
        kafka = {**cluster.get("kafka", {}), "bootstrap": bootstrap}
        file = folder / "cluster.yaml"
        own = {"cluster": f"run-{os.getpid()}", "kafka": kafka, "keys": str(folder / "keys")}
        file.write_text(yaml.safe_dump({**cluster, **own}, allow_unicode=True))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("BEHOLDEN_KAFKA")}
        run = Temporary(folder, bootstrap, file, {**environment, "XDG_STATE_HOME": str(folder)})
        closing.callback(run.beholden, "down", "-f", str(file))
        sign_off(run.beholden, Path(cluster["policy"]), file)
        yield run
