import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the project does not install")

from loadtests.training.assignment import Truth, assign, cells_of  # noqa: E402


def _truth(*boxes: tuple[float, float, float, float]) -> Truth:
    count = len(boxes)
    return Truth(torch.tensor([boxes]), torch.zeros(1, count, 5, 2), torch.ones(1, count, dtype=torch.bool))


def test_cells_stand_row_by_row_finest_first() -> None:
    """A picture of 64x32 px has 8x4 cells of 8 px, 4x2 of 16 px and 2x1 of 32 px."""
    cells = cells_of(32, 64, torch.device("cpu"))
    assert cells.strides.tolist() == [8.0] * 32 + [16.0] * 8 + [32.0] * 2
    assert cells.corners[9].tolist() == [1, 1]
    assert cells.corners[-1].tolist() == [1, 0]


def test_a_small_face_is_seen_by_the_cells_around_its_middle() -> None:
    """A face of 16 px centred on a corner of four cells: these four see it, on the finest level only."""
    cells = cells_of(64, 64, torch.device("cpu"))
    face, undecided = assign(_truth((24, 24, 40, 40)), cells)
    seen = [(cells.corners[i].tolist(), float(cells.strides[i])) for i in torch.nonzero(face[0] >= 0)[:, 0]]
    assert seen == [([x, y], 8.0) for y in (3.0, 4.0) for x in (3.0, 4.0)]
    assert not undecided[0][: len(face[0]) - 4 - 16].any()


def test_a_face_between_two_levels_is_seen_by_both() -> None:
    """At 32 px both the level of 8 px and that of 16 px are asked; the ring around the middle is left open."""
    cells = cells_of(64, 64, torch.device("cpu"))
    face, undecided = assign(_truth((16, 16, 48, 48)), cells)
    assert sorted(set(cells.strides[face[0] >= 0].tolist())) == [8.0, 16.0]
    ring = cells.corners[undecided[0] & (cells.strides == 8)].tolist()
    assert sorted(ring) == [[x, y] for x in (2.0, 3.0, 4.0, 5.0) for y in (2.0, 3.0, 4.0, 5.0) if {x, y} & {2.0, 5.0}]


def test_every_size_of_face_is_seen() -> None:
    """From 8 to 300 px, wherever the middle lies, at least one cell is asked for the face."""
    cells = cells_of(320, 320, torch.device("cpu"))
    for side in (8, 11, 20, 39, 41, 80, 119, 121, 300):
        for shift in (0.0, 1.7, 4.0, 6.3):
            start = 150 + shift - side / 2
            face, _ = assign(_truth((start, start, start + side, start + side)), cells)
            assert (face >= 0).any(), (side, shift)


def test_the_smaller_of_two_overlapping_faces_is_seen() -> None:
    """A cell in the middle of both belongs to the smaller box."""
    cells = cells_of(64, 64, torch.device("cpu"))
    face, _ = assign(_truth((12, 12, 50, 50), (22, 22, 42, 42)), cells)
    middle = (cells.corners == 3).all(1) & (cells.strides == 8)
    assert face[0][middle].tolist() == [1]


def test_padding_and_specks_ask_nothing() -> None:
    """Padding is no face; cells over a face too small to be seen are not held for empty."""
    cells = cells_of(64, 64, torch.device("cpu"))
    truth = Truth(torch.zeros(1, 1, 4), torch.zeros(1, 1, 5, 2), torch.zeros(1, 1, dtype=torch.bool))
    face, undecided = assign(truth, cells)
    assert (face == -1).all()
    assert not undecided.any()
    face, undecided = assign(_truth((33, 33, 38, 38)), cells)
    assert (face == -1).all()
    assert cells.corners[undecided[0]].tolist() == [[4, 4]]
