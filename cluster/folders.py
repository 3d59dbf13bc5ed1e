"""Where this user's files lie: what is running, what was fetched, and what lives no longer than a cluster."""

import contextlib
import os
import tempfile
from pathlib import Path

from operators.errors import DeploymentFailed


def state_folder() -> Path:
    """What runs is written down here: under XDG_STATE_HOME or ~/.local/state."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "beholden"


def cache_folder() -> Path:
    """What was fetched is kept here: under XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "beholden"


def temporary_folder(cluster: str) -> Path:
    """What lives no longer than a cluster, on each of its machines: Ray's sockets, notes of frames in hand.

    It is short, since a path of a socket may have 107 bytes, and lies where TMPDIR says or in /tmp: a container with
    a read-only file system has a writable folder there, or Ray could not run in it either.
    """
    return Path(tempfile.gettempdir()) / f"beholden-{os.getuid()}" / cluster


def make_private(folder: Path) -> None:
    """Make a folder that only this user can enter: Ray opens what it puts there to everyone.

    Raises:
        DeploymentFailed: It belongs to somebody else.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.getuid():
        raise DeploymentFailed(f"{folder} belongs to somebody else: set TMPDIR to a folder of yours")
    folder.chmod(0o700)


def notes_folder(cluster: str) -> Path:
    """Where recognisers of a cluster on this machine note which frames they have in hand.

    Raises:
        DeploymentFailed: What it lies in belongs to somebody else, who could have frames refused.
    """
    folder = temporary_folder(cluster)
    with contextlib.suppress(OSError):  # whoever writes there finds out, and says so
        make_private(folder.parent)
    return folder / "in-hand"
