"""What searches are held against: every row is read, every product made."""

import numpy as np
import pytest

from loadtests.bench_limits import Product, Sweep
from tests.builders import random_units


@pytest.mark.parametrize("threads", [1, 3])
def test_a_sweep_reads_every_number(threads: int) -> None:
    """Whichever way is the fastest: a largest number, a bit or a square anywhere changes what it gives."""
    rows = random_units(1, 50, 16)
    sweep = Sweep(rows, threads)
    assert sweep.name in {"dot", "max", "or"}
    for name, way in sweep.ways.items():
        before = sweep.over(way)
        for at in (0, 399, 799):
            kept, rows.reshape(-1)[at] = rows.reshape(-1)[at], np.float32(9.75)
            assert str(sweep.over(way)) != str(before), name
            rows.reshape(-1)[at] = kept


def test_products_are_those_of_the_queries_asked() -> None:
    """Fewer than there is room for, too."""
    rows, asked = random_units(2, 40, 16), random_units(3, 5, 16)
    np.testing.assert_allclose(Product(rows, 64)(asked), rows @ asked.T, atol=1e-6)
