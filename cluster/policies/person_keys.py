"""The secret keys with which people sign: a file of one line each that only its owner may read.

They lie with their owner, not with the cluster: whoever has one signs as that person.
"""

import base64
import json
import re
from collections.abc import Collection
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cluster.folders import state_folder
from cluster.policies.signatures import Role
from cluster.secret_files import make_secret, secret_in
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
    return make_secret(file)


def read_person_key(file: Path) -> Ed25519PrivateKey:
    """The key in a file.

    Raises:
        SettingsRefused: It is missing, is no key, or may be read by others.
    """
    try:
        return Ed25519PrivateKey.from_private_bytes(secret_in(file))
    except OSError as error:
        raise SettingsRefused(
            f"{file}: cannot be read ({error.strerror}): 'beholden policy key NAME' makes a key, --key FILE names one"
        ) from None


def cluster_file_line(name: str, key: Ed25519PrivateKey, roles: Collection[Role]) -> str:
    """What is to stand below `people:` in the cluster file."""
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    return f'  {json.dumps(name, ensure_ascii=False)}: {{public_key: "{public}", roles: [{", ".join(roles)}]}}'
