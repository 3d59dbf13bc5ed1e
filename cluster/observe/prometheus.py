"""Debian's Prometheus, started with a configuration made for one cluster, and ended again."""

import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import yaml

from operators.errors import DeploymentFailed

CONFIG, RULES, DATA, LOG = "prometheus.yaml", "rules.yaml", "data", "prometheus.log"
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0  # it writes what it has in memory
KEEP = "7d"
HOW_TO_GET = (
    "there is no 'prometheus' on this machine: 'apt-get install prometheus'; without root 'apt-get download "
    "prometheus' and 'dpkg -x prometheus_*.deb DIR', then put DIR/usr/bin into PATH"
)
_ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open  # a proxy knows nothing of this machine


@dataclass(frozen=True, slots=True)
class Scraping:
    """What Prometheus fetches, and how often.

    Attributes:
        targets: HOST:PORT of everything, by the name of the job.
        every_s: Seconds between two fetches, and between two looks at the rules.
        rules: A rule file; empty: no rules.
    """

    targets: Mapping[str, Sequence[str]]
    every_s: float
    rules: str = ""


def find_prometheus() -> str | None:
    """Its program; None when it is not on the path."""
    return shutil.which("prometheus")


def configuration(scraping: Scraping) -> str:
    """Prometheus' configuration, YAML."""
    every = f"{round(scraping.every_s * 1000)}ms"
    jobs = [
        {"job_name": job, "static_configs": [{"targets": list(targets)}]} for job, targets in scraping.targets.items()
    ]
    document = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        **({"rule_files": [RULES]} if scraping.rules else {}),
        "scrape_configs": jobs,
    }
    return yaml.safe_dump(document, sort_keys=False)


def write_configuration(scraping: Scraping, folder: Path) -> Path:
    """Write configuration and rules into a folder, which is made; the configuration's file."""
    folder.mkdir(parents=True, exist_ok=True)
    if scraping.rules:
        (folder / RULES).write_text(scraping.rules)
    config = folder / CONFIG
    config.write_text(configuration(scraping))
    return config


@contextmanager
def running_prometheus(scraping: Scraping, folder: Path, listen: str) -> Iterator[str]:
    """Run Prometheus for the length of a block, and end it whatever happens.

    Args:
        scraping: What it fetches.
        folder: Where its configuration, its log and its data are; what it has is kept there for KEEP.
        listen: HOST:PORT.

    Yields:
        Its address.

    Raises:
        DeploymentFailed: It is not on this machine, or does not come up; the message says what to do.
    """
    program = find_prometheus()
    if program is None:
        raise DeploymentFailed(HOW_TO_GET)
    config, address = write_configuration(scraping, folder), f"http://{listen}"
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / DATA}",
        f"--storage.tsdb.retention.time={KEEP}",
        f"--web.listen-address={listen}",
        "--enable-feature=exemplar-storage",
    ]
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_until_ready(process, address, folder / LOG)
        yield address
    finally:
        _end(process)


def _wait_until_ready(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    deadline_s = time.monotonic() + READY_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline_s:
        try:
            with _ask(f"{address}/-/ready", timeout=1.0) as answer:
                if answer.status == HTTPStatus.OK:
                    return
        except OSError:
            pass  # not yet
        time.sleep(0.1)
    last = (log.read_text(errors="replace").splitlines() or ["it says nothing"])[-1]
    raise DeploymentFailed(f"Prometheus does not come up at {address}: {last} (all of it in {log})")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
