"""Folders that only this user can enter."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from cluster.folders import make_private, notes_folder, temporary_folder
from operators.errors import DeploymentFailed


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Temporary files go to a folder of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    """Whatever lies in it may be open to everyone."""
    (tmp_path / "here").mkdir(mode=0o777)
    make_private(tmp_path / "here")
    assert stat.S_IMODE((tmp_path / "here").stat().st_mode) == 0o700


def test_notes_lie_with_what_lives_no_longer_than_the_cluster(tmp_path: Path) -> None:
    """Not among the user's own files."""
    folder = notes_folder("street")
    assert folder.parent == temporary_folder("street") == tmp_path / f"beholden-{os.getuid()}" / "street"
    assert stat.S_IMODE(folder.parent.parent.stat().st_mode) == 0o700


def test_a_folder_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever can write there could have frames refused, and a camera blinded."""
    temporary_folder("street").parent.mkdir()
    name = temporary_folder("street").parent
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    name.rename(temporary_folder("street").parent)
    with pytest.raises(DeploymentFailed, match="belongs to somebody else: set TMPDIR"):
        notes_folder("street")


def test_where_nothing_can_be_written_the_folder_is_named_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes there says so, and goes on."""
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    assert notes_folder("street").name == "in-hand"
