"""Evidence, retention and what is left of everybody else, on a real broker and a real Ray, from start to end."""

import json
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest

from cluster.clocks import from_ms
from cluster.folders import temporary_folder
from cluster.kafka.admin import read_configs
from cluster.kafka.topics import ALERTS, EVIDENCE, LEDGER, POLICY, WATCHLIST
from cluster.keys import read_evidence_key
from cluster.privacy.retention import kept_settings, topics_of
from cluster.privacy.retention_check import ages
from cluster.privacy.retention_report import NONMATCHES
from cluster.telemetry.receiver import Receiver
from cluster.telemetry.span_store import SpanStore
from cluster.watchlists.register import read_topic
from cluster.wire.evidence import parse_evidence
from cluster.wire.ledger import parse_record
from cluster.wire.text import format_time
from operators.decode import decode, encode
from operators.jpeg import check_header
from operators.vision import Seen
from tests.builders import profile
from tests.drawn import CAMERAS, scene, write_deployment
from tests.running import Running, prepared
from tests.sentinel import Sentinel, all_of, sentinel_of

pytestmark = pytest.mark.integration

STRANGERS = (101, 102, 103)
CROWD = tuple(range(1000, 1250))  # so many that their vectors are more than Ray passes inside a call
FRAMES_OF_CROWD = 8
# Fills Ray's object store, and holds what it has put there until told otherwise: first nothing of anybody, then what is
# in a file, and enough behind it that Ray has to write it to a disk.
FILL = """
import sys
from pathlib import Path
from cluster.ray_driver import connected
from cluster.settings import read_cluster
import ray
with connected(read_cluster(Path(sys.argv[1]))):
    held = [ray.put(bytes(10 << 20)) for _ in range(20)]
    print("full", flush=True)
    sys.stdin.readline()
    held.append(ray.put(Path(sys.argv[2]).read_bytes() + bytes(10 << 20)))
    held += [ray.put(bytes(10 << 20)) for _ in range(20)]
    print("leaked", flush=True)
    sys.stdin.readline()
"""
ABORT = "import os, sys; held = open(sys.argv[1], 'rb').read(); os.abort()"


@pytest.fixture(scope="module")
def dumps() -> Iterator[None]:
    """A system that lets every process that ends by a fault write down its memory, as `ulimit -c unlimited` does."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where spans are kept."""
    return tmp_path_factory.mktemp("traces") / "traces.sqlite"


@pytest.fixture(scope="module")
def collector(traces: Path) -> Iterator[Receiver]:
    """Takes the spans of all processes."""
    store = SpanStore(traces)
    receiver = Receiver("127.0.0.1", 0, store)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    yield receiver
    receiver.shutdown()
    receiver.server_close()
    store.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, dumps: None, collector: Receiver) -> Iterator[Running]:
    """As everywhere, with what the list's holders keep on a disk, and the trace of every frame."""
    folder = tmp_path_factory.mktemp("deployment")
    content = write_deployment(folder)
    content["index"] |= {"snapshots": str(folder / "snapshots")}
    content["telemetry"] = {"traces": {"otlp": collector.address, "share": 1.0}}
    with prepared(content) as running:
        running.put({f"person-{seed}": seed for seed in range(4)})
        running.up()
        yield running


def noisy(seeds: list[int], width: int = 640, height: int = 360) -> bytes:
    """A frame in which no two pixels are alike, so that each can be found again."""
    jpeg = scene(seeds, width, height)
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
    status, said = asked(running, "explain", alert)
    return status, {step["what"]: step for step in said}


def asked(running: Running, *command: str) -> tuple[int, Any]:
    """Exit status of a command, and what it says for machines."""
    try:
        return 0, json.loads(running.run.beholden(*command, "-f", str(running.run.file), "--json"))
    except subprocess.CalledProcessError as failed:
        return failed.returncode, json.loads(failed.output)


def told(running: Running, kind: str) -> list[dict[str, Any]]:
    """Bodies of the ledger's records of one kind."""
    found = [parse_record(record.value) for record in read_topic(running.plan.settings.kafka, LEDGER)]
    return [dict(record.body) for record in found if record.kind == kind]


