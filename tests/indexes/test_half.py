from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes import half
from indexes.half import GROUP, HalfIndex
from indexes.rescored import rounding
from operators.onnx import Device, Session, providers
from operators.types import Float32
from tests.builders import random_units
from tests.index_check import check, near_to

ON_GPU = pytest.mark.skipif("CUDAExecutionProvider" not in providers(), reason="this onnxruntime offers no CUDA")
DEVICES = [Device.CPU, pytest.param(Device.CUDA, marks=[pytest.mark.gpu, ON_GPU])]


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 600),
    st.integers(0, 12),
    st.integers(1, 70),
    st.sampled_from([1, 2, 65, 512]),
    st.sampled_from([-np.inf, -1.0, 0.0, 0.3, 0.9, 1.0]),
)
def test_the_answers_are_those_of_the_reference(
    seed: int, n: int, q: int, k: int, dimension: int, at_least: float
) -> None:
    """By value, with duplicates, and queries that are rows."""
    rows = random_units(seed, n, dimension)
    rows = rows[np.random.default_rng(seed).integers(0, n, n)]
    queries = np.concatenate([rows[:12], random_units(seed + 1, 20, dimension)])[:q]
    check(HalfIndex(rows, Device.CPU), rows, queries, k, at_least)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("at_least", [0.1, 0.2, 0.5, 0.8])
def test_several_blocks_answer_as_one(monkeypatch: pytest.MonkeyPatch, at_least: float, device: Device) -> None:
    """The last one is shorter; the best of all blocks come first."""
    monkeypatch.setattr(half, "BLOCK_ROWS", 4 * GROUP)
    rows = random_units(7, 9 * GROUP + 11, 128)
    queries = np.concatenate([near_to(rows[::50], 8, 0.7), random_units(9, 20, 128)])
    check(HalfIndex(rows, device), rows, queries, 5, at_least)


@pytest.mark.parametrize(("n", "q", "k"), [(0, 0, 3), (0, 2, 3), (3, 0, 2), (3, 2, 0), (1, 1, 1), (1, 2, 9)])
def test_the_shapes_of_little_are_those_of_the_reference(n: int, q: int, k: int) -> None:
    """No rows, no queries, nothing asked for, one row."""
    rows = random_units(0, n)
    check(HalfIndex(rows, Device.CPU), rows, random_units(1, q), k, 0.0)


@pytest.mark.parametrize("device", DEVICES)
def test_queries_that_are_no_numbers_find_nobody_and_long_ones_whoever_they_find(device: Device) -> None:
    """float16 ends at 65,504."""
    rows = random_units(1, 300, 64)
    queries = np.concatenate([rows[:3], rows[3:5] * np.float32(1e6)])
    queries[0, 0], queries[1, 0] = np.nan, np.inf
    cosines, found = HalfIndex(rows, device).search(queries, 1, 0.5)
    assert found[:3, 0].tolist() == [-1, -1, 2]
    assert found[3:, 0].tolist() == [3, 4]
    assert (cosines[3:, 0] > 1e5).all()


@pytest.mark.parametrize("device", DEVICES)
def test_the_largest_products_lie_within_the_slack(device: Device) -> None:
    """Of a thousand rows and 64 queries; with no slack some groups would be left out."""
    rows, queries = random_units(3, 4 * GROUP, 512), random_units(4, 64, 512)
    queries[::2] = near_to(rows[::32][:32], 5, 1.0)
    [largest] = half._open(rows.astype(np.float16), device).run(queries)
    true = (queries.astype(np.float64) @ rows.astype(np.float64).T).reshape(64, 4, GROUP).max(2)
    lost, kept = (each.max() for each in rounding(rows, np.float16))
    asked, _ = rounding(queries, np.float16)
    assert (np.abs(largest - true) <= (lost + asked * kept + half._SUMMING)[:, None]).all()
    assert (largest < true).any()


def test_products_that_are_off_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By more than rounding explains."""
    opened = half._open

    def off(near: half.Float16, device: Device) -> Session:
        session = opened(near, device)
        return replace(session, run=lambda queries: [session.run(queries)[0] + np.float32(0.01)])

    monkeypatch.setattr(half, "_open", off)
    assert not half.is_exact_on(Device.CPU)


def test_a_crowd_is_not_asked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The products of all its faces would not fit on a card that several processes share."""
    opened, asked = half._open, []

    def counted(near: half.Float16, device: Device) -> Session:
        session = opened(near, device)

        def run(queries: Float32) -> list[Float32]:
            asked.append(len(queries))
            return session.run(queries)

        return replace(session, run=run)

    monkeypatch.setattr(half, "_open", counted)
    rows = random_units(1, 300, 32)
    check(HalfIndex(rows, Device.CPU), rows, rows[:150], 2, 0.5)
    assert asked == [64, 64, 22]
