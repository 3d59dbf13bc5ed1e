"""Evidence, retention and what is left of everybody else, on a real broker and a real Ray, from start to end."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from cluster.folders import temporary_folder
from cluster.kafka_admin import read_configs
from cluster.kafka_io import ALERTS, EVIDENCE, LEDGER, WATCHLIST
from cluster.keys import read_evidence_key
from cluster.privacy.retention_check import ages
from cluster.watchlists.register import read_topic
from cluster.wire.evidence import parse_evidence
from cluster.wire.ledger import parse_record
from operators.decode import decode, encode
from operators.jpeg import check_header
from operators.vision import Seen
from tests.builders import profile
from tests.drawn import CAMERAS, scene, write_deployment
from tests.running import Running, prepared
from tests.sentinel import Sentinel, all_of, sentinel_of

pytestmark = pytest.mark.integration

STRANGERS = (101, 102, 103)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """As everywhere, with what the list's holders keep on a disk."""
    folder = tmp_path_factory.mktemp("deployment")
    content = write_deployment(folder)
    content["index"] |= {"snapshots": str(folder / "snapshots")}
    with prepared(content) as running:
        running.put({f"person-{seed}": seed for seed in range(4)})
        running.up()
        yield running


def noisy(seeds: list[int]) -> bytes:
    """A frame in which no two pixels are alike, so that each can be found again."""
    jpeg = scene(seeds)
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    noise = np.random.default_rng(sum(seeds)).integers(-12, 13, image.shape)
    return encode(np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8), 95)


def sentinels(running: Running, jpeg: bytes, rows: list[int]) -> list[Sentinel]:
    """What to look for after the faces of a frame, by their place from the left."""
    limits = running.plan.settings.limits.jpeg
    [seen] = running.vision.see([jpeg])
    assert isinstance(seen, Seen)
    image = decode(jpeg, check_header(jpeg, limits))
    order = np.argsort(seen.faces.boxes[:, 0])
    found = []
    for row in order[rows]:
        left, top, right, bottom = seen.faces.boxes[row].astype(int)
        found.append(sentinel_of(seen.vectors[row], seen.origin.crops[row], image[top:bottom, left:right], jpeg))
    return found


