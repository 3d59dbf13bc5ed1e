"""Secret keys in files of one line each, which nobody but their user may read.

They are made by this user, or handed to this user by whoever runs the machine: a container finds secrets as files of
root, for one group to read.
"""

import os
import secrets
import socket
from pathlib import Path
from tempfile import NamedTemporaryFile

from operators.errors import SettingsRefused

KEY_BYTES = 32
_ELSEWHERE = "for one that exists, copy its folder of keys here"


def make_secret(file: Path) -> bool:
    """Make a key that only its owner may read, if it is missing, and its folder; whether it was.

    It is there whole or not at all, and of two who make one at once the first one's stays.

    Raises:
        SettingsRefused: It is missing and cannot be made.
    """
    try:
        if file.exists():
            return False
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with NamedTemporaryFile("w", dir=file.parent, prefix=".") as made:  # with mode 600
            made.write(secrets.token_hex(KEY_BYTES) + "\n")
            made.flush()
            os.fsync(made.fileno())
            try:
                os.link(made.name, file)
            except FileExistsError:
                return False
    except OSError as error:
        raise SettingsRefused(
            f"{file} is missing and cannot be made here ({error.strerror}): 'beholden keys make FOLDER' makes the keys "
            f"of a new deployment elsewhere, for the store of secrets from which {file.parent} comes; of one that "
            "exists, put its own there"
        ) from None
    return True


def read_secret(file: Path, made_by: str, elsewhere: str = _ELSEWHERE) -> bytes:
    """The key in a file.

    Args:
        file: Where it is.
        made_by: The command that makes it.
        elsewhere: What to do where it has been made already.

    Raises:
        SettingsRefused: It is missing, is no key, or may be read by others.
    """
    try:
        return secret_in(file)
    except FileNotFoundError:
        raise SettingsRefused(
            f"{file} is missing on {socket.gethostname()}: '{made_by}' makes the keys of a new deployment; {elsewhere}"
        ) from None
    except PermissionError:
        raise SettingsRefused(
            f"{file} cannot be read by user {os.getuid()}: make it theirs with mode 600, or root's with mode 440 and "
            "one of their groups"
        ) from None


def secret_in(file: Path) -> bytes:
    """The key in a file, for whoever says what to do where there is none.

    Raises:
        OSError: It cannot be read.
        SettingsRefused: It is no key, or may be read by others.
    """
    found, text = file.stat(), file.read_text()
    if may_be_read_by_others(found, os.getuid()):
        raise SettingsRefused(f"{file} may be read by others: chmod 600 {file}")
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsRefused(f"{file} is no key: it must hold {2 * KEY_BYTES} hexadecimal digits")
    return key


def may_be_read_by_others(file: os.stat_result, user: int) -> bool:
    """Whether a file is for others than a user, who is reading it: root may have handed it to one of their groups."""
    is_handed = file.st_uid == 0 != user
    return bool(file.st_mode & (0o037 if is_handed else 0o077))
