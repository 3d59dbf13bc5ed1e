"""The bill of materials names what the image installs: `make sbom`."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from image import sbom
from tests.image.dockerfile import DOCKERFILE, locked, read_dockerfile

MIRRORED = "mirror.example:5000/python:3.11.17-slim@sha256:" + "a" * 64
HAS_CYCLONEDX = importlib.util.find_spec("cyclonedx_py") is not None
LOCK = """\
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
colorama==0.4 ; sys_platform == 'win32' \\
    --hash=sha256:dd
click==8.5.1 \\
    --hash=sha256:ee
"""


@pytest.fixture(scope="module", params=sbom.KINDS)
def bill(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """A target and its bill; some seconds each."""
    if not HAS_CYCLONEDX:
        pytest.skip("cyclonedx-bom is not installed: make install")
    return request.param, sbom.bill(request.param, sbom.base_in(DOCKERFILE.read_text()))


@pytest.mark.integration
def test_it_names_every_locked_package_with_version_and_hashes(bill: tuple[str, dict[str, Any]]) -> None:
    """No more and no less, under the address by which scanners know them."""
    kind, document = bill
    found: dict[str, Any] = {each["name"]: each for each in document["components"]}
    del found["python"]
    hashes = {
        name: (each["version"], {one["content"] for ref in each["externalReferences"] for one in ref["hashes"]})
        for name, each in found.items()
    }
    assert hashes == {name: (version, set(held)) for name, (version, held) in locked(kind).items()}
    assert all(each["purl"].startswith(f"pkg:pypi/{name}@{each['version']}") for name, each in found.items())


@pytest.mark.integration
def test_it_says_what_the_image_is_and_not_when_it_was_asked(bill: tuple[str, dict[str, Any]]) -> None:
    """The project with its version and licence; the same files make the same bill: no time, no number of its own."""
    document = bill[1]
    assert document["bomFormat"] == "CycloneDX"
    component = document["metadata"]["component"]
    assert (component["name"], component["type"]) == ("beholden", "application")
    assert component["licenses"][0]["license"]["id"] == "Apache-2.0"
    assert not {"timestamp", "serialNumber"} & {*document, *document["metadata"]}


def test_it_names_the_base_by_its_digest() -> None:
    """The one that the Dockerfile starts from."""
    image = read_dockerfile(DOCKERFILE.read_text()).arguments["PYTHON_IMAGE"]
    assert sbom.base_in(DOCKERFILE.read_text()) == image
    found = sbom.base(image)
    assert image == f"{found['name']}:{found['version']}@sha256:{found['hashes'][0]['content']}"
    assert found["hashes"][0]["content"] in found["purl"]


def test_of_a_lock_for_all_it_takes_what_the_image_installs() -> None:
    """By Python's version and the system, without the condition, with all hashes."""
    assert [line.split() for line in sbom.locked(LOCK, "3.11.16")] == [
        ["numpy==2.4.6", "\\", "--hash=sha256:aa", "\\", "--hash=sha256:bb"],
        ["click==8.5.1", "\\", "--hash=sha256:ee"],
    ]
    assert "numpy==2.5.5" in "".join(sbom.locked(LOCK, "3.12.1"))


def test_both_bills_are_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into build/, which is no part of the repository."""
    monkeypatch.setattr(sbom, "ROOT", tmp_path)
    monkeypatch.setattr(sbom, "bill", lambda kind, image: {"of": kind, "base": image})
    (tmp_path / "Dockerfile").write_text(f"ARG PYTHON_IMAGE={MIRRORED}\n")
    sbom.main([])
    assert capsys.readouterr().out.split() == ["build/sbom-cpu.json", "build/sbom-gpu.json"]
    assert json.loads((tmp_path / "build" / "sbom-gpu.json").read_text()) == {"of": "gpu", "base": MIRRORED}
    other = MIRRORED.replace("a", "b")
    sbom.main([other])
    assert json.loads((tmp_path / "build" / "sbom-cpu.json").read_text()) == {"of": "cpu", "base": other}


def test_an_image_on_another_base_is_told_by_that_one() -> None:
    """As it was given to the build, a mirror's port included; its tag says which Python takes which packages."""
    found = sbom.base(MIRRORED)
    assert (found["name"], found["version"]) == ("mirror.example:5000/python", "3.11.17-slim")
    assert found["hashes"][0]["content"] == "a" * 64
    assert sbom.python_version(MIRRORED) == "3.11.17"


@pytest.mark.parametrize("image", ["python:3.11.16", "python@sha256:" + "a" * 64, "python:latest@sha256:" + "a" * 64])
def test_a_base_that_does_not_say_what_it_is_is_refused(image: str) -> None:
    """The bill would say what nobody knows."""
    with pytest.raises(SystemExit, match="NAME:TAG@sha256:DIGEST"):
        sbom.base(image)
