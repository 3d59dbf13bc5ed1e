"""Checks of the installation at each of their levels."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster.doctor import install as doctor
from cluster.doctor.findings import Finding, Level, guarded
from cluster.kafka import client
from cluster.plan import read_plan
from operators import onnx
from operators.errors import DeviceUnavailable
from tests.cluster.doctor.values import FAULT, OK, WARNING, levels
from tests.drawn import write_deployment

OWNERS = {"onnxruntime": ["onnxruntime"], "faiss": ["faiss-cpu"], "cv2": ["opencv-python-headless"]}


@pytest.mark.parametrize(
    ("version", "level"),
    [("3.0.12", OK), ("3.0.12.post1", OK), ("3.0.9", FAULT), ("3.1", FAULT), ("3.1.0", FAULT), (None, FAULT)],
)
def test_package_versions(version: str | None, level: Level) -> None:
    """A package must be there and within both bounds."""
    assert levels(doctor.packages(["kafka-python[crc32c]<3.1,>=3.0.12"], lambda _: version)) == [level]


def test_zeros_at_the_end() -> None:
    """Releases 5 and 5.0 are the same."""
    assert levels(doctor.packages(["a>=5.0", "b<6"], {"a": "5", "b": "5.9.0"}.get)) == [OK]
    assert levels(doctor.packages(["a<5"], lambda _: "5.0")) == [FAULT]


def test_packages_of_extras() -> None:
    """What an extra asks for counts only where it is installed, tools for development never."""
    requirements = ['faiss-gpu>=1.15; extra == "gpu"', 'faiss-cpu>=1.15; extra == "cpu"', 'ruff>=99; extra == "dev"']
    installed = {"faiss-cpu": "1.14", "ruff": "0.1"}
    found = doctor.packages(requirements, installed.get)
    assert [(each.level, each.advice) for each in found] == [(FAULT, "pip install 'faiss-cpu>=1.15'")]


def test_version_term_unknown() -> None:
    """A term that is not understood is never taken as met."""
    found = guarded(lambda: doctor.packages(["numpy~=2.3"], lambda _: "2.3"))
    assert levels(found) == [FAULT]
    assert "~=2.3" in found[0].finding


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, [OK]),
        ({"faiss": ["faiss-gpu"], "onnxruntime": ["onnxruntime-gpu"]}, [OK]),
        ({"faiss": ["faiss-cpu", "faiss-gpu"]}, [FAULT]),
        ({"onnxruntime": []}, [FAULT]),
        ({"cv2": ["opencv-python"]}, [WARNING]),
        ({"cv2": ["opencv-python", "opencv-python-headless"], "faiss": []}, [FAULT, FAULT]),
    ],
)
def test_builds(changed: Mapping[str, list[str]], expected: list[Level]) -> None:
    """Exactly one build of each library, and one that is known."""
    assert levels(doctor.builds({**OWNERS, **changed})) == expected


@pytest.mark.parametrize(
    ("changed", "owners", "level"),
    [
        ({}, {}, OK),
        ({"cluster": Path("/elsewhere")}, {}, FAULT),
        ({"cluster": None}, {}, FAULT),
        ({}, {"cluster": ["beholden", "cluster"]}, FAULT),
    ],
)
def test_one_place(changed: Mapping[str, Path | None], owners: Mapping[str, list[str]], level: Level) -> None:
    """A foreign `cluster` is found whether it lies elsewhere, was removed again, or was installed over ours."""
    folders = {**dict.fromkeys(doctor.PACKAGES, Path("/site-packages")), **changed}
    assert levels(doctor.one_place(folders, owners)) == [level]


@pytest.mark.parametrize(("in_c", "level"), [(True, OK), (False, FAULT)])
def test_crc32c(monkeypatch: pytest.MonkeyPatch, in_c: bool, level: Level) -> None:
    """Checksums computed in Python are a fault."""
    monkeypatch.setattr(client, "has_fast_crc", lambda: in_c)
    assert levels(doctor.crc32c()) == [level]


def test_device_runs() -> None:
    """The embedded graph loads and runs on the processor."""
    (found,) = doctor.device("cpu")
    assert (found.level, "ran on CPUExecutionProvider" in found.finding) == (OK, True)


def test_what_the_list_is_searched_on_is_checked_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards may use a card where the models use none."""
    file = tmp_path / "cluster.yaml"
    index = {"placement": "sharded", "device": "cuda"}
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path), "index": index}))
    monkeypatch.setattr(doctor, "device", lambda name: [Finding(OK, str(name))])
    assert [each.finding for each in doctor.checks(read_plan(file))["device"]()] == ["cpu", "cuda"]
    assert [each.finding for each in doctor.checks(None)["device"]()] == ["cpu"]


def test_device_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is refused and one that computes something else are faults; ours says what to do."""

    def refuse(*_: object, **__: object) -> None:
        raise DeviceUnavailable("device cuda: offers only CPU; install the extra gpu")

    monkeypatch.setattr(onnx, "open_session", refuse)
    found = guarded(lambda: doctor.device("cuda"))
    assert found == [Finding(FAULT, "device cuda: offers only CPU", "install the extra gpu")]
    wrong = SimpleNamespace(provider="CPU", run=lambda values: [values])
    monkeypatch.setattr(onnx, "open_session", lambda *_, **__: wrong)
    assert levels(doctor.device("cpu")) == [FAULT]
