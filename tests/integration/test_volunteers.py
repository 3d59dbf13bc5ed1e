"""Real models on real photos: every volunteer alerts once, no stranger does."""

import os
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import ALERTS
from cluster.kafka_settings import KafkaSettings
from cluster.plan import open_vision, read_plan
from loadtests.demo import cluster_document, settle
from loadtests.demo_truth import Judgement, Truth
from loadtests.sought import enrol_all
from loadtests.temporary import CONFIGS, temporary
from tests.photos import Shot, listed, numbered, shots, truth_of

pytestmark = [pytest.mark.integration, pytest.mark.testdata]

STREAM = "photos"


@pytest.mark.skipif("BEHOLDEN_TESTDATA" not in os.environ, reason="BEHOLDEN_TESTDATA names no folder of photos")
def test_every_volunteer_alerts_once_and_no_stranger() -> None:
    """55 smiling volunteers among 300 strangers over four cameras, at threshold 0.55."""
    folder = Path(os.environ["BEHOLDEN_TESTDATA"]).resolve()
    models = {"manifests": str(CONFIGS / "models"), "files": str(folder / "models")}
    with temporary(cluster_document(CONFIGS / "clusters" / "volunteers.yaml") | {"models": models}) as run:
        plan = read_plan(run.file)
        photos = shots(folder, plan.in_force.policy.cameras, 300, seed=1)
        faces = {ref: path.read_bytes() for ref, path in listed(folder).items()}
        enrol_all(plan, open_vision(plan), faces, "photo taken for research")
        run.beholden("up", "-f", str(run.file))
        truth = Truth(truth_of(photos), STREAM)
        with closing(TopicReader(plan.settings.kafka, ALERTS, 0, 1, from_beginning=True)) as reader:
            publish(plan.settings.kafka, photos, fps=40.0)
            account = settle(run, reader, truth, len(photos))
    assert account.total() == 355
    assert [truth.count(judgement) for judgement in Judgement] == [55, 0, 0], "right, wrong, repeated"
    assert not truth.missed(dict.fromkeys(plan.in_force.policy.cameras, float("inf")))


def publish(kafka: KafkaSettings, photos: Sequence[Shot], fps: float) -> None:
    """Send every photo as a frame, evenly over time."""
    with closing(KafkaFramePublisher(kafka)) as publisher:
        begun = time.monotonic()
        for at, (shot, seq) in enumerate(numbered(photos)):
            time.sleep(max(0.0, begun + at / fps - time.monotonic()))
            publisher.publish(shot.camera, shot.jpeg, datetime.now(UTC), STREAM, seq)
