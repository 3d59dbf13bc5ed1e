"""The secret keys with which people sign: a file of one line each that only its owner may read.

They lie with their owner, not with the cluster: whoever has one signs as that person.
"""

import base64
import json
import os
import re
from collections.abc import Collection
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cluster.folders import state_folder
from cluster.policies.signatures import Role
from operators.errors import SettingsRefused

_NAME = re.compile(r"\w[\w .-]{0,99}")


def person_file(name: str) -> Path:
    """Where this user keeps the key of somebody of this name.

    Raises:
        SettingsRefused: It cannot be the name of a file.
    """
    if not _NAME.fullmatch(name) or name != name.strip():
        raise SettingsRefused(f"{name!r}: a name has letters, digits, blanks, dots and dashes, at most 100 of them")
    return state_folder() / "people" / f"{name}.key"


def make_person_key(file: Path) -> bool:
    """Make the key if it is missing; whether it was."""
    if file.exists():
        return False
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as opened:
        opened.write(Ed25519PrivateKey.generate().private_bytes_raw().hex() + "\n")
    return True


def read_person_key(file: Path) -> Ed25519PrivateKey:
    """The key in a file.

    Raises:
        SettingsRefused: It is missing, is no key, or may be read by others.
    """
    try:
        mode, text = file.stat().st_mode, file.read_text()
    except OSError as error:
        raise SettingsRefused(
            f"{file}: cannot be read ({error.strerror}): 'beholden policy key NAME' makes a key, --key FILE names one"
        ) from None
    if mode & 0o077:
        raise SettingsRefused(f"{file} may be read by others: chmod 600 {file}")
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text.strip()))
    except ValueError:
        raise SettingsRefused(f"{file} is no key: it must hold 64 hexadecimal digits") from None


def cluster_file_line(name: str, key: Ed25519PrivateKey, roles: Collection[Role]) -> str:
    """What is to stand below `people:` in the cluster file."""
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    return f'  {json.dumps(name, ensure_ascii=False)}: {{public_key: "{public}", roles: [{", ".join(roles)}]}}'
