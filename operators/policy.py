"""Everything that can change who is put on a screen, as one immutable value.

There are no defaults here: a number that decides about a person is written in the policy or the policy is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from operators.decide import WatchlistRule
from operators.detect import DetectSettings
from operators.freshness import FreshnessRule
from operators.hours import Hours
from operators.models import ModelManifest, People
from operators.quality import QualitySettings
from operators.retention import RetentionProfile
from operators.sightings import SightingSettings

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEXTS = (
    "deployment",
    "purpose",
    "authority",
    "legal_basis",
    "expected_outcome",
    "controller",
    "contact",
    "complaints",
)
LONGEST_NONMATCH_S = 2.0  # whoever was not recognised is forgotten at once; what takes longer is a fault to tell of


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model, by name and by content.

    Attributes:
        model: Name of a manifest.
        sha256: Digest (hex) that both the manifest and the file must have.
        manifest: Digest (hex) of the manifest, so that how the model is fed, and under which licence, cannot be
            exchanged later: `beholden policy digest` prints it.
    """

    model: str
    sha256: str
    manifest: str

    def __post_init__(self) -> None:
        _check_sha256(self.sha256)
        _check_sha256(self.manifest, "manifest")


@dataclass(frozen=True, slots=True)
class Engagement:
    """The public was asked or told: where that is written down. Whether it agreed, no file can prove.

    Attributes:
        reference: The document.
        sha256: Its digest (hex), so that it cannot be exchanged later.
    """

    reference: str
    sha256: str

    def __post_init__(self) -> None:
        _check_sha256(self.sha256)
        if not self.reference.strip():
            raise ValueError("reference: must not be empty")


@dataclass(frozen=True, slots=True)
class Assessments:
    """What was weighed beforehand, and where that is written down.

    Attributes:
        data_protection: Reference of the data protection impact assessment.
        equality: Reference of the equality impact assessment.
    """

    data_protection: str
    equality: str

    def __post_init__(self) -> None:
        for name in ("data_protection", "equality"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name}: must not be empty")


