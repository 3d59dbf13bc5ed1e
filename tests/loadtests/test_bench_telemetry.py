"""What follows from the rounds of `bench telemetry`."""

import io
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import click
import pytest
from rich.console import Console

from loadtests import bench_telemetry
from loadtests.bench_telemetry import Round, Side, measure, verdict


@pytest.mark.parametrize(
    ("found", "least", "code"),
    [
        ([(100.0, 99.0), (100.0, 90.0), (10.0, 9.8)], 0.97, 0),
        ([(100.0, 99.0), (100.0, 90.0), (100.0, 96.0)], 0.97, 1),
        ([(100.0, 10.0)], None, 2),
        ([(100.0, 10.0), (100.0, 10.0)], None, 0),
        ([], None, 2),
    ],
)
def test_verdict(found: list[Round], least: float | None, code: int) -> None:
    """The median counts, and half the rounds wanted must have been quiet."""
    assert verdict(found, 3, least)[0] == code


def test_each_figure_is_its_side_s_whoever_comes_first() -> None:
    """Off comes first in the first round, on in the second."""
    order: list[str] = []

    def side(name: str, fps: float) -> Side:
        return cast(Side, Mock(fps=lambda _: order.append(name) or fps))

    found = measure(side("off", 100.0), side("on", 98.0), 2, 1.0, 1e9, Console(file=io.StringIO()))
    assert found == [(100.0, 98.0), (100.0, 98.0)]
    assert order == ["off", "on", "on", "off"]


def _side(monkeypatch: pytest.MonkeyPatch, metrics: Any, waiting: int) -> Side:
    """Over a recogniser that has taken in all of 100 frames, of which some wait."""
    status = Mock(slot=0, state="watching", account={"frames_in": 100, "open": waiting})

    def run(group: str, seconds: float, look: Any, telemetry: Any, meanwhile: Any) -> tuple[Any, None, None]:
        meanwhile(seconds)
        return SimpleNamespace(fps=50.0), None, None

    monkeypatch.setattr(bench_telemetry, "open_cluster_metrics", lambda plan, policy: metrics)
    return Side(Mock(run_kafka=run, statuses=lambda: [status]), Mock(), 100)


def test_statuses_become_metrics_while_it_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a supervisor makes them; afterwards none are sent."""
    metrics = Mock()
    assert _side(monkeypatch, metrics, 1).fps(0.01) == 50.0
    [member] = metrics.note.call_args[0][0]
    assert (member.name, member.state) == ("recogniser-0", "watching")
    metrics.close.assert_called_once_with()


def test_a_backlog_that_was_read_too_soon_is_no_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides would be as fast as they wait for frames."""
    with pytest.raises(click.ClickException, match="more --frames"):
        _side(monkeypatch, None, 0).fps(0.01)
