"""Kinds of nodes: what one has, and how long it takes for what, each figure with where it comes from.

One YAML file each, in loadtests/planning/nodes/. Times are of pictures of 1280x720 at about 100 KB.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from cluster.strict_yaml import read
from operators.errors import SettingsRefused

FOLDER = Path(__file__).resolve().parent / "nodes"


class Source(StrEnum):
    """Where a figure comes from."""

    MEASURED = "measured"  # on such a node, by a command that can be repeated
    PUBLISHED = "published"  # by others
    COMPUTED = "computed"  # from others that were measured or published
    ASSUMED = "assumed"  # nobody has looked


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and what it rests on.

    Attributes:
        value: The number, in the unit its name says.
        source: What kind of source it has.
        how: The command that measured it, the place it was published in, or what it was computed from.
        machine: Of a measured one: on what.
        on: Of a measured one: when, 2026-11-26.
    """

    value: float
    source: Source
    how: str
    machine: str | None = None
    on: str | None = None

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError(f"value: must not be below 0, found {self.value:g}")
        if not self.how:
            raise ValueError("how: must say what the figure rests on")
        if self.source is Source.MEASURED and not (self.machine and self.on):
            raise ValueError("machine: a measured figure needs machine and on; or it is computed")

    @property
    def text(self) -> str:
        """What it rests on."""
        where = f", {self.machine}, {self.on}" if self.source is Source.MEASURED else ""
        return f"{self.how}{where}"


@dataclass(frozen=True, slots=True)
class Node:
    """One kind of node.

    Attributes:
        about: What it is, and which models the times are of.
        cores: Of its processor.
        memory_gib: Main memory.
        network_gbps: Of its link, one way.
        gpus: Cards.
        gpu_memory_gib: Of one card.
        lanes: Recognisers on one node at the most; each has a thread that works.
        batch_frames: Most frames of one batch.
        batch_ms: What each batch takes, however few frames it has.
        decode_ms: Of a frame, on one core.
        detect_ms: Of a frame, on one core; 0 with GPUs.
        gate_ms: Of a frame: gates and alignment.
        embed_ms: Of a face, on one core; 0 with GPUs.
        other_ms: Of a frame, what a recogniser does between stages.
        recogniser_cpu_ms: Of a frame, processor time of recognisers and index shards, all threads.
        gpu_detect_ms: Of a frame in a full batch, on one card.
        gpu_embed_ms: Of a face in a full batch, on one card.
        search_ms: Of a batch's search in a short list.
        sweep_ms: Of a batch's search, more for each million entries: all of them are read once.
        query_ms: Of a face's search, more for each million entries: it is multiplied with all of them.
        ray_cores: Taken by Ray all the time.
        broker_cpu_ms: Processor time of a broker for a frame that it takes in, keeps once and hands out once.
        sender_cpu_ms: Processor time of whoever sends a frame; counts only where it is sent from the same node.
        deliver_ms: From the decision until an alert is read.
        spread: Of the time of a batch: standard deviation over mean.
        lane_memory_mib: Of a recogniser, without a list.
        lane_gpu_mib: Of a recogniser on its card, without a list.
        broker_cores: Of one broker's machine.
        broker_gbps: Of its link, one way.
        broker_disk_mb_s: What its disk writes.
        name: Of its file, and not written in it.
    """

    about: str
    cores: Figure
    memory_gib: Figure
    network_gbps: Figure
    gpus: Figure
    gpu_memory_gib: Figure
    lanes: Figure
    batch_frames: Figure
    batch_ms: Figure
    decode_ms: Figure
    detect_ms: Figure
    gate_ms: Figure
    embed_ms: Figure
    other_ms: Figure
    recogniser_cpu_ms: Figure
    gpu_detect_ms: Figure
    gpu_embed_ms: Figure
    search_ms: Figure
    sweep_ms: Figure
    query_ms: Figure
    ray_cores: Figure
    broker_cpu_ms: Figure
    sender_cpu_ms: Figure
    deliver_ms: Figure
    spread: Figure
    lane_memory_mib: Figure
    lane_gpu_mib: Figure
    broker_cores: Figure
    broker_gbps: Figure
    broker_disk_mb_s: Figure
    name: str = ""

    def __post_init__(self) -> None:
        above = ("cores", "memory_gib", "network_gbps", "lanes", "batch_frames", "decode_ms", "recogniser_cpu_ms")
        for name in (*above, "broker_cores", "broker_gbps", "broker_disk_mb_s"):
            if getattr(self, name).value <= 0:
                raise ValueError(f"{name}: must be above 0")
        on_gpu = self.gpu_detect_ms.value > 0
        if on_gpu is not (self.gpus.value > 0) or on_gpu is (self.detect_ms.value > 0):
            raise ValueError(
                "gpus: a node with them has gpu_detect_ms and no detect_ms, one without the other way round"
            )

    @property
    def figures(self) -> Iterator[tuple[str, Figure]]:
        """All of them by name."""
        return ((each.name, found) for each in fields(self) if isinstance(found := getattr(self, each.name), Figure))

    def with_figures(self, figures: Mapping[str, Figure]) -> "Node":
        """The same with other figures, by name."""
        values: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        return Node(**values | dict(figures))


def find_node(name: str) -> Node:
    """A kind of node that comes along, by its name, or any by its file.

    Raises:
        SettingsRefused: There is none, or its file has faults, each named.
    """
    ready = FOLDER / f"{name}.yaml"
    path = ready if ready.is_file() else Path(name)
    if not path.is_file():
        raise SettingsRefused(f"--node {name}: no such kind of node: name a file or one of {', '.join(node_names())}")
    found = read(path, Node)
    if found.name:
        raise SettingsRefused(f"{path}: name: is that of the file; remove it")
    return replace(found, name=path.stem)


def node_names() -> Sequence[str]:
    """Kinds that come along."""
    return sorted(each.stem for each in FOLDER.glob("*.yaml"))
