"""The layers between the bare loop and the cluster, each in as many plain processes as there are recognisers.

bare: the bare loop; memory: the pipeline over the ports in memory; single: the same, one frame at a time; kafka: a
whole recogniser on Kafka, without Ray. Beside them what none of them can do without, alone: models, decode.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import cycle
from multiprocessing import get_context
from multiprocessing.connection import Connection

import cv2

from cluster.account import Account
from cluster.clocks import SystemClock
from cluster.keys import new_evidence_key
from cluster.ledger.writer import LedgerWriter
from cluster.memory_io import MemorySink
from cluster.pipeline import Pipeline
from cluster.plan import Plan, open_vision
from cluster.ports import Record, Skipped
from cluster.privacy.evidence import EvidenceSink
from cluster.recogniser import Recogniser
from cluster.recogniser_status import RecogniserStatus
from cluster.results import Outlets
from cluster.settings import Delivery
from cluster.wire.frames import frame_headers
from cluster.wire.settings import IN_FORCE, in_force_body
from indexes.generation import WatchlistGeneration
from loadtests.bench_alone import ModelsAlone, decode_alone
from loadtests.bench_bare import BATCH, BareLoop, Work
from loadtests.bench_frames import FRAME_S
from loadtests.quiet import Snapshot
from operators.types import Float32, FrameRef, Hit

SETTLE_S = 2.0  # after a rebalance, before anything is counted
JOIN_TIMEOUT_S = 60.0
CLOSE_TIMEOUT_S = 10.0


class Workers:
    """Processes that measure one layer when asked, and use no processor time otherwise.

    Args:
        plan: What the recognisers run.
        entries: Reference and record of every watchlist entry.
        jpegs: What is shown.
        cameras: Whose frames they are.
    """

    def __init__(
        self, plan: Plan, entries: Sequence[tuple[str, bytes]], jpegs: Sequence[bytes], cameras: Sequence[str]
    ) -> None:
        context = get_context("spawn")
        self._partitions = plan.settings.kafka.frame_partitions
        self._pipes = []
        self._processes = []
        for slot in range(plan.settings.recognisers.count):
            ours, theirs = context.Pipe()
            arguments = (theirs, plan, slot, list(entries), list(jpegs), list(cameras))
            process = context.Process(target=_serve, args=arguments, daemon=True)
            with _environment(OMP_NUM_THREADS=str(plan.settings.recognisers.threads)):
                process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def run(self, layer: str, seconds: float) -> Work:
        """Have all of them work for `seconds`; `layer` is bare, memory, single, models or decode."""
        return together(self.ask(layer, seconds))

    def run_kafka(
        self,
        group: str,
        seconds: float,
        look: Callable[[], Snapshot],
        delivery: Delivery = Delivery.AT_LEAST_ONCE,
    ) -> tuple[Work, Snapshot, Snapshot]:
        """Have all of them read the frames topic from its beginning, as a group of their own.

        Args:
            group: Its name; one that has not read yet.
            seconds: How long they are measured, once each has its partitions.
            look: Gives the machine's processes, as they are at the begin and the end of that time.
            delivery: Their mode of delivery.

        Raises:
            RuntimeError: They did not share all partitions in time.
        """
        try:
            self._begin_kafka(group, delivery)
            time.sleep(SETTLE_S)
            before, begin = look(), self.ask("count")
            time.sleep(seconds)
            after, end = look(), self.ask("count")
        finally:
            self.ask("close")
        pairs = zip(begin, end, strict=True)
        work = [Work(b.frames - a.frames, b.wall_s - a.wall_s, b.cpu_s - a.cpu_s) for a, b in pairs]
        return together(work), before, after

    def ask(self, what: str, detail: object = None) -> list[Work]:
        """Send everyone a request and wait for all answers."""
        for pipe in self._pipes:
            pipe.send((what, detail))
        return [pipe.recv() for pipe in self._pipes]

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.terminate()
            process.join()

    def _begin_kafka(self, group: str, delivery: Delivery) -> None:
        self.ask("open", (group, delivery))
        deadline = time.monotonic() + JOIN_TIMEOUT_S
        while sum(owned := [found.frames for found in self.ask("partitions")]) != self._partitions or not all(owned):
            if time.monotonic() > deadline:
                raise RuntimeError("the recognisers without Ray did not share the partitions in time")
            time.sleep(0.5)


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Have processes that are started within a block see these variables.

    OMP_NUM_THREADS is what Ray sets for its actors; without it FAISS takes two threads for each search, which wait for
    each other spinning: 2 to 6 ms more a frame with two recognisers on two cores.
    """
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def frames_done(status: RecogniserStatus) -> int:
    """Frames that a recogniser is done with; those that wait are in, too, and a small backlog waits as a whole."""
    return int(str(status.account["frames_in"])) - int(str(status.account["open"]))


