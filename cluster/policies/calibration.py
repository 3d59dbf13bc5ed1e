"""Calibration documents: what was measured with which models, on whose strength a policy may be loosened."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from operators.decide import WatchlistRule
from operators.errors import ReleaseReason, ReleaseRefused
from operators.policy import Policy

_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def evidence_digest(file: Path, policy: Policy, before: Policy | None) -> str:
    """SHA-256 (hex) of a calibration document that was made with the models of a policy.

    Args:
        file: JSON as `beholden evaluate --json` writes it: `about.detector` and `about.embedder` hold the SHA-256 of
            the models that were measured, `identification.points` by threshold how many people who are on no list were
            taken for somebody (`fpir`), and how many who are on one were found (`tpir`), out of how many;
            `counts.enrolled` how many were listed.
        policy: Whose detector and embedder these must be. Where it lowers a threshold, one as low was measured; where
            it lets a list grow, as many were listed.
        before: The policy that it is held against; None: it loosens nothing.

    Raises:
        ReleaseRefused: It is no such document, has measured nothing, or is about other models, higher thresholds or
            shorter lists.
    """
    try:
        value = file.read_bytes()
        document = json.loads(value, object_pairs_hook=_object, parse_constant=_no_number)
        about = document["about"]
        measured = {name: set(_DIGEST.findall(about[name])) for name in ("detector", "embedder")}
    except OSError as error:
        raise _refused(file, f"cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _refused(
            file,
            "is no calibration document: it must be JSON, each key once and each number finite, with 'about.detector' "
            "and 'about.embedder', as 'beholden evaluate --json' writes it",
        ) from None
    if not _has_rates(document):
        raise _refused(
            file,
            "no rate was measured: 'identification.points' must hold a threshold in [-1, 1] with 'fpir' and 'tpir', "
            "each with 'hits' out of 'of', as 'beholden evaluate --json' writes them",
        )
    for name, choice in (("detector", policy.detector), ("embedder", policy.embedder)):
        if measured[name] != {choice.sha256}:
            found = ", ".join(sorted(measured[name])) or "none"
            raise _refused(
                file, f"measured {name} {found}, the policy names {choice.sha256}: measure with the policy's models"
            )
    if before is not None:
        _check_reach(file, document, policy, before)
    return hashlib.sha256(value).hexdigest()


def _check_reach(file: Path, document: Mapping[str, Any], policy: Policy, before: Policy) -> None:
    """Refuse a document whose figures stop short of what becomes looser."""
    rules = [(rule, before.watchlists.get(name)) for name, rule in policy.watchlists.items()]
    lowered = [cosine for rule, was in rules for cosine in _lowered(rule, was, policy.cameras)]
    lowest = min(point["threshold"] for point in document["identification"]["points"])
    if lowered and lowest > min(lowered):
        raise _refused(
            file,
            f"measured no threshold at or below {min(lowered):g}, the lowest is {lowest:g}: measure the policy that is "
            "proposed with 'beholden evaluate --policy'",
        )
    grown = [rule.most_entries for rule, was in rules if was is None or rule.most_entries > was.most_entries]
    counts = document.get("counts")
    listed = counts.get("enrolled") if isinstance(counts, dict) else None
    if grown and (type(listed) is not int or listed < max(grown)):
        raise _refused(
            file,
            f"'counts.enrolled' is {json.dumps(listed)}, and a list may have {max(grown)} entries from now on: measure "
            f"with as many, 'beholden evaluate --enrolled {max(grown)}'",
        )


def _lowered(rule: WatchlistRule, was: WatchlistRule | None, cameras: tuple[str, ...]) -> Iterator[float]:
    """Thresholds of a list that come down, of all cameras and of one; all of a list that was not there."""
    pairs = [(rule.threshold, was.threshold if was else None)]
    pairs += [(rule.threshold_on(camera), was.threshold_on(camera) if was else None) for camera in cameras]
    yield from (cosine for cosine, before in pairs if before is None or cosine < before)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of two values under one key nobody knows which is meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number in JSON")


def _refused(file: Path, why: str) -> ReleaseRefused:
    return ReleaseRefused(ReleaseReason.NO_EVIDENCE, f"{file}: {why}")


def _has_rates(document: Mapping[str, Any]) -> bool:
    """Whether there is a point, and each says what was found out of how many."""
    identification = document.get("identification")
    points = identification.get("points") if isinstance(identification, dict) else None
    return isinstance(points, list) and bool(points) and all(map(_is_point, points))


def _is_point(point: Any) -> bool:
    threshold: Any = point.get("threshold") if isinstance(point, dict) else None
    if type(threshold) not in (int, float):
        return False
    return -1 <= threshold <= 1 and _is_rate(point.get("fpir")) and _is_rate(point.get("tpir"))


def _is_rate(rate: Any) -> bool:
    if not isinstance(rate, dict):
        return False
    hits, of = rate.get("hits"), rate.get("of")
    return type(hits) is int and type(of) is int and 0 <= hits <= of and of > 0
