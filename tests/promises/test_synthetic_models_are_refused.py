"""Models that were trained on people who do not exist never look at people who do."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cluster.cli import beholden
from cluster.plan import read_plan
from cluster.privacy import core_dumps
from operators.errors import SettingsRefused
from tests.drawn import choice_of, write_deployment

MODELS = ("drawn-detector", "drawn-embedder")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The cluster file of a deployment of drawn people, whose models know no other."""
    path = tmp_path / "cluster.yaml"
    path.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path)}))
    return path


def _change(path: Path, **fields: Any) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **fields}, allow_unicode=True))


def _say_that_they_know_people(folder: Path, models: Collection[str]) -> None:
    """In their manifests, and have the policy pin these."""
    for model in models:
        manifest = folder / f"{model}.yaml"
        _change(manifest, people="real")
        _change(folder / "policy.yaml", **{model.removeprefix("drawn-"): choice_of(manifest)})


def test_a_manifest_that_is_made_to_say_otherwise_after_approval_is_refused(file: Path, tmp_path: Path) -> None:
    """Whom a model was trained on is approved with it, by its manifest's digest."""
    _change(tmp_path / "drawn-embedder.yaml", people="real")
    with pytest.raises(SettingsRefused, match="has been changed since; put back what was approved"):
        read_plan(file)


@pytest.mark.parametrize("synthetic", [MODELS, MODELS[:1], MODELS[1:]], ids="+".join)
def test_a_policy_for_real_people_that_names_them_does_not_come_into_force(
    file: Path, tmp_path: Path, synthetic: tuple[str, ...]
) -> None:
    """One such model is enough; the refusal names file, field, model and reason, and says what to do."""
    policy = tmp_path / "policy.yaml"
    _change(policy, people="real")
    _say_that_they_know_people(tmp_path, set(MODELS) - set(synthetic))
    with pytest.raises(SettingsRefused) as refused:
        read_plan(file)
    lines = str(refused.value).splitlines()
    assert len(lines) == len(synthetic)
    for line, model in zip(lines, synthetic, strict=True):
        assert line.startswith(f"{policy}: {model.removeprefix('drawn-')}.model: {model} ")
        assert "was trained on people who do not exist, so how accurate it is on real faces is not known" in line
        assert "names a model trained on real people, with thresholds calibrated for it" in line
        assert "people: synthetic" in line


def test_nobody_is_enrolled_by_them_either(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command ends before it opens the image or a model."""
    monkeypatch.setattr(core_dumps, "no_core_dumps", lambda: None)  # this process could not take that back
    _change(tmp_path / "policy.yaml", people="real")
    for model in MODELS:
        (tmp_path / f"{model}.onnx").unlink()
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"not looked at")
    about = ("--source", "s", "--captured-on", "2026-01-05", "--category", "missing", "--necessity", "n")
    person = ("--entry", "x", "--list", "sought", "--not-after", "1d", "--approver", "a", *about)
    arguments = ["watchlist", "enrol", "-f", str(file), "--image", str(picture), *person]
    done = CliRunner().invoke(beholden, arguments)
    assert isinstance(done.exception, SettingsRefused)
    assert "people who do not exist" in str(done.exception)


def test_drawn_people_may_be_seen_by_any_model(file: Path, tmp_path: Path) -> None:
    """The positive control: the same files are a plan for cameras that show nobody who exists."""
    assert read_plan(file).in_force.policy.people == "synthetic"
    _say_that_they_know_people(tmp_path, MODELS)
    assert read_plan(file).detector.people == "real"
    _change(tmp_path / "policy.yaml", people="real")
    assert read_plan(file).in_force.policy.people == "real"
