"""What the image installs is locked, by hash, and is what the tests run on."""

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from tests.image.dockerfile import ROOT, locked

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
ONLY_ON_GPU = re.compile(r"nvidia-|onnxruntime-gpu|faiss-gpu")


@pytest.mark.parametrize("name", ["cpu", "gpu", "build"])
def test_every_package_has_a_version_and_hashes(name: str) -> None:
    """A file that has none of the hashes is refused by pip."""
    assert locked(name)
    assert all(version and hashes for version, hashes in locked(name).values())


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_a_lock_holds_all_that_is_asked_for(name: str) -> None:
    """In a version that pyproject.toml allows."""
    asked = map(Requirement, [*PROJECT["project"]["dependencies"], *EXTRAS[name]])
    found = locked(name)
    assert {each.name for each in asked if each.name not in found or found[each.name][0] not in each.specifier} == set()


def test_what_is_shipped_is_what_is_tested() -> None:
    """The tests' own lock, and what is installed here, have each package of target cpu in the same version."""
    shipped = {name: version for name, (version, _) in locked("cpu").items()}
    tested = {name: version for name, (version, _) in locked("dev").items() if name in shipped}
    assert shipped == tested == {name: metadata.version(name) for name in shipped}


def test_both_targets_have_the_same_versions() -> None:
    """Of all but the two packages that differ, and what a GPU needs besides."""
    both = [{name: found[0] for name, found in locked(kind).items()} for kind in ("cpu", "gpu")]
    differing = dict(both[0].items() ^ both[1].items())
    assert {name for name in differing if not ONLY_ON_GPU.match(name)} == {"faiss-cpu", "onnxruntime"}


def test_target_gpu_has_the_libraries_that_its_onnxruntime_loads() -> None:
    """CUDA's and cuDNN's, of one major version: onnxruntime-gpu asks for them only by its extras."""
    (asked,) = [each for each in map(Requirement, EXTRAS["gpu"]) if each.name == "onnxruntime-gpu"]
    assert asked.extras == {"cuda", "cudnn"}
    majors = {name: found[0].split(".")[0] for name, found in locked("gpu").items()}
    assert majors["nvidia-cuda-runtime"] == majors["nvidia-cublas"] == "13"
    assert {"nvidia-cudnn-cu13", "nvidia-cufft", "nvidia-curand"} <= set(majors)


def test_what_builds_the_wheel_is_what_builds_it_here() -> None:
    """One setuptools."""
    assert locked("build")["setuptools"][0] == locked("dev")["setuptools"][0]
