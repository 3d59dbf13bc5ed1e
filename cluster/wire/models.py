"""Records of the ledger topic that say which models a cluster was started with, and under which licence."""

from typing import Any

from operators.models import ModelManifest

ACCEPTED = "models.accepted"


def accepted_body(manifest: ModelManifest) -> dict[str, Any]:
    """Body of the record that a model was accepted: the policy names its bytes and its licence."""
    return {
        "model": manifest.name,
        "sha256": manifest.sha256,
        "licence": manifest.licence,
        "people": str(manifest.people),
        "evaluation": manifest.evaluation,
    }
