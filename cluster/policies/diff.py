"""What another policy changes, and whether more people, more doubtful faces or longer times come with it.

Every field has a rule. A change that no machine can weigh, such as another model or another purpose, loosens: two
people look at it. The table is in docs/decisions/0020-signed-policies.md.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any

from operators.decide import WatchlistRule
from operators.freshness import CameraFreshness, FreshnessRule, Rule
from operators.hours import Hours
from operators.models import People
from operators.policy import Policy

RETENTION = ("uk-strict", "uk-31d", "eu-rbi")
"""Profiles of configs/retention, the shortest first."""


class Effect(StrEnum):
    """Which way a change goes."""

    LOOSENS = "loosens"
    TIGHTENS = "tightens"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Difference:
    """One change.

    Attributes:
        at: The key, such as `watchlists.sought.threshold`.
        before: What it was; None when there was nothing.
        after: What it becomes; None when there is nothing any more.
        effect: Which way it goes.
    """

    at: str
    before: Any
    after: Any
    effect: Effect


_Judge = Callable[[Any, Any], Effect]


def _way(loosens: bool) -> Effect:
    return Effect.LOOSENS if loosens else Effect.TIGHTENS


def _less(before: Any, after: Any) -> Effect:
    """Less of it loosens."""
    return _way(after < before)


def _more(before: Any, after: Any) -> Effect:
    """More of it loosens."""
    return _way(after > before)


def _others(before: Sequence[str] | Mapping[str, Any], after: Sequence[str] | Mapping[str, Any]) -> Effect:
    """One more loosens, whatever else is left out; another order is nothing."""
    if set(before) == set(after):
        return Effect.NEITHER
    return _way(bool(set(after) - set(before)))


def _any(before: Any, after: Any) -> Effect:
    """Every change loosens."""
    return Effect.LOOSENS


def _none(before: Any, after: Any) -> Effect:
    """No change does."""
    return Effect.NEITHER


def _hours(before: Hours, after: Hours) -> Effect:
    if before.cover(after) and after.cover(before):
        return Effect.NEITHER
    return _way(not before.cover(after))


def _people(before: People, after: People) -> Effect:
    """Unsigned policies and models that know nobody real are for people who do not exist."""
    return _way(after is People.SYNTHETIC)


def _retention(before: str, after: str) -> Effect:
    """A profile that is not known is taken for a longer one."""
    known = before in RETENTION and after in RETENTION
    return _way(not known or RETENTION.index(after) > RETENTION.index(before))


def _looked_at(rule: CameraFreshness) -> tuple[int, float]:
    """Grows with the frames that are looked at."""
    return (Rule.SAMPLE, Rule.NEWEST, Rule.EVERY).index(rule.rule), rule.frames_per_s or 0.0


def _freshness(before: CameraFreshness, after: CameraFreshness) -> Effect:
    return _way(_looked_at(after) > _looked_at(before))


RULES: dict[str, _Judge] = {
    "policy": _none,
    "deployment": _none,  # another deployment's policy is refused altogether
    "purpose": _any,
    "authority": _none,
    "legal_basis": _none,
    "expected_outcome": _none,
    "controller": _none,
    "contact": _none,
    "complaints": _none,
    "public_engagement.reference": _none,
    "public_engagement.sha256": _none,
    "assessments.data_protection": _none,
    "assessments.equality": _none,
    "people": _people,
    "start": _less,
    "end": _more,
    "review_by": _more,
    "hours": _hours,
    "retention": _retention,
    "licences": _others,
    "max_nonmatch_s": _more,
    "cameras": _others,
    "max_frame_age_ms": _more,
    "freshness": _freshness,
    "freshness.cameras.*": _freshness,
    "detector.model": _any,
    "detector.sha256": _any,
    "detect.confidence": _less,
    "detect.overlap": _more,
    "detect.max_side_px": _any,  # far faces are gained and near ones lost, or the other way
    "quality.min_confidence": _less,
    "quality.min_face_width_px": _less,
    "quality.max_turn": _more,
    "quality.max_tilt_deg": _more,
    "quality.min_inside": _less,
    "quality.min_sharpness": _less,
    "embedder.model": _any,
    "embedder.sha256": _any,
    "watchlists": _others,
    "watchlists.*.purpose": _any,
    "watchlists.*.categories": _others,
    "watchlists.*.longest_days": _more,
    "watchlists.*.threshold": _less,
    "watchlists.*.floor": _less,
    "watchlists.*.cameras.*": _less,
    "watchlists.*.canary": _any,  # who is found where, and whose alerts people are not shown
    "sightings.confirm_frames": _less,
    "sightings.of_frames": _more,
    "sightings.passage_overlap": _less,  # neighbours become one passage, whose frames confirm each other
    "sightings.passage_gap_ms": _more,
    "sightings.cool_down_s": _less,
}


def differences(before: Policy, after: Policy) -> list[Difference]:
    """What changes from one policy to another, in the order of their fields, each with its effect."""
    return [
        Difference(at, was, becomes, RULES[rule](was, becomes))
        for at, rule, was, becomes in _pairs(before, after)
        if was != becomes
    ]


def loosened(before: Policy, after: Policy) -> tuple[str, ...]:
    """Keys of what becomes looser."""
    return tuple(each.at for each in differences(before, after) if each.effect is Effect.LOOSENS)


_Pair = tuple[str, str, Any, Any]
"""Where a value stands, the name of its rule, and what it was and becomes."""


def _pairs(before: Policy, after: Policy) -> Iterator[_Pair]:
    both = sorted(set(before.cameras) & set(after.cameras))
    for each in fields(Policy):
        name, was, becomes = each.name, getattr(before, each.name), getattr(after, each.name)
        if name == "watchlists":
            yield name, name, list(was), list(becomes)
            for key in sorted(set(was) & set(becomes)):
                yield from _of_list(f"{name}.{key}", was[key], becomes[key], both)
        elif name == "cameras":
            yield name, name, _cameras(before), _cameras(after)
        elif name == "freshness":
            yield from _of_freshness(was, becomes, both)
        elif is_dataclass(was) and not isinstance(was, Hours):
            for part in fields(was):
                at = f"{name}.{part.name}"
                yield at, at, getattr(was, part.name), getattr(becomes, part.name)
        else:
            yield name, name, was, becomes


def _cameras(policy: Policy) -> tuple[str, ...]:
    """Cameras; one that shows a canary is another than the same one when it shows people."""
    canaries = set(policy.canaries.values())
    return tuple(f"{camera} (canary)" if camera in canaries else camera for camera in policy.cameras)


def _of_list(at: str, was: WatchlistRule, becomes: WatchlistRule, cameras: Sequence[str]) -> Iterator[_Pair]:
    for name in ("purpose", "categories", "longest_days", "threshold", "floor", "canary"):
        yield f"{at}.{name}", f"watchlists.*.{name}", getattr(was, name), getattr(becomes, name)
    for camera in cameras:  # what counts there: an exception that goes is a change, too
        if camera in was.cameras or camera in becomes.cameras:
            before, after = (rule.cameras.get(camera, rule.threshold) for rule in (was, becomes))
            yield f"{at}.cameras.{camera}", "watchlists.*.cameras.*", before, after


def _of_freshness(was: FreshnessRule, becomes: FreshnessRule, cameras: Sequence[str]) -> Iterator[_Pair]:
    before, after = (CameraFreshness(rule.rule, rule.frames_per_s) for rule in (was, becomes))
    yield "freshness", "freshness", before, after
    for camera in cameras:
        if camera in was.cameras or camera in becomes.cameras:
            there = was.cameras.get(camera, before), becomes.cameras.get(camera, after)
            yield f"freshness.cameras.{camera}", "freshness.cameras.*", *there
