import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import pytest

import cluster.plan
from cluster.plan import Plan, check_models, open_vision, read_plan, with_release
from cluster.policies.release import draft
from cluster.settings import IndexSettings
from cluster.wire.release import encode_release
from operators.align import TEMPLATE_NAME
from operators.errors import ModelRefused, SettingsRefused
from operators.models import EmbeddingContract
from operators.vision import Seen
from tests.builders import NOW
from tests.drawn import scene, write_deployment


@pytest.fixture
def file(write_document: Any, tmp_path: Path) -> Path:
    """The cluster file of a deployment of drawn people."""
    path: Path = write_document({"cluster": "drawn", **write_deployment(tmp_path)}, "cluster.yaml")
    return path


@pytest.fixture
def plan(file: Path) -> Plan:
    """It, read."""
    return read_plan(file)


def test_a_plan_is_all_that_a_cluster_file_names(plan: Plan) -> None:
    """Policy and manifests together, and what follows from them."""
    assert plan.group == "beholden.drawn"
    assert plan.detector.sha256 == plan.in_force.policy.detector.sha256
    assert plan.embedder.sha256 == plan.in_force.policy.embedder.sha256
    assert plan.contract == EmbeddingContract.of(plan.embedder, plan.detector, TEMPLATE_NAME)


def test_the_context_names_every_setting_that_decides(plan: Plan) -> None:
    """As every alert carries it."""
    context, policy = plan.context, plan.in_force.policy
    assert (context.deployment, context.policy) == (policy.deployment, policy.policy)
    assert context.policy_digest == plan.in_force.digest
    assert (context.detector, context.embedder) == (policy.detector.sha256, policy.embedder.sha256)
    assert context.contract == plan.contract.digest
    assert (context.confirm_frames, context.of_frames) == (1, 1)
    assert context.software


def test_reading_twice_gives_equal_plans(file: Path) -> None:
    """So that a running cluster can be compared with a file."""
    assert read_plan(file) == read_plan(file)


def test_plans_that_differ_in_shards_and_replicas_alone_are_told_apart_from_others(plan: Plan) -> None:
    """Only such a change may be made while the cluster runs; another placement or anything else may not."""
    index = plan.settings.index

    def with_index(**changes: Any) -> Plan:
        return _with(plan, index=dataclasses.replace(index, **changes))

    assert plan.differs_in_layout_only(plan)
    assert plan.differs_in_layout_only(with_index(shards=4, replicas=2))
    assert with_index(replicas=2).differs_in_layout_only(with_index(shards=8))
    assert not plan.differs_in_layout_only(with_index(shards=4, threads=2))
    assert not plan.differs_in_layout_only(_with(with_index(shards=4), ray="elsewhere:1"))
    in_lane = _with(plan, index=IndexSettings())
    assert in_lane.differs_in_layout_only(in_lane)
    assert not in_lane.differs_in_layout_only(plan)
    assert not plan.differs_in_layout_only(in_lane)


def _with(plan: Plan, **changes: Any) -> Plan:
    return dataclasses.replace(plan, settings=dataclasses.replace(plan.settings, **changes))


def test_a_cluster_file_may_name_a_release(file: Path, tmp_path: Path) -> None:
    """By the end of its name; whether it may come into force is asked when the topic is read."""
    plain = read_plan(file)
    release = draft(plain.in_force, None, "ada", NOW, "the test")
    (tmp_path / "1.release.json").write_bytes(encode_release(release))
    document = json.loads(file.read_text()) | {"policy": "1.release.json"}
    file.write_text(json.dumps(document))
    found = read_plan(file)
    assert found.release == release
    assert found.in_force == plain.in_force
    assert found.context == plain.context
    (tmp_path / "1.release.json").write_bytes(encode_release(release)[:-1])
    with pytest.raises(SettingsRefused, match=r"malformed: .*1\.release\.json: it is no JSON"):
        read_plan(file)
    (tmp_path / "1.release.json").unlink()
    with pytest.raises(SettingsRefused, match=r"1\.release\.json: cannot be read: No such file"):
        read_plan(file)


