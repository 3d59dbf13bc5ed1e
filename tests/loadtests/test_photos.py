"""Where photos come from, and the order in which cameras show them. No photo is looked at."""

from collections import Counter
from pathlib import Path

import click
import pytest

from loadtests.photos import folder_from_environment, listed, shots


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three volunteers and five strangers, as files that only have names."""
    for name in ("amfd_640/NF-1001", "amfd_640/NM-1002", "amfd_640/NF-1003", "amfd_640/SF-1001", "amfd_640/SM-1002"):
        path = tmp_path / "images" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    for number in range(5):
        path = tmp_path / "images" / "portraits" / f"p{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d" % number)
    return tmp_path


def test_a_relative_folder_is_found_from_anywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that name it lie elsewhere: it must not be read as relative to them."""
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("BEHOLDEN_TESTDATA", folder.name)
    assert folder_from_environment() == folder


@pytest.mark.parametrize("given", [None, "", "nowhere"])
def test_without_photos_it_says_what_is_needed(given: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unset, empty, or a folder without them."""
    monkeypatch.delenv("BEHOLDEN_TESTDATA", raising=False)
    if given is not None:
        monkeypatch.setenv("BEHOLDEN_TESTDATA", given)
    with pytest.raises(click.UsageError, match="images/amfd_640/"):
        folder_from_environment()


def test_everybody_is_shown_once_and_the_truth_is_known(folder: Path) -> None:
    """Smiling volunteers expect the reference they are enrolled under, strangers nothing; a seed gives one order."""
    found = shots(folder, ["a", "b"], 4, seed=3)
    assert Counter(shot.expected for shot in found) == {"volunteer-1001": 1, "volunteer-1002": 1, None: 4}
    assert {shot.expected for shot in found} - {None} <= set(listed(folder))
    assert Counter(shot.camera for shot in found) == {"a": 3, "b": 3}
    assert found == shots(folder, ["a", "b"], 4, seed=3)
    assert len(shots(folder, ["a"], 99, seed=3)) == 7
