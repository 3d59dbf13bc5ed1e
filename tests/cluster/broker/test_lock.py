"""One process at a time in a folder."""

import shutil
import threading
import time
from pathlib import Path

import pytest

from cluster.broker.lock import locked
from tests.waiting import PATIENCE_S

HOLDERS, ROUNDS = 8, 20


def test_holders_follow_each_other_even_when_the_folder_goes(tmp_path: Path) -> None:
    """Holders that each move the folder away and delete it are never inside at once."""
    path = tmp_path / "folder" / "lock"
    inside: list[int] = []
    counts: list[int] = []

    def hold(name: int) -> None:
        for turn in range(ROUNDS):
            with locked(path):
                inside.append(name)
                time.sleep(0)  # let the others try
                counts.append(len(inside))
                inside.pop()
                shutil.rmtree(path.parent.rename(tmp_path / f"grave-{name}-{turn}"))

    threads = [threading.Thread(target=hold, args=(name,)) for name in range(HOLDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert counts == [1] * (HOLDERS * ROUNDS)
    assert not path.parent.exists()


def test_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """A file where the folder should be ends the attempts."""
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), locked(tmp_path / "file" / "lock"):
        pass