def test_a_plan_under_another_policy_has_its_models(file: Path, tmp_path: Path) -> None:
    """Or is refused: a policy that was applied elsewhere may name models that are not here."""
    plan = read_plan(file)
    release = draft(plan.in_force, None, "ada", NOW, "the test")
    assert with_release(plan, release) == dataclasses.replace(plan, release=release)
    (tmp_path / "drawn-embedder.yaml").unlink()
    with pytest.raises(SettingsRefused, match=r"no manifest drawn-embedder\.yaml"):
        with_release(plan, release)


def test_models_that_are_not_those_pinned_are_found_without_loading_any(plan: Plan) -> None:
    """Either of them."""
    check_models(plan)
    for manifest in (plan.detector, plan.embedder):
        file = plan.settings.models.files / manifest.file
        data = file.read_bytes()
        file.write_bytes(b"another")
        with pytest.raises(ModelRefused, match=manifest.name):
            check_models(plan)
        file.write_bytes(data)


def test_a_missing_policy_or_manifest_is_named(file: Path, tmp_path: Path) -> None:
    """The message says which file is missing."""
    (tmp_path / "drawn-embedder.yaml").unlink()
    with pytest.raises(SettingsRefused, match=r"no manifest drawn-embedder\.yaml"):
        read_plan(file)
    (tmp_path / "policy.yaml").unlink()
    with pytest.raises(SettingsRefused, match=r"policy\.yaml: cannot be read"):
        read_plan(file)


def test_models_that_know_no_real_face_are_refused_before_they_are_read(file: Path, tmp_path: Path) -> None:
    """By the policy's file, whether or not the models are there."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(policy.read_text().replace("people: synthetic", "people: real"))
    for model in tmp_path.glob("*.onnx"):
        model.unlink()
    with pytest.raises(SettingsRefused, match=r"policy\.yaml: detector\.model: drawn-detector was trained on people"):
        read_plan(file)
    policy.write_text(policy.read_text().replace("people: real", "people: synthetic"))
    assert read_plan(file).detector.name == "drawn-detector"


def test_models_are_opened_as_planned(plan: Plan) -> None:
    """Two drawn people are two faces with unit vectors."""
    [found] = open_vision(plan).see([scene([1, 2])])
    assert isinstance(found, Seen)
    assert found.vectors.shape == (2, plan.contract.dimension)


def test_a_batch_that_the_detector_cannot_take_and_swapped_models_are_refused(plan: Plan, tmp_path: Path) -> None:
    """Refused at start, not at the first frame."""
    with pytest.raises(ModelRefused):
        open_vision(dataclasses.replace(plan, detector=plan.embedder))
    (tmp_path / "drawn-detector.onnx").write_bytes(b"something else")
    with pytest.raises(ModelRefused, match="bytes"):
        open_vision(plan)


@pytest.fixture
def _opencv_as_it_was() -> Iterator[None]:
    """Its number of threads is the process's."""
    threads = cv2.getNumThreads()
    yield
    cv2.setNumThreads(threads)


@pytest.mark.usefixtures("_opencv_as_it_was")
@pytest.mark.parametrize("threads", [1, 3])
def test_opencv_uses_no_more_threads_than_the_models(plan: Plan, threads: int, monkeypatch: Any) -> None:
    """Several recognisers of one machine would otherwise each take all of its cores."""
    monkeypatch.setattr(cluster.plan, "open_detector", lambda *_: None)
    monkeypatch.setattr(cluster.plan, "open_embedder", lambda *_: None)
    monkeypatch.setattr(cluster.plan, "read_model", lambda *_: b"")
    settings = dataclasses.replace(
        plan.settings, recognisers=dataclasses.replace(plan.settings.recognisers, threads=threads)
    )
    cv2.setNumThreads(2)
    open_vision(dataclasses.replace(plan, settings=settings))
    assert cv2.getNumThreads() == threads
