"""Frames in Kafka become alerts in Kafka: real broker, real Ray, ONNX Runtime and FAISS, on drawn people."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from importlib.resources import files

import jsonschema
import pytest

from cluster.kafka.producer import producing
from cluster.kafka.topics import ALERTS, FRAMES, POLICY
from cluster.wire.entries import parse_entry
from cluster.wire.release import parse_release
from cluster.wire.text import parse_time
from indexes.entry import cosine_of
from tests.drawn import CAMERAS, scene
from tests.running import Running

Headers = Sequence[tuple[str, bytes]]
pytestmark = pytest.mark.integration

DEAD_LETTER_KEYS = {"form", "reason", "detail", "topic", "partition", "offset", "camera", "bytes", "sha256", "at"}
SCHEMA = json.loads((files("cluster") / "schemas" / "alert.schema.json").read_text())


def test_listed_people_alert_once_and_strangers_never(running: Running) -> None:
    """Four listed people over four cameras among strangers give four alerts with their evidence."""
    frames = []
    for at, camera in enumerate(CAMERAS):
        frames += [(camera, scene([100 + at, 200 + at])), (camera, scene([at, 300 + at])), (camera, scene([]))]
    running.publish(frames)
    alerts = running.alerts({f"person-{seed}" for seed in range(4)})
    for seed, camera in enumerate(CAMERAS):
        [alert] = alerts[f"person-{seed}"]
        jsonschema.validate(alert, SCHEMA, format_checker=jsonschema.FormatChecker())
        assert alert["camera"] == camera
        assert alert["cosine"] >= alert["threshold"] == 0.9
        assert alert["policy"] == {"number": 1, "digest": running.plan.in_force.digest}
        assert alert["models"]["detector"] == running.plan.detector.sha256
        assert alert["generation"]["shards"] == 2
        assert parse_time(alert["captured_at"]) <= parse_time(alert["detected_at"]) <= parse_time(alert["alerted_at"])
    running.wait(lambda: running.frames_done() >= 12, "12 frames accounted for")
    total = sum(account["alerts"] for account in running.accounts())
    assert total == 4


def test_two_recognisers_and_two_shards_share_the_work(running: Running) -> None:
    """Both recognisers own half of the partitions, both shards hold a part of the list, one policy is in force."""
    running.wait(
        lambda: [len(lane["status"]["partitions"]) for lane in running.heard()] == [4, 4], "each has half of the work"
    )
    lanes = [lane["status"] for lane in running.heard()]
    shards = [shard["status"] for shard in running.ready_shards().values()]
    assert sorted(int(number) for lane in lanes for number in lane["partitions"]) == list(range(8))
    assert {lane["policy_digest"] for lane in lanes} == {running.plan.in_force.digest}
    assert sum(shard["entries"] for shard in shards) >= 4
    assert all(shard["entries"] for shard in shards)
    assert {shard["generation"]["shard"] for shard in shards} == {0, 1}
    shown = running.run.beholden("status", "-f", str(running.run.file))
    assert "frames in" in shown


def test_the_policy_in_force_is_on_record(running: Running) -> None:
    """The topic `policy` holds the document whose digest the alerts name, and says that nobody has signed it."""
    [record] = running.read(POLICY, bool)
    assert record.key == b"drawn"
    release = parse_release(record.value)
    assert release.digest == hashlib.sha256(release.in_force.canonical).hexdigest() == running.plan.in_force.digest
    assert json.loads(record.value)["policy"]["watchlists"]["sought"]["threshold"] == 0.9
    assert release.signatures == ()


def test_an_alert_can_be_recomputed(running: Running) -> None:
    """The entry's record has the digest that the alert names, and its vector gives the alert's cosine."""
    [alert] = running.alerts({"person-1"})["person-1"]
    records = running.read("watchlist", lambda found: any(record.key == b"person-1" for record in found))
    entry = parse_entry(b"person-1", next(record.value for record in records if record.key == b"person-1")).entry
    assert entry.digest == alert["candidates"][0]["entry_digest"]
    frame = next(
        record
        for record in running.read(FRAMES, lambda found: len(found) >= 12)
        if (record.ref.partition, record.ref.offset) == (alert["frame"]["partition"], alert["frame"]["offset"])
    )
    [seen] = running.vision.see([frame.value])
    assert not isinstance(seen, Exception)
    cosines = [cosine_of(entry.vectors[0], vector) for vector in seen.vectors]
    assert alert["cosine"] in cosines


def test_a_frame_without_headers_is_as_good(running: Running) -> None:
    """Any Kafka client can publish: the camera id as key and the JPEG as value are enough."""
    running.enrol({"person-10": 10})
    publish_raw(running, b"exit", scene([10]))
    [alert] = running.alerts({"person-10"})["person-10"]
    assert alert["frame"]["seq"] is None


def test_kcat_publishes_frames_and_reads_alerts(running: Running) -> None:
    """kcat, a client that shares no code with this project, does both ends."""
    kcat = shutil.which("kcat") or shutil.which("kafkacat")
    if not kcat:
        pytest.skip("kcat is not installed")
    running.enrol({"person-11": 11})
    picture = running.run.folder / "frame.jpg"
    picture.write_bytes(scene([11]))
    bootstrap = running.run.bootstrap
    subprocess.run([kcat, "-b", bootstrap, "-P", "-t", FRAMES, "-k", "entrance", str(picture)], check=True, timeout=30)
    running.alerts({"person-11"})
    read = [kcat, "-b", bootstrap, "-C", "-t", ALERTS, "-e", "-q", "-f", "%k %s\n"]
    lines = subprocess.run(read, check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()
    entries = {json.loads(line.split(" ", 1)[1])["entry"]: line.split(" ", 1)[0] for line in lines}
    assert entries["person-11"] == "entrance"


def test_bad_input_is_dead_lettered_and_nothing_else_is_lost(running: Running) -> None:
    """Each bad frame leaves its reason and no image; the good frames among them alert; everything adds up."""
    good = scene([2])
    before, done = len(running.dead_letters(0)), running.frames_done()
    lie = good[:2] + b"\xff\xc0\x00\x11\x08\x75\x30\x75\x30\x03\x01\x11\x00\x02\x11\x01\x03\x11\x01" + good[2:]
    bad = {
        "not_jpeg": b"this is no image, it is text, and long enough",
        "truncated": good[: len(good) // 2],
        "empty": b"",
        "too_large": lie,
        "unknown_camera": None,
        "no_camera": None,
        "camera_id_invalid": None,
        "metadata_invalid": None,
    }
    for content in bad.values():
        if content is not None:
            publish_raw(running, b"exit", content)
    publish_raw(running, b"nobody-knows-me", good)
    publish_raw(running, None, good)
    publish_raw(running, b"\xff\xfe", good)
    publish_raw(running, b"exit", good, [("captured_at", b"yesterday")])
    running.enrol({"person-12": 12})
    running.publish(
        [("Königsplatz", scene([12])), ("exit", scene([])), ("exit", scene(list(range(400, 600)), 2500, 1000))]
    )
    running.alerts({"person-12"})
    letters = running.dead_letters(before + len(bad))[before:]
    assert sorted(letter["reason"] for letter in letters) == sorted(bad)
    for letter in letters:
        assert set(letter) == {
            "form",
            "reason",
            "detail",
            "topic",
            "partition",
            "offset",
            "camera",
            "bytes",
            "sha256",
            "at",
        }
        assert len(json.dumps(letter)) < 1500
    running.wait(lambda: running.frames_done() >= done + len(bad) + 3, "every frame accounted for")
    for account in running.accounts():
        out = sum(sum(account[outcome].values()) for outcome in ("alerted", "no_match", "shed", "dead_lettered"))
        assert account["frames_in"] == out
    compared = sum(account["faces"].get("compared", 0) for account in running.accounts())
    assert compared >= 200


def test_a_withdrawn_person_does_not_alert_any_more(running: Running) -> None:
    """The next frame after the shards have taken the withdrawal in gives no alert; another person still does."""
    running.enrol({"person-20": 20, "person-21": 21})
    running.withdraw("person-20")
    running.publish([("exit", scene([20])), ("exit", scene([21]))])
    running.alerts({"person-21"})
    everything = running.read(ALERTS, lambda found: b"person-21" in b"".join(record.value for record in found))
    assert all(json.loads(record.value)["entry"] != "person-20" for record in everything)


def test_a_killed_recogniser_loses_no_frame(running: Running) -> None:
    """SIGKILL in the middle of a stream: every listed person of it has alerted, under ids that collapse repeats."""
    people = list(range(30, 50))
    running.enrol({f"person-{seed}": seed for seed in people})
    victim = running.heard()[0]["status"]["pid"]
    frames = [(CAMERAS[at % 4], scene([seed])) for at, seed in enumerate(people)]
    running.publish(frames[:10])
    os.kill(victim, signal.SIGKILL)
    running.publish(frames[10:], seq=10)
    alerts = running.alerts({f"person-{seed}" for seed in people})
    for found in alerts.values():
        assert len({alert["alert_id"] for alert in found}) == 1
    running.wait(lambda: restarted(running, victim), "the recogniser is replaced")


def restarted(running: Running, victim: int) -> bool:
    """Whether recogniser 0 is another process by now, and both watch."""
    lanes = running.lanes()
    pids = [m["status"]["pid"] for m in lanes if m["status"]]
    return len(pids) == 2 and victim not in pids and all(m["state"] == "watching" for m in lanes)


def publish_raw(running: Running, key: bytes | None, value: bytes, headers: Headers = ()) -> None:
    """Write one record to the frames topic as any client might."""
    with producing(running.plan.settings.kafka, "raw") as producer:
        producer.send(FRAMES, key=key, value=value, headers=list(headers)).get(timeout=20)
