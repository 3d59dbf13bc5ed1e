import io
from contextlib import nullcontext
from typing import Any
from unittest.mock import Mock

import pytest
from rich.console import Console

from loadtests import bench_ceiling
from loadtests.bench_bare import Work
from loadtests.bench_ceiling import (
    CLUSTER,
    LAYERS,
    Round,
    ceiling_fps,
    compared,
    measure,
    table,
)
from loadtests.bench_cluster import Drained
from loadtests.bench_layers import EndlessSource
from loadtests.bench_report import Sample
from loadtests.bench_result import conclude
from loadtests.quiet import Gate, Load, Spoilt

QUIET = Load(wall_s=5.0, own_cores=2.0, foreign_cores=0.0, stolen_cores=0.0)


def measured(**fps: float) -> Round:
    """A round by frames a second."""
    return {layer: Sample(each, {"loop": 1.0}, QUIET) for layer, each in fps.items()}


ROUND = measured(models=50.0, decode=200.0, single=30.0, memory=36.0, cluster=34.0)


def test_the_ceiling_is_models_and_decoder_one_after_the_other() -> None:
    """20 ms and 5 ms are 25 ms."""
    assert ceiling_fps(ROUND) == pytest.approx(40.0)


def test_everything_is_held_against_its_own_round() -> None:
    """And the ceiling is printed beside what is held against models alone."""
    found = {each.name: each for each in compared([ROUND, ROUND])}
    assert found["ceiling (models, then decoder) / models alone"].rounds == pytest.approx((0.8, 0.8))
    assert found["recogniser / models alone"].rounds == pytest.approx((0.72, 0.72))
    assert found["recogniser / ceiling"].rounds == pytest.approx((0.9, 0.9))
    assert found["recogniser / ceiling"].is_reached is False
    assert found["cluster / ceiling"].rounds == pytest.approx((0.85, 0.85))
    assert found["recogniser, batches of 8 / batches of 1"].rounds == pytest.approx((1.2, 1.2))
    assert found["recogniser, batches of 8 / batches of 1"].is_reached


def test_rounds_without_all_samples_are_left_out() -> None:
    """A ceiling needs both its parts, and a cluster that shed measures nothing."""
    drained: list[tuple[Any, Load]] = [(Drained(34.0, {}), QUIET), (Spoilt("shed"), QUIET), (Drained(34.0, {}), QUIET)]
    cluster = Mock(held=nullcontext, drain=Mock(side_effect=drained))
    workers = Mock(run=lambda layer, seconds: Work(100, 2.0, 2.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench_ceiling, "load", lambda before, after: QUIET)
        found = measure(workers, cluster, Mock(), 600, 2, Gate(Mock(), attempts=1))
    assert [sorted(each) for each in found] == [sorted([*LAYERS, CLUSTER])]
    console = Console(record=True, width=120)
    console.print(table(found))
    assert "ceiling" in console.export_text()


@pytest.mark.parametrize(("quiet", "check", "code"), [(0, True, 2), (1, True, 2), (2, True, 1), (2, False, 0)])
def test_the_exit_status(quiet: int, check: bool, code: int) -> None:
    """Half of the rounds must have been quiet; what is missed fails when that is asked."""
    assert conclude(compared([ROUND] * quiet), quiet, 4, check, Console(file=io.StringIO())) == code


def test_one_frame_at_a_time_is_polled_one_at_a_time() -> None:
    """Otherwise frames would pile up before the pipeline."""
    assert len(EndlessSource([b"a"], ["x"], 0, batch=1).poll(256, 0.0, {})) == 1
    assert len(EndlessSource([b"a"], ["x"], 0).poll(256, 0.0, {})) == 8