def traced_frames(traces: Path) -> int:
    """How many frames have come to have a span that was kept."""
    with closing(sqlite3.connect(traces)) as store:
        [(found,)] = store.execute("SELECT count(*) FROM span WHERE name = 'process frames'")
    return int(found)


def _dump_of(cwd: Path) -> Path:
    """Where the system writes the memory of a process with this working folder, but for what it adds to the name."""
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("|"):
        pytest.skip(f"this system hands memory dumps to a program ({pattern}): nothing here can tell what it keeps")
    folder, start = Path(pattern).parent, Path(pattern).name.partition("%")[0]
    if "%" in str(folder) or not start:
        pytest.skip(f"where memory dumps go here (kernel.core_pattern is {pattern}) says nothing of their names")
    return cwd / folder / start


def _dumps_beside(dump: Path) -> set[Path]:
    return set(dump.parent.glob(f"{dump.name}*"))


def test_a_recogniser_that_is_aborted_leaves_nothing_of_its_memory(running: Running, tmp_path: Path) -> None:
    """Where every process may write a dump: one that has not given that up leaves one, with all that it held."""
    if (limit := resource.getrlimit(resource.RLIMIT_CORE)[0]) != resource.RLIM_INFINITY:
        pytest.skip(f"memory dumps may have {limit} bytes at most here (ulimit -Hc): none would hold all of a process")
    [wanted, *_] = sentinels(running, noisy(list(STRANGERS)), [0])
    secret = tmp_path / "secret"
    secret.write_bytes(b"".join(wanted.forms.values()))
    control = _dump_of(tmp_path)
    before = _dumps_beside(control)
    subprocess.run([sys.executable, "-c", ABORT, str(secret)], cwd=tmp_path, check=False)
    [dump] = _dumps_beside(control) - before
    assert {name for name, form in wanted.forms.items() if form in dump.read_bytes()} == set(wanted.forms)
    dump.unlink()

    lane = running.heard()[0]
    victim = psutil.Process(lane["status"]["pid"])
    raylet = victim.parent()
    assert raylet is not None
    assert raylet.rlimit(psutil.RLIMIT_CORE)[0] == psutil.RLIM_INFINITY
    left = _dump_of(Path(victim.cwd()))
    before = _dumps_beside(left)
    victim.send_signal(signal.SIGABRT)
    victim.wait(30)
    after = _dumps_beside(left) - before
    for path in after:
        path.unlink()
    assert after == set()
    running.wait(lambda: all(each["state"] == "watching" for each in running.lanes()), "it is back")


def test_an_alert_is_decided_again_to_the_bit_and_nothing_is_left_of_others(running: Running, traces: Path) -> None:
    """A listed person between strangers; then strangers alone. Topics but frames, Ray, logs, spans and snapshots."""
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
    running.wait(lambda: traced_frames(traces) > frames / 2, "spans of frames that nobody alerted about")
    folders = [running.run.folder, temporary_folder(running.plan.settings.cluster), snapshots, traces.parent]
    assert all(folder.is_dir() for folder in folders)
    assert wanted.in_files(folders, leave_out=_holds_frames) == {}
    assert wanted.in_files([running.run.folder], leave_out=lambda path: not _holds_frames(path))


