"""Calibration documents: what was measured with which models, on whose strength a policy may be loosened."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operators.errors import ReleaseReason, ReleaseRefused
from operators.policy import Policy

_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def evidence_digest(file: Path, policy: Policy) -> str:
    """SHA-256 (hex) of a calibration document that was made with the models of a policy.

    Args:
        file: JSON as `beholden evaluate --json` writes it: `about.detector` and `about.embedder` hold the SHA-256 of
            the models that were measured, `identification.points` by threshold how many people who are on no list were
            taken for somebody (`fpir`), and how many who are on one were found (`tpir`), out of how many.
        policy: Whose detector and embedder these must be.

    Raises:
        ReleaseRefused: It is no such document, has measured nothing, or is about other models.
    """
    try:
        value = file.read_bytes()
        document = json.loads(value)
        about = document["about"]
        measured = {name: set(_DIGEST.findall(about[name])) for name in ("detector", "embedder")}
    except OSError as error:
        raise ReleaseRefused(ReleaseReason.NO_EVIDENCE, f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ReleaseRefused(
            ReleaseReason.NO_EVIDENCE,
            f"{file}: is no calibration document: it must be JSON with 'about.detector' and 'about.embedder', as "
            "'beholden evaluate --json' writes it",
        ) from None
    if not _has_rates(document):
        raise ReleaseRefused(
            ReleaseReason.NO_EVIDENCE,
            f"{file}: no rate was measured: 'identification.points' must hold a threshold with 'fpir' and 'tpir', each "
            "with 'hits' out of 'of', as 'beholden evaluate --json' writes them",
        )
    for name, choice in (("detector", policy.detector), ("embedder", policy.embedder)):
        if measured[name] != {choice.sha256}:
            found = ", ".join(sorted(measured[name])) or "none"
            raise ReleaseRefused(
                ReleaseReason.NO_EVIDENCE,
                f"{file}: measured {name} {found}, the policy names {choice.sha256}: measure with the policy's models",
            )
    return hashlib.sha256(value).hexdigest()


def _has_rates(document: Mapping[str, Any]) -> bool:
    """Whether there is a point, and each says what was found out of how many."""
    identification = document.get("identification")
    points = identification.get("points") if isinstance(identification, dict) else None
    return isinstance(points, list) and bool(points) and all(map(_is_point, points))


def _is_point(point: Any) -> bool:
    if not isinstance(point, dict) or type(point.get("threshold")) not in (int, float):
        return False
    return _is_rate(point.get("fpir")) and _is_rate(point.get("tpir"))


def _is_rate(rate: Any) -> bool:
    if not isinstance(rate, dict):
        return False
    hits, of = rate.get("hits"), rate.get("of")
    return type(hits) is int and type(of) is int and 0 <= hits <= of and of > 0
