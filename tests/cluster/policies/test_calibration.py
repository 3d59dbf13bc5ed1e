import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from cluster.policies.calibration import evidence_digest
from operators.errors import ReleaseRefused
from tests.builders import policy

ABOUT = {"detector": "sees, sha256 " + "a" * 64, "embedder": "knows, sha256 " + "b" * 64}
POINT = {"threshold": 0.6, "fpir": {"hits": 1, "of": 100}, "tpir": {"hits": 95, "of": 100}}
MEASURED = {"about": ABOUT, "identification": {"points": [POINT]}}
EVALUATION = Path(__file__).resolve().parents[3] / "docs" / "evaluation" / "demo-1.json"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """What `beholden evaluate --json` writes about the builders' policy."""
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(MEASURED))
    return path


def test_a_calibration_document_is_named_by_its_bytes(file: Path) -> None:
    """So that it cannot be exchanged."""
    assert evidence_digest(file, policy()) == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_projects_own_evaluation_is_one() -> None:
    """As the command writes it, for the models of its policy."""
    from cluster.policies.in_force import read_policy

    demo = read_policy(EVALUATION.parents[2] / "configs" / "policies" / "demo-1.yaml").policy
    assert len(evidence_digest(EVALUATION, demo)) == 64
    with pytest.raises(ReleaseRefused, match=r"measured detector b0f3cf.*, the policy names aaaa"):
        evidence_digest(EVALUATION, policy())


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({**MEASURED, "about": {**ABOUT, "detector": "sha256 " + "c" * 64}}, "measured detector c"),
        ({**MEASURED, "about": {**ABOUT, "embedder": "knows"}}, "measured embedder none"),
        ({**MEASURED, "about": {**ABOUT, "embedder": f"{'b' * 64} {'c' * 64}"}}, "measured embedder b.*, c"),
        ({"about": ABOUT}, "no rate was measured"),
        ({"about": ABOUT, "identification": None}, "no rate was measured"),
        ({"about": ABOUT, "identification": {"points": []}}, "no rate was measured"),
        ({"about": ABOUT, "identification": {"points": "many"}}, "no rate was measured"),
        ({"about": ABOUT, "identification": {"points": [POINT, {}]}}, "no rate was measured"),
        ({"about": ABOUT, "identification": {"points": [{**POINT, "fpir": None}]}}, "no rate was measured"),
        ({"about": ABOUT, "identification": {"points": [{**POINT, "tpir": {"hits": 0, "of": 0}}]}}, "no rate was"),
        ({"about": ABOUT, "identification": {"points": [{**POINT, "fpir": {"hits": 5, "of": 4}}]}}, "no rate was"),
        ({"about": ABOUT, "identification": {"points": [{**POINT, "threshold": "low"}]}}, "no rate was measured"),
        ({"about": {"detector": ABOUT["detector"]}}, "is no calibration document"),
        ({"about": {**ABOUT, "detector": 5}}, "is no calibration document"),
        ({"about": []}, "is no calibration document"),
        ({}, "is no calibration document"),
        ([], "is no calibration document"),
    ],
)
def test_what_was_measured_with_other_models_is_no_evidence(file: Path, document: Any, words: str) -> None:
    """Nor what does not say with which."""
    file.write_text(json.dumps(document))
    with pytest.raises(ReleaseRefused, match=f"no_evidence: .*{words}"):
        evidence_digest(file, policy())


def test_what_cannot_be_read_is_no_evidence(tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(ReleaseRefused, match="cannot be read: No such file"):
        evidence_digest(tmp_path / "absent", policy())
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(ReleaseRefused, match="is no calibration document"):
        evidence_digest(tmp_path / "bytes", policy())