def test_nothing_of_others_is_in_what_ray_writes_to_a_disk_when_its_store_is_full(
    running: Running, tmp_path: Path
) -> None:
    """Somebody else fills it while a crowd is searched for; what is put there on purpose is found."""
    crowd = noisy(list(CROWD), 2560, 1440)
    wanted, temporary_files = all_of(sentinels(running, crowd, [0, 1])), temporary_folder(running.plan.settings.cluster)
    leak = tmp_path / "leak"
    leak.write_bytes(b"".join(wanted.forms.values()))
    before = sum(account["frames_in"] for account in running.accounts())
    command = [sys.executable, "-c", FILL, str(running.run.file), str(leak)]
    environment = dict(running.run.environment)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment
    ) as filler:
        assert filler.stdin is not None
        assert filler.stdout is not None
        assert filler.stdout.readline() == "full\n"
        running.publish([(CAMERAS[at % len(CAMERAS)], crowd) for at in range(FRAMES_OF_CROWD)], seq=1000)
        looked_at = before + FRAMES_OF_CROWD
        running.wait(
            lambda: sum(account["frames_in"] for account in running.accounts()) >= looked_at, "the crowd is looked at"
        )
        spilled = [path for path in temporary_files.rglob("*spilled*/*") if path.is_file()]
        assert sum(path.stat().st_size for path in spilled) > 50 << 20
        folders = [running.run.folder, temporary_files]
        assert wanted.in_files(folders, leave_out=_holds_frames) == {}
        filler.stdin.write("\n")
        assert filler.stdout.readline() == "leaked\n"
        found = wanted.in_files([temporary_files])
        assert found
        assert all("spilled" in path for path in found)
        filler.stdin.write("\n")


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
    topics = [*topics_of(profile()), WATCHLIST]
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
    theirs = {**kept_settings(), "message.timestamp.type": "CreateTime"}
    _set(kafka, POLICY, theirs)
    running.wait(lambda: theirs.items() <= read_configs(kafka, [POLICY]).topics[POLICY].items(), "it is set")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        run.beholden("retention", "check", "-f", str(run.file))
    assert "topic policy: what follows from its records depends on when Kafka wrote them" in refused.value.output
    run.beholden("retention", "apply", "-f", str(run.file), "--by", "the test")
    run.beholden("retention", "check", "-f", str(run.file))


def reported(running: Running) -> dict[str, dict[str, Any]]:
    """What `beholden retention report` says, by class."""
    status, said = asked(running, "retention", "report")
    assert (status == 0) is all(each["kept"] for each in said["classes"])
    return {each["class"]: each for each in said["classes"]}


def test_what_is_there_now_is_reported(running: Running) -> None:
    """Since when, from the topics themselves; who is taken off a list is still there for a while, and that is told."""
    found = reported(running)
    # How long faces without a match existed is this machine's to say: it has just looked at a crowd.
    assert all(each["kept"] for name, each in found.items() if name != NONMATCHES)
    assert all(found[name]["oldest_s"] < 3600 for name in ("frames", "alerts", "evidence", "ledger"))
    assert [found[name]["oldest_at"] for name in ("dead-letters", "watchlist")] == [None, None]
    first = min(record.timestamp_ms for record in read_topic(running.plan.settings.kafka, EVIDENCE))
    assert found["evidence"]["oldest_at"] == format_time(from_ms(first))
    before = datetime.now(UTC)
    running.withdraw("person-3")
    after = reported(running)["watchlist"]
    assert after["oldest_s"] <= (datetime.now(UTC) - before).total_seconds()
    assert (after["gone_at_most"], len(after["deletions"])) == (1, 1)


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
    said = running.run.beholden("notice", "-f", str(running.run.file))
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
    assert faces == 3 + 3 * 20 * len(CAMERAS) + FRAMES_OF_CROWD * len(CROWD)
    assert all(body["faces"] == body["alerted"] + body["gated"] + body["dropped"] for body in [dropped])
    assert {body["model"] for body in told(running, "models.accepted")} == {"drawn-detector", "drawn-embedder"}
    run.beholden(*words)
    [done] = told(running, "deletion.done")
    assert "1 documents: crypto_shred" in reported(running)["evidence"]["deletions"][0]["what"]
    assert (done["trigger"], done["count"]) == ("deployment_end", 1)
    assert datetime.fromisoformat(done["done_at"]) <= datetime.now(UTC)
    status, steps = explained(running, alert["alert_id"])
    assert status == 0
    assert steps["key"]["verdict"] == steps["cosine 1"]["verdict"] == "gone"
    assert steps["id"]["verdict"] == steps["policy"]["verdict"] == "equal"
