"""Policy files and the models they name."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import rfc8785

from cluster.strict_yaml import build, read_both
from cluster.wire.text import format_time
from operators.errors import SettingsRefused
from operators.models import ModelManifest
from operators.policy import ModelChoice, Policy, unaccepted_models, unfit_models


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """A policy together with what makes it provable.

    Attributes:
        policy: What it says.
        canonical: The document in RFC 8785 form: formatting and comments do not matter.
        digest: SHA-256 (hex) of the canonical document; it is asked for with each frame.
    """

    policy: Policy
    canonical: bytes
    digest: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", hashlib.sha256(self.canonical).hexdigest())


def read_policy(path: Path) -> PolicyInForce:
    """The policy in the file at `path`.

    Raises:
        SettingsRefused: With every fault found, by line.
    """
    policy, document = read_both(path, Policy)
    return PolicyInForce(policy, _canonical(document, f"{path}: "))


def policy_of(document: Any) -> PolicyInForce:
    """The policy of a document that stands in a message, as strictly as from a file.

    Raises:
        SettingsRefused: With every fault found, by key.
    """
    return PolicyInForce(build(document, Policy), _canonical(document, ""))


def _canonical(document: Any, place: str) -> bytes:
    try:
        return rfc8785.dumps(document)
    except ValueError as error:
        raise SettingsRefused(f"{place}{error}: JSON knows whole numbers below 2^53 only; use a smaller one") from None


def check_period(policy: Policy, now: datetime) -> None:
    """Refuse a policy whose time is over. One whose time has not come may be started: it looks at nothing until then.

    Raises:
        SettingsRefused: It has ended, or its review is overdue.
    """
    if over := why_over(policy, now):
        raise SettingsRefused(over)


def why_over(policy: Policy, now: datetime) -> str | None:
    """Why a policy decides nothing any more, and what to do; None: its time is not over.

    Args:
        policy: Which one.
        now: UTC-aware.
    """
    name = f"policy {policy.policy} of {policy.deployment}"
    if now >= policy.end:
        return f"{name} ended at {format_time(policy.end)}: whoever authorised it decides anew, as another policy"
    if now >= policy.review_by:
        due = format_time(policy.review_by)
        return f"{name} was to be reviewed by {due}: review what came of it, then apply one with another review_by"
    return None


def read_pinned(path: Path) -> tuple[ModelManifest, str]:
    """The manifest in the file at `path`, and its digest as a policy pins it.

    That is the SHA-256 (hex) of its RFC 8785 form without `evaluation`: a model is measured under a policy, and what
    was measured names that policy's digest.

    Raises:
        SettingsRefused: With every fault found, by line.
    """
    manifest, document = read_both(path, ModelManifest)
    pinned = {key: value for key, value in document.items() if key != "evaluation"}
    return manifest, hashlib.sha256(_canonical(pinned, f"{path}: ")).hexdigest()


def read_manifest(choice: ModelChoice, folder: Path) -> ModelManifest:
    """The manifest of the model that a policy chose.

    Raises:
        SettingsRefused: There is none of that name, it is of other bytes than the policy names, or it says something
            else than it did when the policy was approved.
    """
    path = folder / f"{choice.model}.yaml"
    if path.parent != folder or not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml"))) or "none"
        raise SettingsRefused(f"no manifest {path.name} in {folder} (there: {known}); correct the policy or add it")
    manifest, digest = read_pinned(path)
    if manifest.name != choice.model:
        raise SettingsRefused(f"{path}: is the manifest of {manifest.name}; name the file after its model")
    if manifest.sha256 != choice.sha256:
        raise SettingsRefused(
            f"{path}: model {choice.model} has sha256 {manifest.sha256}, the policy names {choice.sha256}; "
            "decide which one was approved and write a new policy"
        )
    if digest != choice.manifest:
        raise SettingsRefused(
            f"{path}: has digest {digest}, the policy pins {choice.manifest}: it has been changed since; put back what "
            "was approved, or have the change approved in a new policy"
        )
    return manifest


def find_manifest(digest: str, folder: Path) -> ModelManifest | None:
    """The manifest in `folder` that a policy pins by this digest, whatever it is called; None when there is none."""
    for path in sorted(folder.glob("*.yaml")):
        with suppress(SettingsRefused):  # whatever else lies there
            manifest, found = read_pinned(path)
            if found == digest:
                return manifest
    return None


def read_manifests(path: Path, policy: Policy, folder: Path) -> tuple[ModelManifest, ModelManifest]:
    """The manifests of the detector and the embedder that the policy from the file at `path` names.

    Raises:
        SettingsRefused: As `read_manifest`, or a model that knows only people who do not exist is to look at real ones,
            or one stands under a licence that the policy does not accept.
    """
    detector, embedder = read_manifest(policy.detector, folder), read_manifest(policy.embedder, folder)
    models = (policy, detector, embedder)
    if faults := [*unfit_models(*models), *unaccepted_models(*models)]:
        raise SettingsRefused("\n".join(f"{path}: {reason}" for reason in faults))
    return detector, embedder
