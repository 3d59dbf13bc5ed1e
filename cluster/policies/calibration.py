"""Calibration documents: what was measured with which models, on whose strength a policy may be loosened."""

import hashlib
import json
import re
from pathlib import Path

from operators.errors import ReleaseReason, ReleaseRefused
from operators.policy import Policy

_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")


def evidence_digest(file: Path, policy: Policy) -> str:
    """SHA-256 (hex) of a calibration document that was made with the models of a policy.

    Args:
        file: JSON as `beholden evaluate --json` writes it: `about.detector` and `about.embedder` hold the SHA-256 of
            the models that were measured.
        policy: Whose detector and embedder these must be.

    Raises:
        ReleaseRefused: It is no such document, or is about other models.
    """
    try:
        value = file.read_bytes()
        about = json.loads(value)["about"]
        measured = {name: set(_DIGEST.findall(about[name])) for name in ("detector", "embedder")}
    except OSError as error:
        raise ReleaseRefused(ReleaseReason.NO_EVIDENCE, f"{file}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ReleaseRefused(
            ReleaseReason.NO_EVIDENCE,
            f"{file}: is no calibration document: it must be JSON with 'about.detector' and 'about.embedder', as "
            "'beholden evaluate --json' writes it",
        ) from None
    for name, choice in (("detector", policy.detector), ("embedder", policy.embedder)):
        if measured[name] != {choice.sha256}:
            found = ", ".join(sorted(measured[name])) or "none"
            raise ReleaseRefused(
                ReleaseReason.NO_EVIDENCE,
                f"{file}: measured {name} {found}, the policy names {choice.sha256}: measure with the policy's models",
            )
    return hashlib.sha256(value).hexdigest()
