"""A digest of a set of entries that is cheap to keep up when one of a million changes."""

import hashlib

_BUCKETS = 4096


class SetDigest:
    """SHA-256 over 4,096 SHA-256, each over its share of the entries in the order of their references.

    An entry is the line `reference NUL digest LF`; its share follows from the first 12 bits of its reference's SHA-256.
    Neither order nor history of changes plays a part, and anybody can compute it from the entries.
    """

    def __init__(self) -> None:
        self._buckets: list[dict[str, str]] = [{} for _ in range(_BUCKETS)]
        self._digests = [hashlib.sha256().digest()] * _BUCKETS
        self._changed: set[int] = set()

    def put(self, ref: str, digest: str) -> None:
        """Add an entry, or replace it."""
        bucket = _bucket_of(ref)
        self._buckets[bucket][ref] = digest
        self._changed.add(bucket)

    def remove(self, ref: str) -> None:
        """Take an entry out; it may not be there."""
        bucket = _bucket_of(ref)
        if self._buckets[bucket].pop(ref, None) is not None:
            self._changed.add(bucket)

    def hexdigest(self) -> str:
        """The digest, 64 hexadecimal digits."""
        for bucket in self._changed:
            held = self._buckets[bucket]
            lines = "".join(f"{ref}\0{held[ref]}\n" for ref in sorted(held))
            self._digests[bucket] = hashlib.sha256(lines.encode()).digest()
        self._changed.clear()
        return hashlib.sha256(b"".join(self._digests)).hexdigest()


def _bucket_of(ref: str) -> int:
    return int.from_bytes(hashlib.sha256(ref.encode()).digest()[:2], "big") >> 4
