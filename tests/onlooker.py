"""Looks at a running cluster, in a process that stays connected to it: `python -m tests.onlooker CLUSTER_FILE`.

`beholden status` takes more than a second of a core each time, to load and to join Ray, and tests ask often.
"""

import json
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.settings import read_cluster
from cluster.wire.text import dump
from operators.errors import DeploymentFailed

ROOT = Path(__file__).resolve().parents[1]
ANSWER_S = 120.0  # whoever does not answer for so long hangs: a busy machine is no reason
END_S = 10.0


class Onlooker:
    """Asks how a cluster is; the process that it asks is started with the first question.

    Args:
        file: Cluster file.
        environment: For that process.
    """

    def __init__(self, file: Path, environment: Mapping[str, str]) -> None:
        self._file = file
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    def members(self) -> list[dict[str, Any]]:
        """What `beholden status --json` says of every member.

        Raises:
            LookupError: The cluster does not run, or has no supervisor that answers.
        """
        said = json.loads(self._ask() or '{"error": "whoever is asked has ended, or did not answer"}')
        if "error" in said:
            self.close()
            raise LookupError(said["error"])
        members: list[dict[str, Any]] = said["members"]
        return members

    def _ask(self) -> str:
        if self._process is None:
            command = [sys.executable, "-m", "tests.onlooker", str(self._file)]
            environment = dict(self._environment)
            self._process = subprocess.Popen(
                command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin
        assert self._process.stdout
        try:
            print(file=self._process.stdin, flush=True)
        except BrokenPipeError:
            return ""
        if not select.select([self._process.stdout], [], [], ANSWER_S)[0]:
            self._process.kill()
        return self._process.stdout.readline()

    def close(self) -> None:
        """Let that process end."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=END_S)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            process.kill()
            process.communicate()


def main(file: Path) -> None:
    """Answer each line with one line of JSON, until nobody asks or nobody answers for the cluster."""
    from cluster.asking import status_of_connected
    from cluster.cli.status_view import document
    from cluster.ray_driver import connected

    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever else is printed is no answer
    settings = read_cluster(file)
    try:
        with connected(settings):
            for _ in sys.stdin:
                answers.write(dump(document(status_of_connected(settings.cluster))) + b"\n")
    except DeploymentFailed as failed:
        answers.write(dump({"error": str(failed)}) + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