@dataclass(frozen=True, slots=True)
class Policy:
    """One numbered policy.

    Attributes:
        policy: Number of this policy within its deployment; a released number is never edited.
        deployment: Name of the deployment it is for.
        purpose: Why faces are searched for, in words a member of the public understands.
        authority: Who authorised it and where that is written down.
        legal_basis: The law that allows it.
        expected_outcome: What is to come of it, said beforehand so that it can be held against what came.
        controller: Who answers for it.
        contact: How they are reached.
        complaints: How and to whom to complain.
        public_engagement: How the public was asked or told.
        assessments: What was weighed beforehand.
        start: From when faces may be searched for, UTC.
        end: Until when, UTC; the end itself does not belong to it.
        review_by: When its use must have been looked at, UTC, at the latest at the end. Nothing is searched for after
            it: a new policy says that the review has taken place.
        hours: At what times of the week.
        retention: How long things are kept.
        licences: Licences of models that are accepted, as the manifests state them.
        max_nonmatch_s: Longest time that a face which does not match may exist in the process that saw it, seconds,
            above 0 and at most 2. Too low alarms on every hiccup, too high is a promise of nothing.
        people: Whom its cameras show: `real` people, or `synthetic` ones, who do not exist, in tests, demonstrations
            and load tests.
        cameras: Ids of the cameras it covers; frames of any other are refused.
        max_frame_age_ms: Older frames are shed. Too low sheds on every hiccup, too high alerts when the person is gone.
        freshness: Which frames are looked at when not all of them can be.
        detector: Which detector.
        detect: Its settings.
        quality: Which faces are good enough to be compared, at enrolment and in a frame.
        embedder: Which embedder.
        watchlists: By list name: threshold, floor and exceptions by camera.
        sightings: Passages, confirmation and cool-down.
    """

    policy: int
    deployment: str
    purpose: str
    authority: str
    legal_basis: str
    expected_outcome: str
    controller: str
    contact: str
    complaints: str
    public_engagement: Engagement
    assessments: Assessments
    people: People
    start: datetime
    end: datetime
    review_by: datetime
    hours: Hours
    retention: RetentionProfile
    licences: tuple[str, ...]
    max_nonmatch_s: float
    cameras: tuple[str, ...]
    max_frame_age_ms: int
    freshness: FreshnessRule
    detector: ModelChoice
    detect: DetectSettings
    quality: QualitySettings
    embedder: ModelChoice
    watchlists: dict[str, WatchlistRule]
    sightings: SightingSettings

    def __post_init__(self) -> None:
        checks = {
            "policy: numbers start at 1": self.policy >= 1,
            **{f"{name}: must not be empty": bool(getattr(self, name).strip()) for name in _TEXTS},
            "cameras: must not be empty": bool(self.cameras),
            "cameras: an id is given twice": len(set(self.cameras)) == len(self.cameras),
            "watchlists: must not be empty": bool(self.watchlists),
            "licences: name at least one, each once": 0 < len(self.licences) == len(set(self.licences)),
            "max_frame_age_ms: must be at least 1": self.max_frame_age_ms >= 1,
            f"max_nonmatch_s: must be above 0 and at most {LONGEST_NONMATCH_S:g}": 0
            < self.max_nonmatch_s
            <= LONGEST_NONMATCH_S,
        }
        wrong = [text for text, holds in checks.items() if not holds]
        if wrong := [*wrong, *self._wrong_times(), *self._wrong_cameras()]:
            raise ValueError("; ".join(wrong))

    def _wrong_times(self) -> Iterator[str]:
        times = {name: getattr(self, name) for name in ("start", "end", "review_by")}
        local = [name for name, time in times.items() if time.utcoffset() != timedelta(0)]
        if local:
            yield f"{', '.join(local)}: must be in UTC, written as 2026-01-31T12:00:00Z"
            return
        if not self.start < self.end:
            yield "end: must be after start"
        if not self.start < self.review_by <= self.end:
            yield "review_by: must be after start and at the latest at the end"

    def _wrong_cameras(self) -> Iterator[str]:
        exceptions = {f"watchlists.{name}": set(rule.cameras) for name, rule in self.watchlists.items()}
        for part, named in {**exceptions, "freshness": set(self.freshness.cameras)}.items():
            strangers = sorted(named - set(self.cameras))
            if strangers:
                yield f"{part}.cameras: not among the policy's cameras: {', '.join(strangers)}"
        for name, rule in self.watchlists.items():
            if rule.canary is not None and rule.canary not in self.cameras:
                yield f"watchlists.{name}.canary: not among the policy's cameras: {rule.canary}"
            for camera in sorted(set(rule.cameras) & set(self.canaries.values()) - {rule.canary}):
                yield (
                    f"watchlists.{name}.cameras: {camera} is a canary's camera, where nobody of this list is searched "
                    "for: leave it out here, or give the canary a camera of its own"
                )

    def in_scope(self, camera: str, at: datetime) -> bool:
        """Whether a frame of this camera, taken at this moment (aware of its zone), may be looked at."""
        return camera in self.cameras and self.is_valid(at) and self.hours.include(at)

    def is_valid(self, at: datetime) -> bool:
        """Whether this moment, aware of its zone, lies between start and end and before the review is due."""
        return self.start <= at < min(self.end, self.review_by)

    @property
    def canaries(self) -> dict[str, str]:
        """Lists of people who exist only to show that alerts come: the camera of each, by name."""
        return {name: rule.canary for name, rule in self.watchlists.items() if rule.canary is not None}

    @property
    def lowest_threshold(self) -> float:
        """No cosine below this can become an alert of any list on any camera."""
        return min(min((rule.threshold, *rule.cameras.values())) for rule in self.watchlists.values())


def unfit_models(policy: Policy, detector: ModelManifest, embedder: ModelManifest) -> list[str]:
    """Why models must not look at the people whom a policy's cameras show, one text a model; empty where they may.

    Models trained on real people may look at synthetic ones: that decides about nobody.
    """
    if policy.people == People.SYNTHETIC:
        return []
    return [
        f"{field}.model: {manifest.name} was trained on people who do not exist, so how accurate it is on real faces "
        f"is not known, and this policy is for {policy.people} people; write a new policy that names a model trained "
        "on real people, with thresholds calibrated for it, or, where its cameras show only people who do not exist, "
        f"says people: {People.SYNTHETIC}"
        for field, manifest in (("detector", detector), ("embedder", embedder))
        if manifest.people != People.REAL
    ]


def unaccepted_models(policy: Policy, detector: ModelManifest, embedder: ModelManifest) -> list[str]:
    """Which models stand under a licence that a policy does not accept, one text a model; empty where all are accepted.

    Who accepts a licence decides about more than this software can see: some allow research alone.
    """
    accepted = ", ".join(policy.licences)
    return [
        f"{field}.model: {manifest.name} is licensed as {manifest.licence}, and the policy accepts {accepted}; read "
        "the licence, and add it to 'licences' in a new policy, or name another model"
        for field, manifest in (("detector", detector), ("embedder", embedder))
        if manifest.licence not in policy.licences
    ]


def _check_sha256(text: str, name: str = "sha256") -> None:
    if not _SHA256.fullmatch(text):
        raise ValueError(f"{name}: must be 64 lower-case hexadecimal digits")
