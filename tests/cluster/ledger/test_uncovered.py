"""What a checkpoint is held against, apart from any ledger."""

from collections.abc import Sequence

from cluster.ledger.uncovered import Place, Uncovered, unreadable
from cluster.wire.checkpoints import Checkpoint, marks_of, order_of


def place(number: int, offset: int | None = None) -> Place:
    """A record of its own kind."""
    return Place(number if offset is None else offset, "a", "0" * 16, number, f"{number + 1:08x}" + "0" * 56)


def over(numbers: Sequence[int]) -> Checkpoint:
    """A checkpoint over these records."""
    hashes = [place(number).hash for number in numbers]
    first, behind = numbers[0], numbers[-1] + 1
    marks = marks_of(hashes)
    return Checkpoint("test", 0, "", first, behind, len(hashes), len(hashes), order_of(hashes), marks, (), b"")


def left(places: Sequence[Place], checkpoint: Checkpoint, is_cut: bool = False) -> tuple[object, list[int]]:
    """Where these differ from what a checkpoint covers, and what is not covered then."""
    window = Uncovered()
    for each in places:
        window.add(each)
    difference = window.cover_end(checkpoint) if is_cut else window.cover(checkpoint)
    where = difference and (difference.at, difference.found and difference.found.seq, difference.is_moved)
    return where, [each.seq for each in window.places]


def test_what_is_covered_is_dropped() -> None:
    """And what is behind it stays."""
    assert left([place(number) for number in range(5)], over(range(3))) == (None, [3, 4])
    assert left([place(number) for number in range(3)], over(range(3))) == (None, [])


def test_the_first_that_differs_is_told_and_the_rest_goes_on_behind() -> None:
    """Dropped, put in, exchanged, unreadable, and all of it missing."""
    one, two, three, four, five = (place(number) for number in range(5))
    assert left([one, three, four], over(range(3))) == ((1, 2, False), [3])
    assert left([one, place(9), two, three, four], over(range(3))) == ((1, 9, False), [3])
    assert left([two, one, three, four], over(range(3))) == ((0, 1, True), [3])
    assert left([one, two, unreadable(2, b"x"), four], over(range(3))) == ((2, -1, False), [3])
    assert left([one, two], over(range(3))) == ((2, None, False), [])
    assert left([], over(range(3))) == ((0, None, False), [])
    assert left([four, five], over(range(3))) == ((0, 3, False), [])


def test_where_the_beginning_is_deleted_the_rest_has_its_marks() -> None:
    """All of it may be deleted as well."""
    assert left([place(number) for number in (2, 3)], over(range(3)), is_cut=True) == (None, [3])
    assert left([place(number) for number in (3, 4)], over(range(3)), is_cut=True) == (None, [3, 4])
    assert left([place(1), place(9, 2), place(3)], over(range(3)), is_cut=True) == ((2, 9, False), [3])