def together(parts: Sequence[Work]) -> Work:
    """Work of processes that ran at the same time."""
    frames = sum(part.frames for part in parts)
    return Work(frames, frames / sum(part.fps for part in parts), sum(part.cpu_s for part in parts))


class EndlessSource:
    """`ports.FrameSource` that never runs dry: the same frames with ever new offsets and times.

    Args:
        jpegs: What is shown.
        cameras: Whose frames they are.
        begin: Where in `jpegs` to begin.
        batch: Frames of each poll: as many as a batch has, since a backlog is not what is measured.
    """

    def __init__(self, jpegs: Sequence[bytes], cameras: Sequence[str], begin: int, batch: int = BATCH) -> None:
        self._batch = batch
        self._jpegs = jpegs
        self._cameras = cycle(enumerate(camera.encode() for camera in cameras))
        self._offset = begin
        self._begin = datetime.now(UTC)
        self._many = len(cameras)

    def poll(self, max_records: int, timeout_s: float, finished: object) -> Sequence[Record]:
        """See `ports.FrameSource`."""
        return [self._next() for _ in range(min(max_records, self._batch))]

    def hold(self, partitions: object) -> None:
        """See `ports.FrameSource`."""

    def skip(self, partitions: object, before_ms: int) -> Sequence[Skipped]:
        """See `ports.FrameSource`."""
        return []

    def committed(self, partition: tuple[str, int]) -> int | None:
        """See `ports.FrameSource`."""
        return None

    def first(self, partition: tuple[str, int]) -> int:
        """See `ports.FrameSource`."""
        return 0

    def is_caught_up(self) -> bool:
        """See `ports.FrameSource`."""
        return False

    @property
    def keeps_results(self) -> bool:
        """See `ports.FrameSource`."""
        return False

    def commit(self, next_offsets: object) -> None:
        """See `ports.FrameSource`."""

    def _next(self) -> Record:
        partition, camera = next(self._cameras)
        self._offset += 1
        at = self._begin + timedelta(seconds=FRAME_S * (self._offset // self._many))
        headers = dict(frame_headers(at, "bench", self._offset))
        jpeg = self._jpegs[self._offset % len(self._jpegs)]
        return Record(FrameRef("frames", partition, self._offset // self._many), camera, jpeg, headers, 0)


class LocalIndex:
    """`ports.Index` over one generation."""

    def __init__(self, generation: WatchlistGeneration) -> None:
        self._generation = generation

    def search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        """See `ports.Index`."""
        return self._generation.search(vectors, k, at_least, datetime.now(UTC))


def _ledger(plan: Plan) -> LedgerWriter:
    """A chain that nobody reads."""
    ledger = LedgerWriter(MemorySink(), "bench", "bench", plan.in_force.digest, SystemClock())
    ledger.write(IN_FORCE, in_force_body(plan.in_force, datetime.now(UTC)))
    return ledger


class _Worker:
    """One of the processes."""

    def __init__(
        self, plan: Plan, slot: int, entries: list[tuple[str, bytes]], jpegs: list[bytes], cameras: list[str]
    ) -> None:
        self._plan = plan
        self._slot = slot
        self._jpegs = jpegs
        self._begin = slot * len(jpegs) // plan.settings.recognisers.count
        self._cameras = cameras
        self._loop = BareLoop(plan, entries, plan.settings.recognisers.threads)
        self._pipeline = self._over_memory(plan.settings.recognisers.poll_frames)
        self._recogniser: Recogniser | None = None

    def answer(self, what: str, detail: object) -> Work:
        """Do what is asked."""
        cpu_s = time.process_time()
        frames, wall_s = self._do(what, detail)
        return Work(frames, wall_s, time.process_time() - (0.0 if what == "count" else cpu_s))

    def _do(self, what: str, detail: object) -> tuple[int, float]:
        match what, detail:
            case "bare", float(seconds):
                return self._loop.run(self._jpegs, seconds, self._begin)
            case "memory", float(seconds):
                return _stepping(self._pipeline, seconds)
            case "single", float(seconds):
                return _stepping(self._single, seconds)
            case "models", float(seconds):
                return self._models.run(seconds, self._begin)
            case "decode", float(seconds):
                return decode_alone(self._plan, self._jpegs, seconds, self._begin)
            case _:
                return self._do_on_kafka(what, detail)

    def _do_on_kafka(self, what: str, detail: object) -> tuple[int, float]:
        match what, detail:
            case "open", (str(group), Delivery() as delivery):
                return self._open(group, delivery)
            case "partitions", _:
                return self._partitions()
            case "count", _:
                return self._count()
            case _:
                return self._close()

    @cached_property
    def _single(self) -> Pipeline:
        return self._over_memory(1)

    @cached_property
    def _models(self) -> ModelsAlone:
        return ModelsAlone(self._plan, self._jpegs, self._plan.settings.recognisers.threads)

    def _over_memory(self, batch: int) -> Pipeline:
        return Pipeline(
            EndlessSource(self._jpegs, self._cameras, self._begin, min(batch, BATCH)),
            Outlets(MemorySink(), MemorySink(), _ledger(self._plan), EvidenceSink(MemorySink(), new_evidence_key())),
            open_vision(self._plan),
            LocalIndex(self._loop.index),
            self._plan.in_force,
            self._plan.context,
            SystemClock(),
            Account(),
            batch,
        )

    def _open(self, group: str, delivery: Delivery) -> tuple[int, float]:
        plan = replace(self._plan, settings=replace(self._plan.settings, cluster=group, delivery=delivery))
        self._recogniser = Recogniser(plan, self._slot, None, on_failure=lambda: None)
        return 0, 1.0

    def _opened(self) -> Recogniser:
        if self._recogniser is None:
            raise RuntimeError("no recogniser is open")
        return self._recogniser

    def _count(self) -> tuple[int, float]:
        return frames_done(self._opened().status()), time.perf_counter()

    def _partitions(self) -> tuple[int, float]:
        status = self._opened().status()
        knows = status.index is not None and status.index.generation is not None
        return len(status.partitions) if knows else 0, 1.0

    def _close(self) -> tuple[int, float]:
        if self._recogniser is not None:
            self._recogniser.close(CLOSE_TIMEOUT_S)
            self._recogniser = None
        return 0, 1.0


def _stepping(pipeline: Pipeline, seconds: float) -> tuple[int, float]:
    started, frames = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        frames += pipeline.step(0.0)
    return frames, time.perf_counter() - started


def _serve(
    pipe: "Connection[Work, tuple[str, object]]",
    plan: Plan,
    slot: int,
    entries: list[tuple[str, bytes]],
    jpegs: list[bytes],
    cameras: list[str],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    cv2.setNumThreads(1)
    worker = _Worker(plan, slot, entries, jpegs, cameras)
    while True:
        try:
            what, detail = pipe.recv()
        except EOFError:
            return
        pipe.send(worker.answer(what, detail))
