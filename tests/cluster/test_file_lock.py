"""One process at a time in a folder."""

import threading
from pathlib import Path

from cluster.file_lock import locked


def test_holders_follow_each_other_even_when_the_file_is_deleted(tmp_path: Path) -> None:
    """Eight holders that each delete the lock file are never inside at once."""
    path, inside, most = tmp_path / "folder" / "lock", [], []

    def hold() -> None:
        for _ in range(20):
            with locked(path):
                inside.append(1)
                most.append(len(inside))
                path.unlink()
                inside.pop()

    threads = [threading.Thread(target=hold) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 160
    assert max(most) == 1
