import base64
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.kafka_settings import KafkaSettings, Protocol
from cluster.settings import ClusterSettings, Limits, Placement, kafka_from_cli, read_cluster
from cluster.shards.layout import Layout
from operators.errors import SettingsRefused
from operators.jpeg import JpegLimits
from operators.onnx import Device

FILE: dict[str, Any] = {
    "cluster": "one",
    "policy": "../policies/p.yaml",
    "models": {"manifests": "m", "files": "/absolute/f"},
}
PASSWORD = {"BEHOLDEN_KAFKA_PASSWORD": "hunter2"}
KEY = base64.b64encode(bytes(range(32))).decode()


def _refusal(path: Path) -> str:
    with pytest.raises(SettingsRefused) as refused:
        read_cluster(path, {})
    return str(refused.value)


KEY = base64.b64encode(bytes(range(32))).decode()


def test_a_short_file_is_enough(write_document: Any) -> None:
    """Plumbing has defaults: this machine, one lane, the processor."""
    found = read_cluster(write_document(FILE), {})
    assert isinstance(found, ClusterSettings)
    assert (found.kafka, found.ray, found.device) == (KafkaSettings(), "local", Device.CPU)
    assert (found.recognisers.count, found.index.placement, found.index.shards) == (1, Placement.IN_LANE, 1)


def test_relative_paths_start_from_the_files_folder(write_document: Any, tmp_path: Path) -> None:
    """Wherever the command is run; absolute ones stay."""
    found = read_cluster(write_document(FILE), {})
    assert found.policy == tmp_path / "../policies/p.yaml"
    assert found.models.manifests == tmp_path / "m"
    assert found.models.files == Path("/absolute/f")
    assert found.index.folder_of("shard-1") is None
    kept = read_cluster(write_document(FILE | {"index": {"snapshots": "kept"}}), {})
    assert kept.index.folder_of("shard-1") == tmp_path / "kept" / "shard-1"


