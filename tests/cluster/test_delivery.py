from cluster.delivery import member_of, slot_named


def test_a_slots_name_tells_the_slot() -> None:
    """And no other actor's name does."""
    assert [slot_named(member_of(slot)) for slot in (0, 7, 12)] == [0, 7, 12]
    assert [slot_named(name) for name in ("supervisor", "recogniser-", "recogniser-1x", "shard-0-of-1-r0")] == [
        None
    ] * 4
