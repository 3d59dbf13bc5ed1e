"""The wheel that the image installs is whole, and holds nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from tests.image.dockerfile import ROOT, files_in_git

pytestmark = pytest.mark.integration

PACKAGES = ("operators", "indexes", "cluster", "loadtests")


def content(wheel: Path) -> set[str]:
    """The files in it, without its metadata."""
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_it_holds_the_four_packages_as_they_are_in_the_repository(wheel: Path) -> None:
    """Each file that git has of them: code, schemas, styles, the broker's list of jars. No test, no key, no setting."""
    assert content(wheel) == set(files_in_git(*PACKAGES))
    assert {PurePosixPath(name).suffix for name in content(wheel)} == {
        ".py",
        ".typed",
        ".json",
        ".css",
        ".txt",
        ".xml",
        ".properties",
        ".yaml",  # scenarios of load tests: who may be shown, not whom anybody alerts about
    }


def test_its_files_are_those_of_the_repository_to_the_byte(wheel: Path) -> None:
    """Nothing is made on the way."""
    archive = zipfile.ZipFile(wheel)
    assert [name for name in content(wheel) if archive.read(name) != (ROOT / name).read_bytes()] == []


def test_it_says_what_it_is_and_asks_for(wheel: Path) -> None:
    """Name, version, licence with its text, its commands, the extras for either kind of device."""
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read("beholden-0.1.0.dist-info/METADATA").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert archive.read("beholden-0.1.0.dist-info/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert "beholden = cluster.cli:main" in archive.read("beholden-0.1.0.dist-info/entry_points.txt").decode()
    assert "beholden-load = loadtests.load:main" in archive.read("beholden-0.1.0.dist-info/entry_points.txt").decode()
    assert all(f"Provides-Extra: {extra}\n" in metadata for extra in ("cpu", "gpu"))


def test_the_same_files_make_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """To the byte: whoever builds it can hold it against a published digest."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    source = wheel.parent.parent / "src"
    subprocess.run([*command, "-w", tmp_path, source], env={"SOURCE_DATE_EPOCH": "1767225600"}, check=True)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()
