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
from operators.retention import lasts_ms


class Effect(StrEnum):
    """Which way a change goes."""

    LOOSENS = "loosens"
    TIGHTENS = "tightens"
    NEITHER = "neither"
    TAKES_TWO = "takes two"  # neither, but not for one person: on whose word and what evidence it stands, what is lost


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


def _two(before: Any, after: Any) -> Effect:
    """Every change takes two people."""
    return Effect.TAKES_TWO


def _longer(before: str, after: str) -> Effect:
    """A longer time loosens; the same time in another unit is nothing."""
    was, becomes = lasts_ms(before), lasts_ms(after)
    return Effect.NEITHER if was == becomes else _way(becomes > was)


def _ledger(before: str, after: str) -> Effect:
    """A longer time loosens; a shorter one deletes what the ledger has of those who want it."""
    effect = _longer(before, after)
    return Effect.TAKES_TWO if effect is Effect.TIGHTENS else effect


def _looked_at(rule: CameraFreshness) -> tuple[int, float]:
    """Grows with the frames that are looked at."""
    return (Rule.SAMPLE, Rule.NEWEST, Rule.EVERY).index(rule.rule), rule.frames_per_s or 0.0


def _freshness(before: CameraFreshness, after: CameraFreshness) -> Effect:
    return _way(_looked_at(after) > _looked_at(before))


RULES: dict[str, _Judge] = {
    "policy": _none,
    "deployment": _none,  # another deployment's policy is refused altogether
    "purpose": _any,
    "authority": _two,
    "legal_basis": _two,
    "expected_outcome": _two,
    "controller": _two,
    "contact": _two,
    "complaints": _two,
    "public_engagement.reference": _two,
    "public_engagement.sha256": _two,
    "assessments.data_protection": _two,
    "assessments.equality": _two,
    "people": _people,
    "start": _less,
    "end": _more,
    "review_by": _more,
    "hours": _hours,
    "retention.profile": _none,  # a name; its numbers count
    "retention.about": _none,
    "retention.frames.keep": _longer,
    "retention.frames.roll": _longer,
    "retention.frames.at_most": _longer,
    "retention.alerts.keep": _longer,
    "retention.alerts.roll": _longer,
    "retention.alerts.at_most": _longer,
    "retention.evidence.keep": _longer,
    "retention.evidence.roll": _longer,
    "retention.evidence.at_most": _longer,
    "retention.dead_letters.keep": _longer,
    "retention.dead_letters.roll": _longer,
    "retention.dead_letters.at_most": _longer,
    "retention.watchlist.at_most": _longer,
    "retention.ledger.keep": _ledger,
    "retention.ledger.roll": _longer,
    "retention.ledger.at_most": _longer,
    "licences": _others,
    "max_nonmatch_s": _more,
    "cameras": _others,
    "max_frame_age_ms": _more,
    "freshness": _freshness,
    "freshness.cameras.*": _freshness,
    "detector.model": _any,
    "detector.sha256": _any,
    "detector.manifest": _any,
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
    "embedder.manifest": _any,
    "watchlists": _others,
    "watchlists.*.purpose": _any,
    "watchlists.*.categories": _others,
    "watchlists.*.longest_days": _more,
    "watchlists.*.most_entries": _more,
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
    return _keys(before, after, Effect.LOOSENS)


def taking_two(before: Policy, after: Policy) -> tuple[str, ...]:
    """Keys of what becomes neither looser nor tighter, and is for two people to decide nevertheless."""
    return _keys(before, after, Effect.TAKES_TWO)


def _keys(before: Policy, after: Policy, effect: Effect) -> tuple[str, ...]:
    return tuple(each.at for each in differences(before, after) if each.effect is effect)


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
        else:
            yield from _of_value(name, was, becomes)


def _of_value(at: str, was: Any, becomes: Any) -> Iterator[_Pair]:
    """A value, or each part of it."""
    if not is_dataclass(was) or isinstance(was, Hours):
        yield at, at, was, becomes
        return
    for part in fields(was):
        yield from _of_value(f"{at}.{part.name}", getattr(was, part.name), getattr(becomes, part.name))


def _cameras(policy: Policy) -> tuple[str, ...]:
    """Cameras; one that shows a canary is another than the same one when it shows people."""
    canaries = set(policy.canaries.values())
    return tuple(f"{camera} (canary)" if camera in canaries else camera for camera in policy.cameras)


def _of_list(at: str, was: WatchlistRule, becomes: WatchlistRule, cameras: Sequence[str]) -> Iterator[_Pair]:
    for name in ("purpose", "categories", "longest_days", "most_entries", "threshold", "floor", "canary"):
        yield f"{at}.{name}", f"watchlists.*.{name}", getattr(was, name), getattr(becomes, name)
    for camera in cameras:  # what counts there: an exception that goes is a change, too
        if camera in was.cameras or camera in becomes.cameras:
            before, after = (rule.threshold_on(camera) for rule in (was, becomes))
            yield f"{at}.cameras.{camera}", "watchlists.*.cameras.*", before, after


def _of_freshness(was: FreshnessRule, becomes: FreshnessRule, cameras: Sequence[str]) -> Iterator[_Pair]:
    before, after = (CameraFreshness(rule.rule, rule.frames_per_s) for rule in (was, becomes))
    yield "freshness", "freshness", before, after
    for camera in cameras:
        if camera in was.cameras or camera in becomes.cameras:
            there = was.cameras.get(camera, before), becomes.cameras.get(camera, after)
            yield f"freshness.cameras.{camera}", "freshness.cameras.*", *there