def explained(running: Running, alert: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit status and steps of `beholden explain`."""
    try:
        said, status = running.run.beholden("explain", alert, "-f", str(running.run.file), "--json"), 0
    except subprocess.CalledProcessError as failed:
        said, status = failed.output, failed.returncode
    return status, {step["what"]: step for step in json.loads(said)}


def told(running: Running, kind: str) -> list[dict[str, Any]]:
    """Bodies of the ledger's records of one kind."""
    found = [parse_record(record.value) for record in read_topic(running.plan.settings.kafka, LEDGER)]
    return [dict(record.body) for record in found if record.kind == kind]


def test_an_alert_is_decided_again_to_the_bit_and_nothing_is_left_of_others(running: Running) -> None:
    """A listed person between strangers; then strangers alone. All topics but frames, Ray, logs and snapshots."""
    both, alone = noisy([STRANGERS[0], 2, STRANGERS[1]]), noisy(list(STRANGERS))
    running.publish([(CAMERAS[0], both), *((camera, alone) for camera in CAMERAS for _ in range(20))])
    [alert] = running.alerts({"person-2"})["person-2"]
    frames = 1 + 20 * len(CAMERAS)
    running.wait(lambda: running.frames_done() >= frames, "all frames looked at")
    status, steps = explained(running, alert["alert_id"])
    assert (status, {step["verdict"] for step in steps.values()}) == (0, {"equal"}), steps
    assert steps["cosine 1"]["recomputed"] == repr(alert["cosine"])

    kafka, key = running.plan.settings.kafka, read_evidence_key(running.plan.settings.key_folder)
    [sealed] = [record.value for record in read_topic(kafka, EVIDENCE)]
    opened = key.open(sealed, alert["alert_id"])
    assert opened is not None
    evidence = parse_evidence(opened, alert["alert_id"])
    wanted = all_of([*sentinels(running, both, [0, 2]), *sentinels(running, alone, [0, 1, 2])])
    assert wanted.in_bytes(opened) == wanted.in_bytes(evidence.crop.tobytes()) == set()
    [listed] = sentinels(running, both, [1])
    assert "crop" in listed.in_bytes(evidence.crop.tobytes())  # what is looked for can be found

    snapshots = running.plan.settings.index.snapshots
    assert snapshots is not None
    running.wait(lambda: any(snapshots.rglob("manifest.json")), "a snapshot of the list")
    folders = [running.run.folder, temporary_folder(running.plan.settings.cluster), snapshots]
    assert all(folder.is_dir() for folder in folders)
    assert wanted.in_files(folders, leave_out=_holds_frames) == {}
    assert wanted.in_files([running.run.folder], leave_out=lambda path: not _holds_frames(path))


def _holds_frames(path: Path) -> bool:
    return any(part.startswith("frames-") for part in path.parts)


def test_processes_that_see_faces_leave_no_core_dumps(running: Running) -> None:
    """Recognisers and shards, as the system has it."""
    pids = [member["status"]["pid"] for member in (*running.heard(), *running.ready_shards().values())]
    assert len(pids) == 4
    for pid in pids:
        assert psutil.Process(pid).rlimit(psutil.RLIMIT_CORE) == (0, 0)


def test_topics_are_kept_as_promised_and_a_change_is_found(running: Running, tmp_path: Path) -> None:
    """Of all settings as the broker has them; what somebody sets by hand is found and mended."""
    run, kafka = running.run, running.plan.settings.kafka
    run.beholden("retention", "check", "-f", str(run.file))
    topics = [*profile().topics, WATCHLIST]
    configs = read_configs(kafka, topics)
    assert set(configs.topics) == set(topics)
    days = {"retention.ms": str(31 * 86_400_000), "segment.ms": str(7 * 86_400_000)}
    as_kafka_makes_it = {**configs.topics[ALERTS], **days}
    changed = replace(configs, topics={**configs.topics, ALERTS: as_kafka_makes_it})
    [late] = [age for age in ages(profile(), changed) if not age.is_kept]
    assert (late.topic, (late.total_ms or 0) // 86_400_000) == (ALERTS, 38)
    longer = {"retention.ms": str(31 * 86_400_000)}
    _set(kafka, ALERTS, longer)
    running.wait(lambda: longer.items() <= read_configs(kafka, [ALERTS]).topics[ALERTS].items(), "it is set")
    with pytest.raises(subprocess.CalledProcessError):
        run.beholden("retention", "check", "-f", str(run.file))
    run.beholden("retention", "apply", "-f", str(run.file), "--by", "the test")
    run.beholden("retention", "check", "-f", str(run.file))
    assert told(running, "retention.applied")[-1]["by"] == "the test"


def _set(kafka: Any, topic: str, settings: dict[str, str]) -> None:
    from kafka import KafkaAdminClient
    from kafka.admin import ConfigResource, ConfigResourceType

    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, kafka.topic_prefix + topic, settings)])
    finally:
        admin.close()


def test_the_notice_of_a_running_cluster_can_be_printed(running: Running) -> None:
    """From the policy that the topic has."""
    said = running.run.beholden("notice", "-f", str(running.run.file), "--current")
    assert running.plan.in_force.digest in said


def test_a_key_that_is_destroyed_takes_the_evidence_with_it(running: Running) -> None:
    """Not while recognisers hold it; then for good, and the ledger and `explain` say so."""
    run, file = running.run, str(running.run.file)
    [alert] = running.alerts({"person-2"})["person-2"]
    words = ("retention", "shred", "--key", "evidence", "--by", "the test", "--why", "deployment_end", "-f", file)
    with pytest.raises(subprocess.CalledProcessError):
        run.beholden(*words)
    run.beholden("down", "-f", file)
    [dropped] = [body for body in told(running, "nonmatch.dropped") if body["alerted"]]
    faces = sum(body["faces"] for body in told(running, "nonmatch.dropped"))
    assert faces == 3 + 3 * 20 * len(CAMERAS)
    assert all(body["faces"] == body["alerted"] + body["gated"] + body["dropped"] for body in [dropped])
    assert {body["model"] for body in told(running, "models.accepted")} == {"drawn-detector", "drawn-embedder"}
    run.beholden(*words)
    [done] = told(running, "deletion.done")
    assert (done["trigger"], done["count"]) == ("deployment_end", 1)
    assert datetime.fromisoformat(done["done_at"]) <= datetime.now(UTC)
    status, steps = explained(running, alert["alert_id"])
    assert status == 0
    assert steps["key"]["verdict"] == steps["cosine 1"]["verdict"] == "gone"
    assert steps["id"]["verdict"] == steps["policy"]["verdict"] == "equal"
