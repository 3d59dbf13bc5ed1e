"""What limits a node: its decoder alone on all cores, and its networks alone on the device."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from cluster.plan import Plan, open_vision
from loadtests.bench_alone import decode_alone
from operators.align import SIZE_PX
from operators.decode import decode
from operators.detect import input_size
from operators.errors import FrameRefused
from operators.graph_input import fed
from operators.jpeg import check_header
from operators.models import ModelManifest, read_model
from operators.onnx import Device, open_session

DECODER, NETWORKS = "decoder", "networks"
Run = Callable[[float], tuple[int, float]]
"""Works for so many seconds; frames done and seconds taken."""
Make = Callable[[int], Run]
"""Makes what one of several threads runs, by its number."""


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
    def threads(self) -> int:
        """The number of threads that is fastest."""
        return max(self.fps, key=lambda count: self.fps[count])


class Together:
    """Several threads, each of which has made what it runs, and run it once; they run when they are asked, all at once.

    Args:
        make: Makes what one of them runs, in that thread.
        threads: How many.
    """

    def __init__(self, make: Make, threads: int) -> None:
        self._pools = [ThreadPoolExecutor(1) for _ in range(threads)]
        self._runs = [pool.submit(make, slot).result() for slot, pool in enumerate(self._pools)]

    def run(self, seconds: float) -> float:
        """Frames a second of all of them together."""
        begin = threading.Barrier(len(self._pools))

        def serve(run: Run) -> float:
            begin.wait()
            frames, took_s = run(seconds)
            return frames / took_s

        serving = [pool.submit(serve, run) for pool, run in zip(self._pools, self._runs, strict=True)]
        return sum(each.result() for each in serving)

    def close(self) -> None:
        """End the threads, and let go of what they have made."""
        self._runs.clear()
        for pool in self._pools:
            pool.shutdown()


def on_their_own(what: str, make: Make, threads: Sequence[int], seconds: float) -> Alone:
    """One of the things that limit a node, at several numbers of threads, one after the other.

    Args:
        what: Which.
        make: Makes what one thread runs.
        threads: How many at once.
        seconds: How long each.
    """
    fps = {}
    for count in threads:
        with closing(Together(make, count)) as together:
            fps[count] = together.run(seconds)
    return Alone(what, fps)


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


def decoders(plan: Plan, jpegs: Sequence[bytes]) -> Make:
    """Decode frames as recognisers do, and nothing else; the decoder leaves Python's lock alone.

    Args:
        plan: Whose limits and scale.
        jpegs: The frames.
    """

    def make(slot: int) -> Run:
        return lambda seconds: decode_alone(plan, jpegs, seconds, slot)

    return make


def networks(plan: Plan, jpegs: Sequence[bytes], faces: float) -> dict[str, Make]:
    """The networks as recognisers run them, on inputs that lie ready: first both, then each by itself.

    Args:
        plan: Whose models, device and batches.
        jpegs: The frames; their sizes are those of the first.
        faces: Faces of a frame that are embedded.
    """
    settings, policy = plan.settings, plan.in_force.policy
    first = decode(jpegs[0], check_header(jpegs[0], settings.limits.jpeg), policy.detect.max_side_px)
    height, width = input_size(first.shape[0], first.shape[1], policy.detect.max_side_px)
    batch, draw = settings.recognisers.detect_batch, np.random.default_rng(0)
    frames = draw.integers(0, 256, (batch, height, width, 3), np.uint8)
    crops = draw.integers(0, 256, (max(1, round(batch * faces)), SIZE_PX, SIZE_PX, 3), np.uint8)

    def make(parts: Sequence[tuple[ModelManifest, npt.NDArray[np.uint8]]], slot: int) -> Run:
        calls = []
        for manifest, images in parts:
            ready = fed(read_model(manifest, settings.models.files), manifest, settings.device)
            session = open_session(ready.graph, settings.device, 1, pixels=ready.pixels)
            calls.append(partial(session.run, ready.feed.fill(list(images), *images.shape[1:3])))

        def run(seconds: float) -> tuple[int, float]:
            started, done = time.perf_counter(), 0
            while not done or time.perf_counter() - started < seconds:
                for call in calls:
                    call()
                done += batch
            return done, time.perf_counter() - started

        run(0.0)
        return run

    detect, embed = (plan.detector, frames), (plan.embedder, crops)
    kinds = {NETWORKS: [detect, embed], "detector": [detect], "embedder": [embed]}
    return {name: partial(make, parts) for name, parts in kinds.items()}


def what_limits(
    plan: Plan, jpegs: Sequence[bytes], faces: float, seconds: float, until_end: ExitStack
) -> tuple[list[Alone], dict[str, Together]]:
    """What decoder and networks do alone, and both ready to be measured again, on their best number of threads.

    Args:
        plan: Models and device.
        jpegs: What is shown.
        faces: Of each picture, on average.
        seconds: How long each trial.
        until_end: Lets go of them.
    """
    makes = {DECODER: decoders(plan, jpegs), **networks(plan, jpegs, faces)}
    device, cores = plan.settings.device, os.cpu_count() or 1
    alone = {what: on_their_own(what, make, _threads(what, device, cores), seconds) for what, make in makes.items()}
    together = {
        what: until_end.enter_context(closing(Together(makes[what], alone[what].threads)))
        for what in (DECODER, NETWORKS)
    }
    return list(alone.values()), together


def _threads(what: str, device: Device, cores: int) -> list[int]:
    """How many at once are tried: a GPU has no more to give to five, each of which has its own models there."""
    return sorted({1, 2, 4, cores} if what == DECODER or device is Device.CPU else {1, 2, 4})
