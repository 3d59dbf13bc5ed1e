import hashlib

from hypothesis import given
from hypothesis import strategies as st

from indexes.set_digest import SetDigest, joined, parted

Changes = list[tuple[str, str]]
CHANGES = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["", "1" * 64, "2" * 64])), max_size=20)


def _change(digest: SetDigest, changes: Changes) -> dict[str, str]:
    """Put entries in and take those without a digest out; what is left."""
    entries: dict[str, str] = {}
    for ref, of in changes:
        if of:
            digest.put(ref, of)
            entries[ref] = of
        else:
            digest.remove(ref)
            entries.pop(ref, None)
    return entries


def _by_hand(entries: dict[str, str]) -> str:
    """As the docstring says, the slow way."""
    shares: list[list[str]] = [[] for _ in range(4096)]
    for ref, digest in sorted(entries.items()):
        shares[int(hashlib.sha256(ref.encode()).hexdigest()[:3], 16)].append(f"{ref}\0{digest}\n")
    return hashlib.sha256(b"".join(hashlib.sha256("".join(one).encode()).digest() for one in shares)).hexdigest()


@given(CHANGES)
def test_it_follows_from_the_entries_alone(changes: Changes) -> None:
    """Whatever was put in, replaced and taken out before."""
    found = SetDigest()
    entries = _change(found, changes)
    assert found.hexdigest() == _by_hand(entries)


@given(CHANGES, CHANGES)
def test_it_is_taken_up_again_where_it_was_left(before: Changes, after: Changes) -> None:
    """From its lines, as they are stored; what changes afterwards changes it as if it had never been away."""
    kept, again = SetDigest(), SetDigest()
    _change(kept, before)
    again.put("of before", "3" * 64)
    again.take(parted(*joined(kept.lines())))
    assert again.hexdigest() == kept.hexdigest()
    for one in (kept, again):
        _change(one, after)
    assert again.hexdigest() == kept.hexdigest()
    assert again.lines() == kept.lines()


def test_its_digests_are_computed_anew_from_the_lines() -> None:
    """Not believed: other lines are another set."""
    one, other = SetDigest(), SetDigest()
    one.put("a", "1" * 64)
    other.take([line.replace(b"1", b"2") for line in one.lines()])
    assert other.hexdigest() == _by_hand({"a": "2" * 64})


def test_every_entry_and_every_digest_counts() -> None:
    """Another reference or another record is another set."""
    sets: list[dict[str, str]] = [{}, {"a": "1"}, {"a": "2"}, {"b": "1"}, {"a": "1", "b": "1"}]
    assert len({_by_hand(entries) for entries in sets}) == len(sets)
