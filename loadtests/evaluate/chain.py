"""The operators that a policy puts in force, with its settings and its models."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from cluster.plan import Plan, open_vision
from cluster.policies.in_force import read_manifests, read_policy
from cluster.settings import ClusterSettings, Models, Recognisers
from operators.decode import decode, encode
from operators.detect import Detector, open_detector
from operators.jpeg import check_header
from operators.models import read_model
from operators.types import Faces, Image
from operators.vision import Seen, Vision

_QUALITY = 98  # pictures have been a JPEG once already: this adds next to nothing


def plan_of(policy: Path, manifests: Path, models: Path) -> Plan:
    """What a recogniser would run under a policy, on one thread of a processor.

    Raises:
        SettingsRefused: The policy or its manifests are not in order.
        ModelRefused: A model's file is not the one that is pinned.
    """
    settings = ClusterSettings("evaluate", policy, Models(manifests, models), recognisers=Recognisers(threads=1))
    in_force = read_policy(policy)
    detector, embedder = read_manifests(policy, in_force.policy, manifests)
    for manifest in (detector, embedder):
        read_model(manifest, models)
    return Plan(settings, in_force, detector, embedder)


class Chain:
    """The operators of a plan.

    Args:
        plan: What is in force.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.vision: Vision = open_vision(plan)
        self._detector = _open_detector(plan)

    def find(self, image: Image) -> tuple[Faces, npt.NDArray[np.bool_]]:
        """All faces that the detector finds, and which of them pass the gates.

        Args:
            image: (h, w, 3) uint8, BGR.
        """
        jpeg, settings = as_jpeg(image), self._plan.settings
        header = check_header(jpeg, settings.limits.jpeg)
        decoded = decode(jpeg, header, self._plan.in_force.policy.detect.max_side_px)
        found = self._detector.detect(decoded)
        passes = np.zeros(len(found), bool)
        [seen] = self.vision.see([jpeg])
        if isinstance(seen, Seen):
            passes[seen.numbers] = True
        scale = np.float32(header.width / decoded.shape[1])
        return Faces(found.boxes * scale, found.confidence, found.landmarks * scale), passes


def as_jpeg(image: Image) -> bytes:
    """A picture as a camera would send it."""
    return encode(image, _QUALITY)


def _open_detector(plan: Plan) -> Detector:
    settings, policy = plan.settings, plan.in_force.policy
    model = read_model(plan.detector, settings.models.files)
    return open_detector(plan.detector, model, settings.device, settings.recognisers.threads, policy.detect)
