"""Everything that can change who is put on a screen, as one immutable value.

There are no defaults here: a number that decides about a person is written in the policy or the policy is refused.
"""

from dataclasses import dataclass

from operators.decide import WatchlistRule
from operators.detect import DetectSettings
from operators.freshness import FreshnessRule
from operators.models import ModelManifest, People
from operators.quality import QualitySettings
from operators.sightings import SightingSettings


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model, by name and by content.

    Attributes:
        model: Name of a manifest.
        sha256: Digest (hex) that both the manifest and the file must have.
    """

    model: str
    sha256: str

    def __post_init__(self) -> None:
        if len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError("sha256: must be 64 lower-case hexadecimal digits")


@dataclass(frozen=True, slots=True)
class Policy:
    """One numbered policy.

    Attributes:
        policy: Number of this policy within its deployment; a released number is never edited.
        deployment: Name of the deployment it is for.
        purpose: Why faces are searched for, in words a member of the public understands.
        authority: Who authorised it and where that is written down.
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
    people: People
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
        if self.policy < 1:
            raise ValueError("policy: numbers start at 1")
        for name in ("deployment", "purpose", "authority", "cameras", "watchlists"):
            if not getattr(self, name):
                raise ValueError(f"{name}: must not be empty")
        if self.max_frame_age_ms < 1:
            raise ValueError("max_frame_age_ms: must be at least 1")
        self._check_cameras()

    def _check_cameras(self) -> None:
        if len(set(self.cameras)) != len(self.cameras):
            raise ValueError("cameras: an id is given twice")
        exceptions = {f"watchlists.{name}": set(rule.cameras) for name, rule in self.watchlists.items()}
        for part, named in {**exceptions, "freshness": set(self.freshness.cameras)}.items():
            strangers = sorted(named - set(self.cameras))
            if strangers:
                raise ValueError(f"{part}.cameras: not among the policy's cameras: {', '.join(strangers)}")

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
