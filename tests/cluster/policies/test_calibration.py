import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.policies.calibration import evidence_digest
from operators.errors import ReleaseRefused
from operators.policy import Policy
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
    assert evidence_digest(file, policy(), None) == hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_projects_own_evaluation_is_one() -> None:
    """As the command writes it, for the models of its policy."""
    from cluster.policies.in_force import read_policy

    demo = read_policy(EVALUATION.parents[2] / "configs" / "policies" / "demo-1.yaml").policy
    stricter = replace(demo.watchlists["sought"], threshold=0.9, most_entries=10)
    assert len(evidence_digest(EVALUATION, demo, replace(demo, watchlists={"sought": stricter}))) == 64
    with pytest.raises(ReleaseRefused, match=r"measured detector b0f3cf.*, the policy names aaaa"):
        evidence_digest(EVALUATION, policy(), None)


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
        ({"about": ABOUT, "identification": {"points": [{**POINT, "threshold": 1.5}]}}, "no rate was measured"),
        ({"about": ABOUT, "identification": {"points": [{**POINT, "threshold": True}]}}, "no rate was measured"),
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
        evidence_digest(file, policy(), None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"threshold": 0.6', '"threshold": NaN'),
        ('"threshold": 0.6', '"threshold": -Infinity'),
        ('"threshold": 0.6', '"threshold": 0.9, "threshold": 0.3'),
        ('"about": ', '"about": {}, "about": '),
    ],
)
def test_what_is_not_json_in_one_reading_is_no_evidence(file: Path, before: str, after: str) -> None:
    """Two who sign would not have seen the same document; what is no number compares with nothing."""
    text = json.dumps(MEASURED)
    assert before in text
    file.write_text(text.replace(before, after))
    with pytest.raises(ReleaseRefused, match=r"no_evidence: .*is no calibration document"):
        evidence_digest(file, policy(), None)


def test_numbers_beyond_all_measure_are_no_thresholds(file: Path) -> None:
    """JSON has no infinity, and reads it from a number that is too large."""
    file.write_text(json.dumps(MEASURED).replace('"threshold": 0.6', '"threshold": -1e999'))
    with pytest.raises(ReleaseRefused, match="no rate was measured"):
        evidence_digest(file, policy(), None)


def _measured(file: Path, *thresholds: float, enrolled: object = 100) -> None:
    points = [{**POINT, "threshold": threshold} for threshold in thresholds]
    file.write_text(json.dumps({**MEASURED, "identification": {"points": points}, "counts": {"enrolled": enrolled}}))


def _changed(**changes: Any) -> Policy:
    lists = policy().watchlists
    return policy(watchlists={**lists, "sought": replace(lists["sought"], **changes)})


@pytest.mark.parametrize(
    ("changes", "lowest"),
    [
        ({"threshold": 0.55}, 0.55),
        ({"cameras": {"hall": 0.65}}, 0.65),
        ({"cameras": {}}, 0.6),
        ({"cameras": {"hall": 0.7, "gate": 0.5}}, 0.5),
        ({"threshold": 0.58, "cameras": {"hall": 0.52}}, 0.52),
    ],
)
def test_a_threshold_comes_down_to_where_was_measured(file: Path, changes: dict[str, Any], lowest: float) -> None:
    """Of any camera: what was measured above it says nothing of how many strangers reach it."""
    after = _changed(**changes)
    _measured(file, 0.9, lowest)
    assert evidence_digest(file, after, policy())
    _measured(file, 0.9, lowest - 0.01)
    assert evidence_digest(file, after, policy())
    _measured(file, 0.9, lowest + 0.01)
    with pytest.raises(ReleaseRefused, match=rf"no_evidence: .*measured no threshold at or below {lowest}, .*evaluate"):
        evidence_digest(file, after, policy())


def test_a_threshold_that_does_not_come_down_needs_no_figure_of_its_own(file: Path) -> None:
    """Something else is loosened, or nothing was in force before."""
    _measured(file, 0.9)
    for before in (policy(), _changed(threshold=0.55), None):
        assert evidence_digest(file, policy(), before)


@pytest.mark.parametrize("enrolled", [99, None, "100", True, 100.0])
def test_a_list_grows_to_as_many_as_were_listed_in_the_measurement(file: Path, enrolled: object) -> None:
    """The chance that a stranger resembles somebody grows with the list."""
    shorter = _changed(most_entries=50)
    _measured(file, 0.6)
    assert evidence_digest(file, policy(), shorter)
    _measured(file, 0.6, enrolled=enrolled)
    assert evidence_digest(file, policy(), policy())
    with pytest.raises(ReleaseRefused, match=r"no_evidence: .*'counts\.enrolled'.* 100 .*--enrolled 100"):
        evidence_digest(file, policy(), shorter)


def test_a_list_that_was_not_there_is_measured_whole(file: Path) -> None:
    """At its threshold, and as long as it may be."""
    rule = replace(policy().watchlists["sought"], threshold=0.8, cameras={}, most_entries=200)
    after = policy(watchlists={**policy().watchlists, "more": rule})
    _measured(file, 0.8, enrolled=200)
    assert evidence_digest(file, after, policy())
    for threshold, enrolled in ((0.81, 200), (0.8, 199)):
        _measured(file, threshold, enrolled=enrolled)
        with pytest.raises(ReleaseRefused, match="no_evidence"):
            evidence_digest(file, after, policy())


def test_what_cannot_be_read_is_no_evidence(tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(ReleaseRefused, match="cannot be read: No such file"):
        evidence_digest(tmp_path / "absent", policy(), None)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(ReleaseRefused, match="is no calibration document"):
        evidence_digest(tmp_path / "bytes", policy(), None)