def test_the_anchor_file_starts_from_the_files_folder_as_well(write_document: Any, tmp_path: Path) -> None:
    """And how often checkpoints are written has defaults: it decides about nobody."""
    found = read_cluster(write_document(FILE | {"ledger": {"anchor_file": "kept/anchors"}}), {}).ledger
    assert (found.checkpoint_s, found.checkpoint_records) == (60, 1000)
    assert found.anchor_file == tmp_path / "kept/anchors"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ledger": {"checkpoint_s": 0}}, "checkpoint_s: must be above 0"),
        ({"ledger": {"checkpoint_records": 0}}, "checkpoint_records: must be at least 1"),
        ({"clustr": "x"}, "clustr: is not a known key"),
        ({"kafka": {"bootstap": "x"}}, "kafka.bootstap: is not a known key"),
        ({"cluster": "a b"}, "cluster: letters, digits and dashes"),
        ({"cluster": "Süd"}, "cluster: letters, digits and dashes"),
        ({"cluster": "-"}, "cluster: letters, digits and dashes"),
        ({"device": "gpu"}, "device: "),
        ({"device": True}, "device: "),
        ({"recognisers": {"count": 0}}, "count: must be at least 1"),
        ({"recognisers": {"count": True}}, "recognisers.count: "),
        ({"recognisers": {"threads": 0}}, "threads: must be at least 1"),
        ({"recognisers": {"poll_frames": -1}}, "poll_frames: must be at least 1"),
        ({"recognisers": {"detect_batch": 0}}, "detect_batch: must be at least 1"),
        ({"recognisers": {"decode_threads": 0}}, "decode_threads: must be at least 1"),
        ({"recognisers": {"standby": -1}}, "standby: must be at least 0"),
        ({"recognisers": {"gpu_share": 0.0}}, "gpu_share: "),
        ({"recognisers": {"gpu_share": -0.5}}, "gpu_share: "),
        ({"recognisers": {"resources": {"GPU": 1}}}, "recognisers: resources: 'GPU' is no name for one of your own"),
        ({"recognisers": {"resources": {"": 1}}}, "resources: '' is no name"),
        ({"recognisers": {"resources": {"lane": 0}}}, "resources.lane: must be above 0"),
        ({"recognisers": {"resources": {"lane": 1.5}}}, "resources.lane: must be above 0, and whole from 1 on"),
        ({"recognisers": {"resources": {"lane": 1}}}, "resources: a Ray of our own has none"),
        ({"supervisor": {"resources": {"desk": 1}}}, "resources: a Ray of our own has none"),
        ({"ray": "head:1", "index": {"resources": {"index": 1}}}, "resources: only 'placement: sharded'"),
        ({"recognisers": {"count": 3, "most": 2}}, "most: must be at least count (3), found 2"),
        ({"recognisers": {"most": 9}}, "recognisers.most: must not exceed kafka.frame_partitions"),
        ({"recognisers": {"more_after_s": -1.0}}, "more_after_s: must be at least 0"),
        ({"recognisers": {"fewer_after_s": -0.5}}, "fewer_after_s: must be at least 0"),
        ({"index": {"gpu_share": -0.1}}, "gpu_share: must be at least 0"),
        ({"index": {"device": "cuda"}}, "index.device: recognisers on a processor have no card"),
        ({"index": {"shards": 0, "placement": "sharded"}}, "shards: must be at least 1"),
        ({"index": {"shards": 2}}, "only 'placement: sharded'"),
        ({"index": {"replicas": 2}}, "replicas: only 'placement: sharded'"),
        ({"index": {"replicas": 0, "placement": "sharded"}}, "replicas: must be at least 1"),
        ({"index": {"shards": 9, "placement": "sharded"}}, "must not exceed kafka.watchlist_partitions"),
        ({"kafka": {"frame_partitions": 0}}, "frame_partitions: must be at least 1"),
        ({"kafka": {"watchlist_partitions": 0}}, "watchlist_partitions: must be at least 1"),
        ({"kafka": {"replication": 0}}, "replication: must be at least 1"),
        ({"kafka": {"max_message_bytes": 0}}, "max_message_bytes: must be at least 1"),
        ({"kafka": {"bootstrap": ""}}, "bootstrap: "),
        ({"kafka": {"security": {"protocol": "SASL_SSL", "username": "u"}}}, "needs mechanism and username"),
        ({"kafka": {"security": {"protocol": "TLS"}}}, "kafka.security.protocol: "),
        ({"people": {"ada": {"public_key": KEY, "roles": []}}}, "roles: name at least one of propose, approve"),
        ({"people": {"ada": {"public_key": KEY, "roles": ["stop", "stop"]}}}, "each once"),
        ({"people": {"ada": {"public_key": KEY, "roles": ["king"]}}}, "people.ada.roles.0: "),
        ({"people": {"ada": {"public_key": KEY, "roles": ["stop"], "until": "2026-01-31"}}}, "people.ada.until: "),
        ({"people": {"ada": {"public_key": KEY[:-4], "roles": ["stop"]}}}, "public_key: must be 32 bytes as base64"),
        ({"people": {"ada": {"public_key": "?" * 44, "roles": ["stop"]}}}, "public_key: must be 32 bytes as base64"),
        ({"people": {"ada": {"roles": ["stop"]}}}, "people.ada.public_key: is missing"),
        ({"people": {" ": {"public_key": KEY, "roles": ["stop"]}}}, "people: a name is one line"),
        ({"people": {name: {"public_key": KEY, "roles": ["stop"]} for name in "ab"}}, "people: two have one key"),
        ({"telemetry": {"traces": {"share": 2}}}, "share: must be from 0 to 1"),
        ({"telemetry": {"trace": {}}}, "telemetry.trace: is not a known key"),
        ({"limits": {"max_faces": 0}}, "max_faces: must be at least 1"),
        ({"limits": {"max_side_px": 0}}, "max_side_px: must be at least 1"),
        ({"limits": {"max_side_px": 40000}}, "max_side_px: must be at most"),
    ],
)
def test_settings_that_cannot_work_are_refused_when_they_are_read(
    write_document: Any, changes: dict[str, Any], words: str
) -> None:
    """Before anything is started, with the file's name."""
    path = write_document({**FILE, **changes})
    text = _refusal(path)
    assert words in text
    assert text.startswith(str(path))


@pytest.mark.parametrize("password", ["hunter2", 5])
def test_a_password_in_a_file_is_refused_and_not_repeated(write_document: Any, password: Any) -> None:
    """Files are copied, shared and committed."""
    security = {"protocol": "SASL_SSL", "mechanism": "PLAIN", "username": "u", "password": password}
    text = _refusal(write_document({**FILE, "kafka": {"security": security}}))
    assert "password" in text
    assert str(password) not in text.replace("document.yaml", "").split("password", 1)[1]


