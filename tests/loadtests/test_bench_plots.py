"""The figure of what a search costs."""

from pathlib import Path

import pytest

from loadtests.bench_index import FLOAT, GPU_HALF, HALF, INSTALLED, INT8, READ, TUNED, Timed
from loadtests.bench_plots import draw_costs


@pytest.mark.parametrize("ways", [(INSTALLED, TUNED, FLOAT, INT8), (INSTALLED, TUNED, FLOAT)])
def test_it_is_drawn_from_what_was_measured(tmp_path: Path, ways: tuple[str, ...]) -> None:
    """Also where the processor has no exact 8-bit products, and where a round was never quiet."""
    found = [
        Timed(rows, batch, way, (rows * batch / 1e4,)) for rows in (1_000, 10_000) for batch in (1, 64) for way in ways
    ]
    found += [Timed(rows, 1, READ, (rows / 2e4,)) for rows in (1_000, 10_000)]
    found.append(Timed(100_000, 1, FLOAT, ()))
    file = draw_costs(found, 2, tmp_path / "figures")
    assert file == tmp_path / "figures" / "performance-index.png"
    assert file.read_bytes().startswith(b"\x89PNG")


def test_ways_on_a_gpu_have_a_figure_of_their_own(tmp_path: Path) -> None:
    """With what the card's memory allows; a way that was measured at one size only is there, too."""
    found = [Timed(rows, batch, GPU_HALF, (rows / 1e4,)) for rows in (1_000, 10_000) for batch in (1, 64)]
    found += [Timed(10_000, 64, HALF, (0.1,)), *(Timed(rows, 1, READ, (rows / 2e4,)) for rows in (1_000, 10_000))]
    without, drawn = (draw_costs(found, 2, tmp_path / str(tb_s), tb_s) for tb_s in (None, 3.0))
    assert (without.name, drawn.name) == ("performance-gpu.png", "performance-gpu.png")
    assert drawn.read_bytes() != without.read_bytes()
