"""Where panels are put."""

from itertools import pairwise

import pytest

from cluster.telemetry.boards.panels import COLUMNS, Board, Limits, Panel, Place, Query, Row, place
from cluster.telemetry.boards.shelf import BOARDS


def board(*rows: tuple[tuple[int, int], ...]) -> Board:
    """A board of panels with these widths and heights."""
    panels = [tuple(Panel("p", "a", (Query("up"),), width=w, height=h) for w, h in row) for row in rows]
    return Board("uid", "title", "question?", tuple(Row("row", each) for each in panels))


def test_panels_are_placed_from_left_to_right_and_begin_a_new_line_where_there_is_no_room() -> None:
    """The next row begins below the tallest."""
    places = [each.place for each in place(board(((12, 8), (12, 5), (6, 4)), ((24, 3),)))]
    assert places == [
        Place(0, 0, 24, 1),
        Place(0, 1, 12, 8),
        Place(12, 1, 12, 5),
        Place(0, 9, 6, 4),
        Place(0, 13, 24, 1),
        Place(0, 14, 24, 3),
    ]


@pytest.mark.parametrize("shown", BOARDS, ids=lambda shown: shown.uid)
def test_no_two_panels_overlap_and_none_is_wider_than_the_grid(shown: Board) -> None:
    """On every dashboard."""
    taken = set()
    for each in place(shown):
        at = each.place
        cells = {(x, y) for x in range(at.x, at.x + at.width) for y in range(at.y, at.y + at.height)}
        assert at.x + at.width <= COLUMNS
        assert not taken & cells, each.title
        taken |= cells


@pytest.mark.parametrize("shown", BOARDS, ids=lambda shown: shown.uid)
def test_every_line_of_panels_fills_the_grid(shown: Board) -> None:
    """Nothing is left empty at the right but after the last line of a row."""
    for before, after in pairwise(place(shown)):
        if after.place.y > before.place.y and before.panel and after.panel is None:
            assert before.place.x + before.place.width == COLUMNS, before.title


def test_limits_say_which_side_is_the_bad_one() -> None:
    """Days until an end are bad when they are few."""
    assert Limits(7, 1).low_is_bad
    assert not Limits(1, 1).low_is_bad
