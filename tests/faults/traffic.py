"""Frames of people who are listed, and the truth about them: who must be alerted about on which camera."""

import random
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product

from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka_settings import KafkaSettings
from tests.drawn import CAMERAS, scene

PEOPLE = 600
"""Drawn people that no two of are as alike as the threshold, 0.9: the closest pair has 0.82."""
FPS = 20
FRAMES_A_PASSAGE = 3

Pair = tuple[str, str]
"""A camera and an entry."""


def ref_of(seed: int) -> str:
    """Reference of a drawn person."""
    return f"person-{seed}"


def pairs(seed: int) -> Iterator[tuple[str, int]]:
    """Every camera with every person, each once: within the cool-down of one cluster no pair may come again."""
    every = list(product(CAMERAS, range(PEOPLE)))
    random.Random(seed).shuffle(every)  # noqa: S311 - a schedule, not a secret
    return iter(every)


@dataclass(frozen=True, slots=True)
class Passage:
    """One person walks by one camera."""

    camera: str
    seed: int

    @property
    def pair(self) -> Pair:
        """Who must be alerted about, and where."""
        return self.camera, ref_of(self.seed)


def publish(kafka: KafkaSettings, passages: list[Passage], stream: str) -> dict[Pair, datetime]:
    """Show each passage for three frames, at a steady rate, and empty pictures between them.

    Returns:
        When the first frame of each was taken.
    """
    empty, first = scene([], 320, 240), {}
    begin, number = time.monotonic(), 0
    with closing(KafkaFramePublisher(kafka)) as publisher:
        for passage in passages:
            jpeg = scene([passage.seed], 320, 240)
            for frame in range(FRAMES_A_PASSAGE + 1):
                time.sleep(max(0.0, begin + number / FPS - time.monotonic()))
                at = datetime.now(UTC)
                if not frame:
                    first[passage.pair] = at
                picture = jpeg if frame < FRAMES_A_PASSAGE else empty
                publisher.publish(passage.camera, picture, at, stream, number)
                number += 1
    return first
