"""The cluster file: plumbing that decides nothing about a person.

Ray's address may also come from the environment, BEHOLDEN_RAY_ADDRESS; Kafka's as `kafka_settings` says.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from cluster.folders import state_folder
from cluster.kafka_settings import KafkaSettings, be_counts, with_environment
from cluster.policies.signatures import Person
from cluster.shards.layout import Layout
from cluster.strict_yaml import read
from cluster.telemetry.settings import TelemetrySettings
from cluster.wire.text import is_line
from operators.errors import SettingsRefused
from operators.jpeg import JpegLimits
from operators.onnx import Device

_NAME_BYTES = 200
_BUILT_IN = ("CPU", "GPU", "memory", "object_store_memory")  # resources that Ray counts by itself


@dataclass(frozen=True, slots=True)
class Models:
    """Where models are.

    Attributes:
        manifests: Folder of the manifests.
        files: Folder of the model files they name.
    """

    manifests: Path
    files: Path


@dataclass(frozen=True, slots=True)
class Recognisers:
    """The lanes.

    Attributes:
        count: How many processes share the frames; with `most`, the least.
        most: Most of them: more than `count` are started while more frames come than those can look at, and leave
            again. None: as many as `count`, always. Give Ray the processors for all of them.
        standby: How many more stand by with their models loaded and look at nothing: one goes to work at once when the
            process of another ends, until that one is back. Each needs the memory of a recogniser.
        more_after_s: How long there must have been too much for them before one more is started. It takes seconds to
            start, and every start and end makes all others pause for a moment.
        fewer_after_s: How long one less must have been enough before one leaves.
        threads: Threads of each one's models. On a processor: cores / count.
        poll_frames: Most frames of one batch. Embedding and search are done for all its faces at once.
        detect_batch: Frames of one size that the detector takes at once. On a processor 1, where eight lose a tenth,
            but with a `max_side_px` of about 320 gain 6 %. A graph of fixed batch takes 1.
        decode_threads: Frames of a batch that are decoded at once, beside the networks. On a processor 1: these have
            every core. With `device: cuda` cores / count.
        gpu_share: With `device: cuda`, the part of one card that a recogniser is given: 0.25 puts four on a card.
        resources: What its node must say it has, and how much of that one recogniser takes: see `ClusterSettings.ray`.
    """

    count: int = 1
    most: int | None = None
    standby: int = 0
    more_after_s: float = 5.0
    fewer_after_s: float = 60.0
    threads: int = 1
    poll_frames: int = 8
    detect_batch: int = 1
    decode_threads: int = 1
    gpu_share: float = 1.0
    resources: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        be_counts(self, "count", "threads", "poll_frames", "detect_batch", "decode_threads")
        _be_resources(self.resources)
        if self.most is not None and self.most < self.count:
            raise ValueError(f"most: must be at least count ({self.count}), found {self.most}")
        for name in ("standby", "more_after_s", "fewer_after_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: must be at least 0, found {getattr(self, name)}")
        if not self.gpu_share > 0:
            raise ValueError(f"gpu_share: must be above 0, found {self.gpu_share}")


class Placement(StrEnum):
    """Where the watchlist is searched."""

    IN_LANE = "in-lane"
    SHARDED = "sharded"


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """The watchlist's place.

    Attributes:
        placement: `in-lane`: every recogniser holds all of it; `sharded`: index shards share it.
        shards: Number of shards when sharded.
        replicas: Processes that hold each shard when sharded; each search asks one, and with 2 another answers when one
            is lost. Each needs the shard's memory, and is put on another machine where there is one.
        threads: Of one search, in a recogniser or a shard.
        device: What it is searched on; None: what the models run on. Up to some 100,000 entries a processor will do.
        gpu_share: Where it is searched on a card, the part of one that a replica of a shard is given. 0: Ray sets none
            aside and it uses the first of its node, which suits nodes with one card.
        snapshots: Folder on a local disk in which each holder of the list keeps what it has read, so that a restart
            need not read the topic from its beginning. It holds vectors: protect it as the topic, give each cluster one
            of its own, and empty it by hand when you name another. Not needed.
        resources: As those of a recogniser, of one replica of one shard: a node that has enough for one holds one.
    """

    placement: Placement = Placement.IN_LANE
    shards: int = 1
    replicas: int = 1
    threads: int = 1
    device: Device | None = None
    gpu_share: float = 0.0
    snapshots: Path | None = None
    resources: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        be_counts(self, "shards", "replicas", "threads")
        if self.gpu_share < 0:
            raise ValueError(f"gpu_share: must be at least 0, found {self.gpu_share}")
        _be_resources(self.resources)
        if self.placement is Placement.IN_LANE and self.resources:
            raise ValueError("resources: only 'placement: sharded' has processes that are placed by them")
        for name in ("shards", "replicas"):
            if self.placement is Placement.IN_LANE and getattr(self, name) != 1:
                raise ValueError(f"{name}: only 'placement: sharded' can have more than 1")

    @property
    def layout(self) -> Layout | None:
        """How shards divide the list; None when every recogniser holds all of it."""
        return Layout(self.shards, self.replicas) if self.placement is Placement.SHARDED else None

    def folder_of(self, holder: str) -> Path | None:
        """Where one holder of the list keeps what it has read; no two share a folder."""
        return self.snapshots / holder if self.snapshots else None


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """Who keeps the others alive.

    Attributes:
        resources: As those of a recogniser; without any it runs where Ray's head is. It needs the key that signs
            checkpoints, and others need not have that.
    """

    resources: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _be_resources(self.resources)


class Delivery(StrEnum):
    """What is promised of an alert, see docs/decisions/0015-delivery.md.

    Attributes:
        AT_LEAST_ONCE: None is lost; one may be in the topic more than once, under the same id.
        EXACTLY_ONCE: Alerts and offsets are one transaction; an alert can be read once that is committed.
    """

    AT_LEAST_ONCE = "at-least-once"
    EXACTLY_ONCE = "exactly-once"


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """How the ledger is sealed, see docs/decisions/0019-ledger.md.

    Attributes:
        checkpoint_s: Time between two checkpoints while there is anything new. What is behind the last one may be cut
            off unnoticed.
        checkpoint_records: A checkpoint comes sooner when so many records are new, and covers no more.
        anchor_file: File to which a line is added for each checkpoint, at best on a medium that can only be added to.
            None: checkpoints are published in topic `ledger-heads` alone.
    """

    checkpoint_s: float = 60.0
    checkpoint_records: int = 1000
    anchor_file: Path | None = None

    def __post_init__(self) -> None:
        be_counts(self, "checkpoint_records")
        if not self.checkpoint_s > 0:
            raise ValueError(f"checkpoint_s: must be above 0, found {self.checkpoint_s}")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one frame may ask for, whatever camera it claims to be from.

    Attributes:
        max_frame_bytes: Largest JPEG.
        max_side_px: Longest side of an image.
        max_pixels: Most pixels of an image; decoding needs 3 bytes for each.
        min_side_px: Shortest side of an image.
        max_scans: Most scans of a progressive JPEG; each costs a pass over the whole image.
        max_faces: Most faces of one frame.
    """

    max_frame_bytes: int = 4 * 1024 * 1024
    max_side_px: int = 8192
    max_pixels: int = 40_000_000
    min_side_px: int = 16
    max_scans: int = 100
    max_faces: int = 1000

    def __post_init__(self) -> None:
        be_counts(self, "max_faces")
        _ = self.jpeg  # refuses here, not when the models are loaded, what no header check can work with

    @property
    def jpeg(self) -> JpegLimits:
        """The part that the header check needs."""
        return JpegLimits(
            max_bytes=self.max_frame_bytes,
            max_side_px=self.max_side_px,
            max_pixels=self.max_pixels,
            min_side_px=self.min_side_px,
            max_scans=self.max_scans,
        )


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """One cluster file.

    Attributes:
        cluster: Name; Ray's namespace and the consumer group follow from it.
        policy: The policy file in force.
        models: Where models are.
        kafka: Which Kafka.
        ray: `local`, or the address HOST:PORT of a Ray cluster that exists. Its nodes may say that they have
            `resources` of any names; who asks for some is put on a node that has them, and Ray's autoscaler makes one.
        device: What the models run on. `cuda` runs on CUDA or refuses to start.
        recognisers: The lanes.
        supervisor: Who keeps them alive.
        delivery: What is promised of an alert.
        index: The watchlist's place.
        limits: What one frame may ask for.
        ledger: How the ledger is sealed.
        keys: Folder of the deployment's secret keys, needed where people are put on lists and taken off; None: a folder
            of the user's own, see `key_folder`.
        people: Whose signatures count under policies and orders, by name, with their keys and what they may do.
        telemetry: Where traces and metrics go; without it nowhere.
    """

    cluster: str
    policy: Path
    models: Models
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    ray: str = "local"
    device: Device = Device.CPU
    recognisers: Recognisers = field(default_factory=Recognisers)
    supervisor: SupervisorSettings = field(default_factory=SupervisorSettings)
    delivery: Delivery = Delivery.AT_LEAST_ONCE
    index: IndexSettings = field(default_factory=IndexSettings)
    limits: Limits = field(default_factory=Limits)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    keys: Path | None = None
    people: dict[str, Person] = field(default_factory=dict)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)

    def __post_init__(self) -> None:
        if not self.cluster.replace("-", "").isalnum() or not self.cluster.isascii():
            raise ValueError(f"cluster: letters, digits and dashes only, found {self.cluster!r}")
        if self.index.shards > self.kafka.watchlist_partitions:
            raise ValueError("index.shards: must not exceed kafka.watchlist_partitions")
        if (self.recognisers.most or 0) > self.kafka.frame_partitions:
            raise ValueError("recognisers.most: must not exceed kafka.frame_partitions, one more would have none")
        if self.index.placement is Placement.IN_LANE and (self.index_device, self.device) == (Device.CUDA, Device.CPU):
            raise ValueError("index.device: recognisers on a processor have no card: use 'placement: sharded', or cpu")
        if self.starts_ray and (self.recognisers.resources or self.index.resources or self.supervisor.resources):
            raise ValueError("resources: a Ray of our own has none: name the Ray whose nodes do, as 'ray: HOST:PORT'")
        if not all(is_line(name, _NAME_BYTES) for name in self.people):
            raise ValueError(f"people: a name is one line of at most {_NAME_BYTES} bytes")
        if len({person.key_id for person in self.people.values()}) != len(self.people):
            raise ValueError("people: two have one key; whoever signs for both is one person")

    @property
    def starts_ray(self) -> bool:
        """Whether a cluster has a Ray of its own, on this machine."""
        return self.ray == "local"

    @property
    def index_device(self) -> Device:
        """What the watchlist is searched on."""
        return self.index.device or self.device

    @property
    def key_folder(self) -> Path:
        """Where the deployment's secret keys are."""
        return self.keys or state_folder() / "keys" / self.cluster


