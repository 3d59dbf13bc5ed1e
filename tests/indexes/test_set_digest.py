import hashlib

from hypothesis import given
from hypothesis import strategies as st

from indexes.set_digest import SetDigest

CHANGES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["", "1" * 64, "2" * 64])), max_size=20)


def _by_hand(entries: dict[str, str]) -> str:
    """As the docstring says, the slow way."""
    shares: list[list[str]] = [[] for _ in range(4096)]
    for ref, digest in sorted(entries.items()):
        shares[int(hashlib.sha256(ref.encode()).hexdigest()[:3], 16)].append(f"{ref}\0{digest}\n")
    return hashlib.sha256(b"".join(hashlib.sha256("".join(one).encode()).digest() for one in shares)).hexdigest()


@given(CHANGES)
def test_it_follows_from_the_entries_alone(changes: list[tuple[str, str]]) -> None:
    """Whatever was put in, replaced and taken out before."""
    found, entries = SetDigest(), dict[str, str]()
    for ref, digest in changes:
        if digest:
            found.put(ref, digest)
            entries[ref] = digest
        else:
            found.remove(ref)
            entries.pop(ref, None)
    assert found.hexdigest() == _by_hand(entries)


def test_every_entry_and_every_digest_counts() -> None:
    """Another reference or another record is another set."""
    sets: list[dict[str, str]] = [{}, {"a": "1"}, {"a": "2"}, {"b": "1"}, {"a": "1", "b": "1"}]
    assert len({_by_hand(entries) for entries in sets}) == len(sets)