def test_addresses_come_from_the_environment(write_document: Any) -> None:
    """They replace what the file says; empty ones do not."""
    path = write_document({**FILE, "kafka": {"bootstrap": "file:1"}, "ray": "file:2"})
    environment = {"BEHOLDEN_KAFKA_BOOTSTRAP": "env:1", "BEHOLDEN_RAY_ADDRESS": "env:2"}
    found = read_cluster(path, environment)
    assert (found.kafka.bootstrap, found.ray) == ("env:1", "env:2")
    unset = read_cluster(path, dict.fromkeys(environment, ""))
    assert (unset.kafka.bootstrap, unset.ray) == ("file:1", "file:2")


def test_the_password_is_in_no_settings(write_document: Any) -> None:
    """They are arguments of Ray's actors: neither from the environment nor by whoever puts it there is it sent on."""
    security = {"protocol": "SASL_SSL", "mechanism": "PLAIN", "username": "u", "cafile": "ca.pem"}
    found = read_cluster(write_document({**FILE, "kafka": {"security": security}}), PASSWORD)
    assert found.kafka.security.password is None
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301 - written here
    put = replace(found.kafka.security, password=PASSWORD["BEHOLDEN_KAFKA_PASSWORD"])
    sent = pickle.dumps(replace(found, kafka=replace(found.kafka, security=put)))
    assert b"hunter2" not in sent
    assert pickle.loads(sent) == found  # noqa: S301 - written here
    assert "hunter2" not in repr(put)


def test_the_nearest_word_about_kafka_wins(write_document: Any) -> None:
    """Command line, environment, file, this machine."""
    path = write_document({**FILE, "kafka": {"bootstrap": "file:1", "topic_prefix": "x."}})
    environment = {"BEHOLDEN_KAFKA_BOOTSTRAP": "env:1"}
    assert kafka_from_cli(path, "cli:1", environment).bootstrap == "cli:1"
    assert kafka_from_cli(path, "cli:1", environment).topic_prefix == "x."
    assert kafka_from_cli(path, None, environment).bootstrap == "env:1"
    assert kafka_from_cli(path, None, {}).bootstrap == "file:1"
    assert kafka_from_cli(None, None, environment).bootstrap == "env:1"
    assert kafka_from_cli(None, None, {}) == KafkaSettings()


def test_only_shards_have_a_layout(write_document: Any) -> None:
    """One replica of each unless more are asked for."""
    assert read_cluster(write_document(FILE), {}).index.layout is None
    index = {"placement": "sharded", "shards": 3}
    assert read_cluster(write_document({**FILE, "index": index}), {}).index.layout == Layout(3, 1)
    assert read_cluster(write_document({**FILE, "index": index | {"replicas": 2}}), {}).index.layout == Layout(3, 2)


def test_a_ray_that_exists_may_have_resources_for_each_kind_of_process(write_document: Any) -> None:
    """Whole ones, or a part of one."""
    index = {"placement": "sharded", "resources": {"index": 1}}
    named = {"recognisers": {"resources": {"lane": 0.25}}, "index": index, "supervisor": {"resources": {"desk": 1}}}
    found = read_cluster(write_document({**FILE, "ray": "head:6379", **named}), {})
    assert (found.recognisers.resources, found.index.resources) == ({"lane": 0.25}, {"index": 1})
    assert found.supervisor.resources == {"desk": 1}


def test_security_is_read_as_written(write_document: Any) -> None:
    """Names as Kafka spells them."""
    security = {"protocol": "SASL_SSL", "mechanism": "SCRAM-SHA-512", "username": "u", "cafile": "ca.pem"}
    found = read_cluster(write_document({**FILE, "kafka": {"security": security}}), {}).kafka.security
    assert (found.protocol, found.mechanism, found.cafile) == (Protocol.SASL_SSL, "SCRAM-SHA-512", "ca.pem")


def test_limits_reach_the_header_check() -> None:
    """Each under its own name."""
    limits = Limits(max_frame_bytes=1, max_side_px=2, max_pixels=3, min_side_px=4, max_scans=5)
    assert limits.jpeg == JpegLimits(max_bytes=1, max_side_px=2, max_pixels=3, min_side_px=4, max_scans=5)
