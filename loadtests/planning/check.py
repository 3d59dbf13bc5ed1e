"""The model held against measured capacities."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from loadtests.planning.capacity_file import Measured
from loadtests.planning.demand import Ask, batch_s, ceiling
from loadtests.planning.lane import simulate
from loadtests.planning.node import Node
from loadtests.planning.plan import stretch
from operators.errors import SettingsRefused

WITHIN = 0.15
_HALVINGS = 8  # to a 256th


@dataclass(frozen=True, slots=True)
class Checked:
    """A capacity as the model predicts it and as it was measured.

    Attributes:
        recognisers: How many.
        predicted_fps: By the model.
        measured_fps: The middle of what was measured; None: sending was the limit, or nothing failed.
        holds_fps: The highest rate that held.
        fails_fps: The lowest that did not.
        first: What the model says is used up first.
    """

    recognisers: int
    predicted_fps: float
    measured_fps: float | None
    holds_fps: float | None
    fails_fps: float | None
    first: str

    @property
    def off(self) -> float | None:
        """By which share the prediction is off; None: nothing was measured."""
        return None if self.measured_fps is None else self.predicted_fps / self.measured_fps - 1

    @property
    def is_near(self) -> bool:
        """Whether it is near enough."""
        return self.off is not None and abs(self.off) <= WITHIN


def check(node: Node, measured: Sequence[Measured]) -> list[Checked]:
    """What the model says to each measured capacity, by number of recognisers.

    Raises:
        SettingsRefused: It was measured with other pictures than the node's figures are of.
    """
    return [_check(node, each) for each in sorted(measured, key=lambda each: each.recognisers)]


def highest_fps(node: Node, ask: Ask, lanes: int, partitions: int, p99_ms: float | None) -> tuple[float, str]:
    """The highest rate that one node with its own broker and sender can do, and what is used up there.

    Args:
        node: Its kind.
        ask: What is shown; its rate counts for nothing.
        lanes: Recognisers.
        partitions: Of the frames topic; cameras are spread over them evenly.
        p99_ms: Most time from capture to alert.
    """
    most = ceiling(node, ask, lanes, partitions)
    if p99_ms is None:
        return most.fps, most.first
    low, high = 0.0, most.fps
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _p99_ms(node, ask, middle, lanes, partitions) <= p99_ms else (low, middle)
    return low, most.first if low > 0.95 * most.fps else "time from capture to alert"


def _p99_ms(node: Node, ask: Ask, fps: float, lanes: int, partitions: int) -> float:
    """At the recogniser that has most partitions."""
    share = math.ceil(partitions / lanes) / partitions
    cameras = max(1, round(ask.cameras * share))
    took = partial(batch_s, node, ask, stretch=stretch(node, ask, fps, lanes))
    most = int(node.batch_frames.value)
    return 1000 * simulate(cameras, fps * share / cameras, took, most, node.spread.value).p99_s + node.deliver_ms.value


def _check(node: Node, measured: Measured) -> Checked:
    if measured.threads != 1:
        raise SettingsRefused(f"{measured.file}: recognisers of {measured.threads} threads; figures are of one")
    ask = replace(measured.ask, with_sender=True)
    fps, first = highest_fps(node, ask, measured.recognisers, measured.partitions, measured.p99_ms)
    return Checked(measured.recognisers, fps, measured.fps, measured.holds_fps, measured.fails_fps, first)
