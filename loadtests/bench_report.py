"""What `bench pipeline` found: ratios paired by round, tables, and what follows from them."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from cluster.telemetry.gpu import gpu_name
from loadtests.quiet import Gate, Load

ONE, MANY, PROCESSES = "bare, one thread", "bare, threads", "bare, processes"
MEMORY, CLUSTER = "pipeline in memory", "cluster"
PROCESSES_AGAIN, KAFKA = "bare, processes (later)", "without Ray"
REFERENCE = {ONE: PROCESSES, MANY: PROCESSES, PROCESSES: PROCESSES, MEMORY: PROCESSES, CLUSTER: PROCESSES}
REFERENCE |= {PROCESSES_AGAIN: PROCESSES_AGAIN, KAFKA: PROCESSES_AGAIN}
PACKAGES = (
    "beholden",
    "onnxruntime",
    "onnxruntime-gpu",
    "faiss-cpu",
    "faiss-gpu",
    "opencv-python-headless",
    "simplejpeg",
    "numpy",
    "ray",
    "kafka-python",
)
MISSED, NOISY = 1, 2


@dataclass(frozen=True, slots=True)
class Sample:
    """One quiet measurement.

    Attributes:
        fps: Frames a second.
        cpu_ms: Processor time of one frame, milliseconds, by who used it.
        load: Who used the cores meanwhile.
    """

    fps: float
    cpu_ms: Mapping[str, float]
    load: Load


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything a run found.

    Attributes:
        about: Machine, versions and settings.
        samples: By what was measured: one entry a round, None where no quiet sample could be had.
        gate: Through which they were taken.
        idle: Who used the cores while the cluster had nothing to do.
    """

    about: Mapping[str, Any]
    samples: Mapping[str, Sequence[Sample | None]]
    gate: Gate
    idle: Load

    def ratios(self, over: str, under: Sequence[str]) -> list[float]:
        """Frames a second of one, over the best of others in the same round; rounds without all of them left out."""
        rows = zip(self.samples[over], *(self.samples[name] for name in under), strict=True)
        return [row[0].fps / max(each.fps for each in row[1:] if each) for row in rows if row[0] and all(row)]

    @property
    def path(self) -> list[float]:
        """The figure: the cluster over the better of the two bare loops in one process, round by round."""
        return self.ratios(CLUSTER, (ONE, MANY))

    @property
    def strict(self) -> list[float]:
        """The cluster over the best bare loop, several processes included."""
        return self.ratios(CLUSTER, (ONE, MANY, PROCESSES))

    def as_json(self) -> dict[str, Any]:
        """All samples, for machines."""
        found = {name: [each and asdict(each) for each in rounds] for name, rounds in self.samples.items()}
        return {**found, "idle": asdict(self.idle)}


def verdict(figures: Figures, least: float | None) -> tuple[int, str]:
    """Exit status and why: too few quiet rounds, or a median ratio below `least`.

    Args:
        figures: What was found.
        least: Smallest median ratio; None accepts any.
    """
    rounds, usable = len(figures.samples[CLUSTER]), len(figures.path)
    if 2 * usable < rounds or not usable:
        return NOISY, f"only {usable} of {rounds} rounds were quiet: run it again when nothing else runs"
    found = median(figures.path)
    if least is not None and found < least:
        return MISSED, f"median ratio {found:.3f} is below {least}"
    return 0, f"median ratio {found:.3f} over {usable} rounds"


def machine() -> dict[str, object]:
    """What it was measured on and with."""
    return {**hardware(), **versions()}


def hardware() -> dict[str, object]:
    """What it was measured on."""
    memory_gib = round(psutil.virtual_memory().total / 2**30)
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory": f"{memory_gib} GiB",
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        **({"gpu": name} if (name := gpu_name()) else {}),
    }


def versions(packages: Sequence[str] = ()) -> dict[str, str]:
    """What it was measured with; of packages that are not installed nothing is said.

    Args:
        packages: Beside those of every run.
    """
    named = {package: found for package in (*PACKAGES, *packages) if (found := _version(package))}
    return {"python": platform.python_version(), **named}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def tell_rejected(console: Console, why: str) -> None:
    """Say why a sample is taken again."""
    console.print(f"sample rejected: {why}", style="yellow", highlight=False)


def show(figures: Figures, console: Console) -> None:
    """Print it."""
    console.print(speeds(figures))
    console.print(layers(figures))
    idle = figures.idle
    console.print(
        f"cluster without frames: {idle.own_cores:.3f} core (stopped while a bare loop is measured)\n"
        f"samples: {figures.gate.taken} taken, {figures.gate.rejected} rejected"
    )
    for name, value in {**machine(), **figures.about}.items():
        console.print(f"{name}: {value}", highlight=False, style="bright_black")


def speeds(figures: Figures) -> Table:
    """Frames a second and the ratio of the cluster to each bare loop."""
    table = Table("", "frames/s", "min..max", "cluster/this", "min..max", "foreign core")
    for name in (ONE, MANY, PROCESSES, CLUSTER):
        found = [each for each in figures.samples[name] if each]
        foreign = max((each.load.foreign_cores for each in found), default=float("nan"))
        ratios = figures.ratios(CLUSTER, (name,)) if name != CLUSTER else []
        table.add_row(name, *_spread([each.fps for each in found], 1), *_spread(ratios, 3), f"up to {foreign:.2f}")
    table.add_section()
    table.add_row("R-path", "", "", *_spread(figures.path, 3), style="bold")
    table.add_row("strict", "", "", *_spread(figures.strict, 3))
    table.caption = (
        "R-path: over the better bare loop of one process; strict: over the best, several processes included"
    )
    return table


def layers(figures: Figures) -> Table:
    """What each layer adds, in processor time of one frame: a quantity that other load moves less than the rate."""
    table = Table("layer", "of bare, processes", "CPU ms/frame", "bare beside it", "made up of")
    for name, reference in REFERENCE.items():
        if name in figures.samples:
            found = [each for each in figures.samples[name] if each]
            cpu = [sum(each.cpu_ms.values()) for each in found]
            base = [sum(each.cpu_ms.values()) for each in figures.samples[reference] if each]
            share = _spread(figures.ratios(name, (reference,)), 3)[0]
            table.add_row(name, share, _spread(cpu, 2)[0], _spread(base, 2)[0], _parts(found))
    return table


def _parts(found: Sequence[Sample]) -> str:
    names = found[0].cpu_ms if found else ()
    return ", ".join(f"{name} {median(each.cpu_ms[name] for each in found):.2f}" for name in names)


def _spread(values: Sequence[float], digits: int) -> tuple[str, str]:
    if not values:
        return "", ""
    return f"{median(values):.{digits}f}", f"{min(values):.{digits}f}..{max(values):.{digits}f}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    named = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.processor() or platform.machine()
