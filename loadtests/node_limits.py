"""What limits a node: its decoder alone on all cores, and its networks alone on the device."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from cluster.plan import Plan, open_vision
from operators.align import SIZE_PX
from operators.decode import decode
from operators.detect import input_size
from operators.errors import FrameRefused
from operators.graph_input import fed
from operators.jpeg import check_header
from operators.models import ModelManifest, read_model
from operators.onnx import open_session

DECODER, NETWORKS = "decoder", "networks"


@dataclass(frozen=True, slots=True)
class Alone:
    """One of the things that limit a node.

    Attributes:
        what: Which.
        fps: Frames a second, by how many threads did it at once.
    """

    what: str
    fps: dict[int, float]

    @property
    def best(self) -> float:
        """Frames a second of the best number of threads."""
        return max(self.fps.values())


def faces_of(plan: Plan, jpegs: Sequence[bytes]) -> float:
    """Faces that are compared, of a frame on average.

    Args:
        plan: Whose models and gates.
        jpegs: The frames.

    Raises:
        FrameRefused: One of them cannot be looked at.
    """
    found = open_vision(plan).see(jpegs)
    for one in found:
        if isinstance(one, FrameRefused):
            raise one
    return float(np.mean([len(one.faces) for one in found if not isinstance(one, FrameRefused)]))


def decode_alone(plan: Plan, jpegs: Sequence[bytes], threads: Sequence[int], seconds: float) -> Alone:
    """Decode frames as recognisers do, and nothing else; the decoder leaves Python's lock alone.

    Args:
        plan: Whose limits and scale.
        jpegs: The frames.
        threads: How many at once, one after the other.
        seconds: How long each.
    """
    limits, side = plan.settings.limits.jpeg, plan.in_force.policy.detect.max_side_px

    def one(number: int) -> int:
        jpeg = jpegs[number % len(jpegs)]
        decode(jpeg, check_header(jpeg, limits), side)
        return 1

    return Alone(DECODER, {count: _fps(lambda: one, count, seconds) for count in threads})


def networks_alone(
    plan: Plan, jpegs: Sequence[bytes], faces: float, threads: Sequence[int], seconds: float
) -> list[Alone]:
    """Run the networks as recognisers run them, on inputs that lie ready: first both, then each by itself.

    Args:
        plan: Whose models, device and batches.
        jpegs: The frames; their sizes are those of the first.
        faces: Faces of a frame that are embedded.
        threads: How many at once, each with sessions of its own.
        seconds: How long each.
    """
    settings, policy = plan.settings, plan.in_force.policy
    first = decode(jpegs[0], check_header(jpegs[0], settings.limits.jpeg), policy.detect.max_side_px)
    height, width = input_size(first.shape[0], first.shape[1], policy.detect.max_side_px)
    batch, draw = settings.recognisers.detect_batch, np.random.default_rng(0)
    frames = draw.integers(0, 256, (batch, height, width, 3), np.uint8)
    crops = draw.integers(0, 256, (max(1, round(batch * faces)), SIZE_PX, SIZE_PX, 3), np.uint8)

    def make(parts: Sequence[tuple[ModelManifest, npt.NDArray[np.uint8]]]) -> Callable[[int], int]:
        runs = []
        for manifest, images in parts:
            ready = fed(read_model(manifest, settings.models.files), manifest, settings.device)
            session = open_session(ready.graph, settings.device, 1, pixels=ready.pixels)
            runs.append((session.run, ready.feed.fill(list(images), *images.shape[1:3])))

        def one(number: int) -> int:
            for run, values in runs:
                run(values)
            return batch

        return one

    detect, embed = (plan.detector, frames), (plan.embedder, crops)
    kinds = {NETWORKS: [detect, embed], "detector": [detect], "embedder": [embed]}
    return [
        Alone(name, {count: _fps(partial(make, parts), count, seconds) for count in threads})
        for name, parts in kinds.items()
    ]


def _fps(make: Callable[[], Callable[[int], int]], threads: int, seconds: float) -> float:
    """Frames a second of so many threads, each of which has made what it runs, and run it once, before the clock."""
    ready, done = threading.Barrier(threads + 1), [0] * threads
    until = [0.0]

    def serve(slot: int) -> None:
        try:
            one, number = make(), slot
            one(number)
        except BaseException:
            ready.abort()  # nobody must wait for who cannot begin
            raise
        ready.wait()
        ready.wait()
        while time.perf_counter() < until[0]:
            done[slot] += one(number)
            number += threads

    serving = [threading.Thread(target=serve, args=(slot,), daemon=True) for slot in range(threads)]
    for thread in serving:
        thread.start()
    ready.wait()
    until[0] = time.perf_counter() + seconds
    began_s = time.perf_counter()
    ready.wait()
    for thread in serving:
        thread.join()
    return sum(done) / (time.perf_counter() - began_s)
