"""One process at a time in a folder that several may want to change."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ATTEMPTS = 1000  # each lost to another holder; a folder that can never be made must not be tried for ever


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, creating it and its folders (owner only) where needed.

    The lock goes with the process, so a killed process never blocks the next one. A holder may move the file's folder
    away, to delete it there: whoever waited then locks a new file.

    Args:
        path: The lock file; its content is not used.

    Raises:
        OSError: The folder cannot be made or written.
    """
    descriptor = _open_locked(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _open_locked(path: Path) -> int:
    for _ in range(ATTEMPTS):
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except (FileNotFoundError, FileExistsError):  # a holder has moved the folder meanwhile
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)
    raise FileNotFoundError(errno.ENOENT, "the folder cannot be made, or always goes away again", str(path.parent))


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
