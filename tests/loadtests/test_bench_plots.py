"""The figure of what a search costs."""

from pathlib import Path

import pytest

from loadtests.bench_index import FLOAT, INSTALLED, INT8, READ, TUNED, Timed
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
