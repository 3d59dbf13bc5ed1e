"""What is asked for, and what it takes: work of one frame on each part of a node."""

import math
from dataclasses import dataclass

from loadtests.planning.node import Node

MS = 1e-3
MILLION = 1e6


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be watched.

    Attributes:
        cameras: How many.
        fps: Frames a second of each.
        list_size: Entries on the watchlist.
        faces: In a frame, on the mean.
        jpeg_kb: Of a frame, 1,000 bytes.
        dimension: Numbers of a vector.
        with_sender: Whether frames are sent from the nodes themselves, and the broker is on one of them.
    """

    cameras: int
    fps: float
    list_size: float
    faces: float = 1.0
    jpeg_kb: float = 100.0
    dimension: int = 512
    with_sender: bool = False

    def __post_init__(self) -> None:
        if self.cameras < 1 or self.fps <= 0 or self.list_size < 1 or self.faces < 0:
            raise ValueError("cameras: must be at least 1, fps above 0, list at least 1 and faces not below 0")
        if self.jpeg_kb <= 0 or self.dimension < 1:
            raise ValueError("jpeg_kb: must be above 0, and dimension at least 1")

    @property
    def frames_s(self) -> float:
        """Frames a second of all cameras."""
        return self.cameras * self.fps


def batch_s(node: Node, ask: Ask, frames: float, stretch: float = 1.0) -> float:
    """How long one recogniser takes for a batch, seconds by the clock.

    Args:
        node: Where.
        ask: What is in a frame.
        frames: Of the batch.
        stretch: By how much work takes longer because cores are shared.
    """
    millions, faces = ask.list_size / MILLION, frames * ask.faces
    search = node.search_ms.value + millions * (node.sweep_ms.value + faces * node.query_ms.value)
    fixed = node.batch_ms.value + (search if ask.faces else 0.0)
    of_frame = node.decode_ms.value + node.detect_ms.value + node.gate_ms.value + node.other_ms.value
    of_frame += node.gpu_detect_ms.value
    of_face = node.embed_ms.value + node.gpu_embed_ms.value
    return stretch * MS * (fixed + frames * of_frame + faces * of_face)


def lane_fps(node: Node, ask: Ask) -> float:
    """Frames a second of one recogniser that always has a full batch and a core."""
    most = node.batch_frames.value
    return most / batch_s(node, ask, most)


def cpu_s(node: Node, ask: Ask) -> float:
    """Processor time of one frame on a node, seconds, in full batches."""
    searching = (
        ask.list_size / MILLION * (node.sweep_ms.value / node.batch_frames.value + ask.faces * node.query_ms.value)
    )
    own = node.recogniser_cpu_ms.value + (0.0 if node.gpus.value else searching)
    beside = node.broker_cpu_ms.value + node.sender_cpu_ms.value if ask.with_sender else 0.0
    return MS * (own + beside)


def gpu_s(node: Node, ask: Ask) -> float:
    """A card's time for one frame, seconds, in full batches; 0 without cards."""
    if not node.gpus.value:
        return 0.0
    millions = ask.list_size / MILLION
    search = (node.search_ms.value + millions * node.sweep_ms.value) / node.batch_frames.value
    search += ask.faces * millions * node.query_ms.value
    return MS * (node.gpu_detect_ms.value + ask.faces * node.gpu_embed_ms.value + search)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What one node can do at the most, frames a second, by part; the least of them counts.

    Attributes:
        recognisers: All of them busy all the time.
        processor: All cores busy.
        gpus: All cards busy; infinite without.
        network: Its link full of frames.
    """

    recognisers: float
    processor: float
    gpus: float
    network: float

    @property
    def fps(self) -> float:
        """The least."""
        return min(self.recognisers, self.processor, self.gpus, self.network)

    @property
    def first(self) -> str:
        """Which part that is."""
        parts = {name: getattr(self, name) for name in ("recognisers", "processor", "gpus", "network")}
        return min(parts, key=lambda name: parts[name])


def ceiling(node: Node, ask: Ask, lanes: int | None = None, partitions: int | None = None) -> Ceiling:
    """What one node can do at the most.

    Args:
        node: Its kind.
        ask: What is in a frame.
        lanes: Recognisers on it; as many as it may have when None.
        partitions: Of the frames topic where these are all the recognisers there are: whoever has most of them is full
            first. None: all have the same.
    """
    count = lanes or int(node.lanes.value)
    evenly = count if partitions is None else partitions / math.ceil(partitions / count)
    gpu = gpu_s(node, ask)
    return Ceiling(
        recognisers=evenly * lane_fps(node, ask),
        processor=max(0.0, node.cores.value - node.ray_cores.value) / cpu_s(node, ask),
        gpus=node.gpus.value / gpu if gpu else math.inf,
        network=node.network_gbps.value * 1e9 / (8000 * ask.jpeg_kb),
    )
