"""Does anything grow? `python -m tests.faults.soak --minutes 30` lets people walk by and watches memory and files.

A slope is a straight line through the samples of the second half of the run, when caches are full; its error says how
far chance alone may take it.
"""

import json
import math
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import click
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from tests.faults.suite import Bench, bench, machine_text
from tests.faults.traffic import FPS, FRAMES_A_PASSAGE, Passage, publish

EVERY_S = 5.0
MOST_KIB_A_MINUTE = 32.0
"""45 MiB a day: a process that grows by less is restarted for other reasons first."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment.

    Attributes:
        minute: Since the beginning.
        kib: Memory that no file backs, KiB: pages of a library become its own when the last other user of it ends.
        files: Open file descriptors.
    """

    minute: float
    kib: float
    files: int


@dataclass(frozen=True, slots=True)
class Trend:
    """How one process has changed in the second half of a run.

    Attributes:
        kib_a_minute: Slope of its memory.
        error: Of the slope, 95 %.
        files: First and last number of file descriptors.
    """

    kib_a_minute: float
    error: float
    files: tuple[int, int]

    @property
    def grows(self) -> bool:
        """More than chance explains and more than is tolerable, or more files than before by more than two."""
        return self.kib_a_minute - self.error > MOST_KIB_A_MINUTE or self.files[1] - self.files[0] > 2


def trend(samples: Sequence[Sample]) -> Trend:
    """Of at least six samples, in their order."""
    late = samples[len(samples) // 2 :]
    line, covariance = np.polyfit([each.minute for each in late], [each.kib for each in late], 1, cov=True)
    return Trend(line[0], 1.96 * math.sqrt(covariance[0, 0]), (late[0].files, late[-1].files))


def watch(processes: Mapping[str, int], until_s: float) -> dict[str, list[Sample]]:
    """Samples of processes by name, until that monotonic time; a process that ends has no more."""
    begun, found = time.monotonic(), defaultdict[str, list[Sample]](list)
    while time.monotonic() < until_s:
        for name, pid in processes.items():
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                minute, memory = (time.monotonic() - begun) / 60, process.memory_info()
                found[name].append(Sample(minute, (memory.rss - memory.shared) / 1024, process.num_fds()))
        time.sleep(EVERY_S)
    return found


def _traffic(cluster: Bench, until_s: float) -> None:
    """The same people again and again, as fast as in the fault suite."""
    passages = [Passage(*pair) for pair in cluster.some(100)]
    while time.monotonic() < until_s:
        publish(cluster.kafka, passages, "soak")


def _show(found: Mapping[str, Trend], minutes: float) -> None:
    table = Table("process", "KiB a minute", "open files", title=f"{minutes:g} minutes, the second half of them")
    for name, each in found.items():
        style = "red" if each.grows else None
        table.add_row(
            name, f"{each.kib_a_minute:+.1f} ± {each.error:.1f}", f"{each.files[0]} to {each.files[1]}", style=style
        )
    Console().print(table)


@click.command()
@click.option("--minutes", default=30.0, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--records", type=click.Path(path_type=Path), help="Append what was found as a line of JSON.")
def main(minutes: float, seed: int, records: Path | None) -> None:
    """Exit with 1 when something grows."""
    frames_a_second = FPS * FRAMES_A_PASSAGE / (FRAMES_A_PASSAGE + 1)
    click.echo(f"{frames_a_second:.0f} frames a second with a face, {minutes:g} minutes, seed {seed}")
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder), seed) as cluster:
        until_s = time.monotonic() + 60 * minutes
        traffic = threading.Thread(target=_traffic, args=(cluster, until_s))
        traffic.start()
        found = {name: trend(samples) for name, samples in watch(cluster.processes(), until_s).items()}
        traffic.join()
    _show(found, minutes)
    if records:
        about = {"minutes": minutes, "seed": seed, "machine": machine_text(), "at": f"{datetime.now(UTC):%Y-%m-%d}"}
        with records.open("a") as lines:
            lines.write(json.dumps({**about, "processes": {name: asdict(each) for name, each in found.items()}}) + "\n")
    sys.exit(1 if any(each.grows for each in found.values()) else 0)


if __name__ == "__main__":
    main()
