"""The denominator: the same operators in the barest loop, without Kafka, Ray, settings, accounts and alerts.

It is written out rather than taken from `Vision`, so that a pipeline that slows down cannot slow its own measure.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from cluster.plan import Plan
from cluster.wire.entries import parse_entry
from indexes.backends import best_backend
from indexes.watchlist import Watchlist
from operators.align import align
from operators.decide import MAX_CANDIDATES
from operators.decode import decode
from operators.detect import open_detector
from operators.embed import open_embedder
from operators.jpeg import check_header
from operators.models import read_model
from operators.onnx import Device
from operators.quality import gate_geometry, gate_sharpness

BATCH = 8  # frames whose faces are embedded and searched at once, as `poll_frames` of a recogniser


@dataclass(frozen=True, slots=True)
class Work:
    """What was done.

    Attributes:
        frames: How many frames.
        wall_s: In how long, seconds.
        cpu_s: Processor time used for it, seconds.
    """

    frames: int
    wall_s: float
    cpu_s: float

    @property
    def fps(self) -> float:
        """Frames a second."""
        return self.frames / self.wall_s


class BareLoop:
    """Decode, detect, gate, align, embed, search; nothing else. To be made and used in one thread.

    FAISS's number of threads is a property of the thread that sets it, hence the rule about threads.

    Args:
        plan: Models, gates and limits.
        entries: Reference and record of every watchlist entry.
        threads: Of the models and of the search.

    Attributes:
        index: The watchlist.
    """

    def __init__(self, plan: Plan, entries: Sequence[tuple[str, bytes]], threads: int) -> None:
        settings, policy = plan.settings, plan.in_force.policy
        files, device = settings.models.files, settings.device
        self._detector = open_detector(plan.detector, read_model(plan.detector, files), device, threads, policy.detect)
        self._embedder = open_embedder(plan.embedder, read_model(plan.embedder, files), device, threads)
        self._quality = policy.quality
        self._limits = settings.limits.jpeg
        self._max_side_px = policy.detect.max_side_px
        self._at_least = policy.lowest_threshold
        known = {ref: parse_entry(ref.encode(), record).entry for ref, record in entries}
        watchlist = Watchlist(0, 1, plan.contract.digest, best_backend(threads, Device.CPU))
        for offset, (ref, entry) in enumerate(known.items()):
            watchlist.apply(0, offset, ref, entry)
        watchlist.merge_all()
        self.index = watchlist.generation()

    def batch(self, jpegs: Sequence[bytes]) -> int:
        """Take one batch through all of it; how many faces were compared."""
        crops = []
        for jpeg in jpegs:
            image = decode(jpeg, check_header(jpeg, self._limits), self._max_side_px)
            faces = self._detector.detect(image)
            fit = [reason is None for reason in gate_geometry(faces, image.shape, self._quality)]
            cut = align(image, faces.landmarks[np.array(fit, np.bool_)])
            crops.append(cut[np.array([reason is None for reason in gate_sharpness(cut, self._quality)], np.bool_)])
        vectors = self._embedder.embed(np.concatenate(crops))
        return len(self.index.search(vectors, MAX_CANDIDATES, self._at_least, datetime.now(UTC)))

    def run(self, jpegs: Sequence[bytes], seconds: float, begin: int = 0) -> tuple[int, float]:
        """Go through `jpegs` again and again; frames done and seconds taken."""
        started, frames = time.perf_counter(), 0
        while time.perf_counter() - started < seconds:
            self.batch([jpegs[(begin + frames + number) % len(jpegs)] for number in range(BATCH)])
            frames += BATCH
        return frames, time.perf_counter() - started


class BareThreads:
    """Several bare loops in one process, each in a thread of its own that waits to be asked.

    Args:
        plan: Models, gates and limits.
        entries: Reference and record of every watchlist entry.
        jpegs: What is shown.
        loops: How many threads.
        threads: Threads of each one's models.
    """

    def __init__(
        self, plan: Plan, entries: Sequence[tuple[str, bytes]], jpegs: Sequence[bytes], loops: int, threads: int
    ) -> None:
        self._plan, self._entries, self._jpegs, self._model_threads = plan, entries, jpegs, threads
        self._seconds = 0.0
        self._done: list[tuple[int, float]] = [(0, 0.0)] * loops
        self._begin, self._end = threading.Barrier(loops + 1), threading.Barrier(loops + 1)
        for number in range(loops):
            threading.Thread(target=self._serve, args=(number,), daemon=True).start()
        self._end.wait()

    def run(self, seconds: float) -> Work:
        """Have all loops run for `seconds`."""
        self._seconds = seconds
        cpu_s = time.process_time()
        self._begin.wait()
        self._end.wait()
        frames = sum(done for done, _ in self._done)
        fps = sum(done / wall_s for done, wall_s in self._done)
        return Work(frames, frames / fps, time.process_time() - cpu_s)

    def _serve(self, number: int) -> None:
        try:
            loop = BareLoop(self._plan, self._entries, self._model_threads)
            begin = number * len(self._jpegs) // len(self._done)
            self._end.wait()
            while True:
                self._begin.wait()
                self._done[number] = loop.run(self._jpegs, self._seconds, begin)
                self._end.wait()
        finally:
            self._end.abort()  # whoever waits for this thread must not wait for ever
