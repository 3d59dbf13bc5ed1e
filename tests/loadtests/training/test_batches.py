import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the project does not install")

from loadtests.training.batches import prepare, rows_of, to_planes  # noqa: E402
from tests.waiting import PATIENCE_S  # noqa: E402


def test_batches_come_in_order_however_many_threads_make_them() -> None:
    """A slow first batch is waited for."""
    first = threading.Event()

    def make(step: int) -> int:
        if step == 0:
            assert first.wait(PATIENCE_S)
        else:
            first.set()
        return step

    batches = prepare(make, 2)
    assert [next(batches) for _ in range(6)] == list(range(6))
    batches.close()


def test_a_batch_that_cannot_be_made_stops_the_training() -> None:
    """The error reaches the loop and is not lost on a thread."""

    def make(step: int) -> int:
        return 1 // (2 - step)

    batches = prepare(make, 1)
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(batches)


def test_every_row_comes_once_each_time_through() -> None:
    """Ten rows in batches of three: nine different ones, then another order."""
    steps = [rows_of(step, 10, 3, 0).tolist() for step in range(6)]
    assert len({row for rows in steps[:3] for row in rows}) == 9
    assert len({row for rows in steps[3:] for row in rows}) == 9
    assert steps[:3] != steps[3:]
    assert rows_of(4, 10, 3, 0).tolist() == steps[4]


def test_pixels_become_planes_in_their_own_scale() -> None:
    """Channels first, 0 to 255, no change of colour order."""
    images = np.zeros((2, 4, 6, 3), np.uint8)
    images[1, 2, 3] = (10, 20, 255)
    planes = to_planes(images, torch.device("cpu"))
    assert planes.shape == (2, 3, 4, 6)
    assert planes[1, :, 2, 3].tolist() == [10, 20, 255]
