"""What a recogniser cannot do without, each alone: its models on inputs that are ready, and its decoder."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any

from cluster.plan import Plan
from loadtests.bench_bare import BATCH
from operators.decode import decode
from operators.detect import Detector
from operators.embed import Embedder
from operators.graph_input import Feed, fed
from operators.jpeg import check_header
from operators.models import ModelManifest, read_model
from operators.onnx import Session, open_session
from operators.vision import Vision

Call = tuple[Callable[[Any], object], Any]
"""A graph, and what it was given."""


class ModelsAlone:
    """The graphs of detector and embedder, run on what a recogniser has given them: nothing is prepared or read.

    Args:
        plan: Models, gates and limits.
        jpegs: What is shown; what the graphs are given for it is kept, some 12 MB a picture.
        threads: Of the models.
    """

    def __init__(self, plan: Plan, jpegs: Sequence[bytes], threads: int) -> None:
        self._calls: list[Call] = []
        vision = self._vision(plan, threads)
        self._batches = []
        for at in range(0, len(jpegs), BATCH):
            self._calls.clear()
            shown = jpegs[at : at + BATCH]
            vision.see(shown)
            self._batches.append((len(shown), list(self._calls)))

    def run(self, seconds: float, begin: int = 0) -> tuple[int, float]:
        """Go through all batches again and again; frames done and seconds taken."""
        started, frames = time.perf_counter(), 0
        batches: Iterator[tuple[int, list[Call]]] = cycle(self._batches)
        for _ in range(begin // BATCH):
            next(batches)
        while time.perf_counter() - started < seconds:
            count, calls = next(batches)
            for graph, given in calls:
                graph(given)
            frames += count
        return frames, time.perf_counter() - started

    def _vision(self, plan: Plan, threads: int) -> Vision:
        settings, policy = plan.settings, plan.in_force.policy
        detector, embedder = (self._opened(manifest, plan, threads) for manifest in (plan.detector, plan.embedder))
        return Vision(
            Detector(plan.detector, detector[0], policy.detect, detector[1]),
            Embedder(plan.embedder, *embedder),
            policy.quality,
            settings.limits.jpeg,
            policy.detect.max_side_px,
            settings.limits.max_faces,
            settings.recognisers.detect_batch,
        )

    def _opened(self, manifest: ModelManifest, plan: Plan, threads: int) -> tuple[Session, Feed]:
        """A graph as a recogniser loads it, each of whose calls is written down, and what feeds it."""
        device = plan.settings.device
        ready = fed(read_model(manifest, plan.settings.models.files), manifest, device)
        session = open_session(ready.graph, device, threads, pixels=ready.pixels)

        def run(given: Any) -> Any:
            self._calls.append((session.run, given.copy()))
            return session.run(given)

        return replace(session, run=run), ready.feed


def decode_alone(plan: Plan, jpegs: Sequence[bytes], seconds: float, begin: int = 0) -> tuple[int, float]:
    """Check headers and decode, again and again; frames done and seconds taken."""
    limits, max_side_px = plan.settings.limits.jpeg, plan.in_force.policy.detect.max_side_px
    started, frames = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        jpeg = jpegs[(begin + frames) % len(jpegs)]
        decode(jpeg, check_header(jpeg, limits), max_side_px)
        frames += 1
    return frames, time.perf_counter() - started