def read_cluster(path: Path, environment: Mapping[str, str] = os.environ) -> ClusterSettings:
    """The settings in the file at `path`; relative paths in it start from its folder.

    Raises:
        SettingsRefused: With every fault found, by line.
    """
    settings = read(path, ClusterSettings)
    if settings.kafka.security.password is not None:
        raise SettingsRefused(
            f"{path}: kafka.security.password: set BEHOLDEN_KAFKA_PASSWORD instead and remove it here"
        )
    here, index, ledger = path.resolve().parent, settings.index, settings.ledger
    return replace(
        settings,
        policy=here / settings.policy,
        models=Models(here / settings.models.manifests, here / settings.models.files),
        index=replace(index, snapshots=index.snapshots and here / index.snapshots),
        ledger=replace(ledger, anchor_file=ledger.anchor_file and here / ledger.anchor_file),
        keys=settings.keys and here / settings.keys,
        kafka=with_environment(settings.kafka, environment),
        ray=environment.get("BEHOLDEN_RAY_ADDRESS") or settings.ray,
    )


def kafka_from_cli(
    file: Path | None, bootstrap: str | None, environment: Mapping[str, str] = os.environ
) -> KafkaSettings:
    """Which Kafka a command talks to: `--bootstrap`, else the environment, else the cluster file, else this machine."""
    kafka = read_cluster(file, environment).kafka if file else with_environment(KafkaSettings(), environment)
    return replace(kafka, bootstrap=bootstrap) if bootstrap else kafka


def _be_resources(resources: Mapping[str, float]) -> None:
    for name, amount in resources.items():
        if name in _BUILT_IN or not is_line(name, _NAME_BYTES):
            raise ValueError(f"resources: {name!r} is no name for one of your own")
        if not (0 < amount < 1 or (amount >= 1 and amount == int(amount))):
            raise ValueError(f"resources.{name}: must be above 0, and whole from 1 on, found {amount}")
