"""A cluster file, its policy and its models' manifests, checked together: all that a process needs to take part."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import cv2

from cluster.policies.files import policy_in, read_named
from cluster.policies.in_force import PolicyInForce, read_manifests
from cluster.settings import ClusterSettings, read_cluster
from cluster.software import software
from cluster.wire.alerts import AlertContext
from cluster.wire.release import Release
from operators.align import TEMPLATE_NAME
from operators.detect import open_detector
from operators.embed import open_embedder
from operators.models import EmbeddingContract, ModelManifest, read_model
from operators.retention import RetentionProfile
from operators.vision import Vision


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to run.

    Attributes:
        settings: The cluster file.
        in_force: The policy and its digest.
        detector: Manifest of the detector the policy names.
        embedder: Manifest of the embedder the policy names.
        release: How the policy was released, if it was: one that stands in a file of its own has not been.
    """

    settings: ClusterSettings
    in_force: PolicyInForce
    detector: ModelManifest
    embedder: ModelManifest
    release: Release | None = None

    @property
    def contract(self) -> EmbeddingContract:
        """What vectors must have in common to be comparable."""
        return EmbeddingContract.of(self.embedder, self.detector, TEMPLATE_NAME)

    def differs_in_layout_only(self, other: "Plan") -> bool:
        """Whether two plans are equal but for the number of index shards and their replicas, or altogether."""
        index, theirs = self.settings.index, other.settings.index
        if index.layout is None or theirs.layout is None:
            return self == other
        index = replace(index, shards=theirs.shards, replicas=theirs.replicas)
        return replace(self, settings=replace(self.settings, index=index)) == other

    def retention(self, now: datetime) -> RetentionProfile:
        """How long things are kept at a moment, UTC-aware: see `Release.retention`."""
        return self.release.retention(now) if self.release else self.in_force.policy.retention

    @property
    def group(self) -> str:
        """Kafka consumer group of the recognisers."""
        return f"beholden.{self.settings.cluster}"

    @property
    def context(self) -> AlertContext:
        """The settings in force, as every alert names them."""
        policy = self.in_force.policy
        return AlertContext(
            deployment=policy.deployment,
            policy=policy.policy,
            policy_digest=self.in_force.digest,
            detector=self.detector.sha256,
            embedder=self.embedder.sha256,
            contract=self.contract.digest,
            software=software(),
            confirm_frames=policy.sightings.confirm_frames,
            of_frames=policy.sightings.of_frames,
        )


def read_plan(path: Path) -> Plan:
    """Read the cluster file at `path` and everything it names.

    Raises:
        SettingsRefused: With every fault found, by file and line. ReleaseRefused: It names a release that is none.
    """
    settings = read_cluster(path)
    named = read_named(settings.policy)
    release, in_force = named if isinstance(named, Release) else None, policy_in(named)
    detector, embedder = read_manifests(settings.policy, in_force.policy, settings.models.manifests)
    return Plan(settings, in_force, detector, embedder, release)


def with_release(plan: Plan, release: Release) -> Plan:
    """The same under another policy.

    Raises:
        SettingsRefused: Its models are not here, or must not look at the people it is for.
    """
    where, manifests = Path(f"policy {release.number}"), plan.settings.models.manifests
    detector, embedder = read_manifests(where, release.in_force.policy, manifests)
    return replace(plan, in_force=release.in_force, detector=detector, embedder=embedder, release=release)


def check_models(plan: Plan) -> None:
    """Make sure that the model files are those that the policy pins, without loading them.

    Raises:
        ModelRefused: One is not.
    """
    for manifest in (plan.detector, plan.embedder):
        read_model(manifest, plan.settings.models.files)


def open_vision(plan: Plan) -> Vision:
    """Load and warm up the models; OpenCV, which shrinks large frames, uses as many threads as they do from then on.

    Raises:
        ModelRefused: A file that is not the one pinned, or a graph that does not do what its manifest says.
        DeviceUnavailable: `device: cuda` without CUDA.
    """
    settings, policy = plan.settings, plan.in_force.policy
    files, device, threads = settings.models.files, settings.device, settings.recognisers.threads
    cv2.setNumThreads(threads)  # by itself it takes every core, whoever works there
    return Vision(
        detector=open_detector(plan.detector, read_model(plan.detector, files), device, threads, policy.detect),
        embedder=open_embedder(plan.embedder, read_model(plan.embedder, files), device, threads),
        quality=policy.quality,
        limits=settings.limits.jpeg,
        max_side_px=policy.detect.max_side_px,
        max_faces=settings.limits.max_faces,
        detect_batch=settings.recognisers.detect_batch,
        decode_threads=settings.recognisers.decode_threads,
    )
