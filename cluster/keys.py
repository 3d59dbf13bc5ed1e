"""The secret keys of a deployment: files of one line each that only their owner may read.

Two keys: one under which the ledger names people who are or were listed, so that nobody without it can tell from the
ledger who that was; one that seals pictures. Whoever destroys them ends what they open.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from operators.errors import SettingsRefused

_BYTES = 32
_NONCE_BYTES = 12
_MEMBERS, _PICTURES = "members.key", "pictures.key"


@dataclass(frozen=True, slots=True)
class DeploymentKeys:
    """Both keys.

    Attributes:
        members: Names listed people in the ledger.
        pictures: Seals pictures.
    """

    members: bytes = field(repr=False)
    pictures: bytes = field(repr=False)

    @property
    def members_id(self) -> str:
        """Tells this key of members from others without giving it away."""
        return hashlib.sha256(b"beholden.members.v1" + self.members).hexdigest()[:16]

    def member(self, ref: str) -> str:
        """What the ledger calls the person of this reference: HMAC-SHA256, hex."""
        return hmac.new(self.members, ref.encode(), hashlib.sha256).hexdigest()

    def seal(self, picture: bytes, of: str) -> bytes:
        """A picture that only this deployment can open, as that of the same reference: AES-256-GCM, nonce first."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.pictures).encrypt(nonce, picture, of.encode())

    def open(self, sealed: bytes, of: str) -> bytes:
        """The picture in `sealed`.

        Raises:
            SettingsRefused: It was sealed with another key or for another reference, or has been changed.
        """
        try:
            return AESGCM(self.pictures).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], of.encode())
        except (InvalidTag, ValueError):
            raise SettingsRefused(
                "a picture does not open with this deployment's key: use the one it was made with"
            ) from None


def new_keys() -> DeploymentKeys:
    """Keys that nobody else has; nothing that they seal outlives the process unless they are written down."""
    return DeploymentKeys(secrets.token_bytes(_BYTES), secrets.token_bytes(_BYTES))


def make_keys(folder: Path) -> bool:
    """Make the keys that are missing in `folder`; whether there were any."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    missing = [name for name in (_MEMBERS, _PICTURES) if not (folder / name).exists()]
    for name in missing:
        make_secret(folder / name)
    return bool(missing)


def make_secret(file: Path) -> None:
    """Make a key that only its owner may read."""
    file.touch(mode=0o600, exist_ok=False)
    file.write_text(secrets.token_hex(_BYTES) + "\n")


def read_keys(folder: Path) -> DeploymentKeys:
    """The keys in `folder`.

    Raises:
        SettingsRefused: One is missing, is no key, or may be read by others.
    """
    made_by = "beholden watchlist create"
    return DeploymentKeys(read_secret(folder / _MEMBERS, made_by), read_secret(folder / _PICTURES, made_by))


def read_secret(file: Path, made_by: str) -> bytes:
    """The key in a file; `made_by` is the command that makes it.

    Raises:
        SettingsRefused: It is missing, is no key, or may be read by others.
    """
    try:
        mode, text = file.stat().st_mode, file.read_text()
    except FileNotFoundError:
        raise SettingsRefused(
            f"{file} is missing: '{made_by}' makes the keys of a new deployment; "
            "for one that exists, copy its folder of keys here"
        ) from None
    if mode & 0o077:
        raise SettingsRefused(f"{file} may be read by others: chmod 600 {file}")
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != _BYTES:
        raise SettingsRefused(f"{file} is no key: it must hold {2 * _BYTES} hexadecimal digits")
    return key
