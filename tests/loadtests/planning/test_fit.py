"""A node's figures from what was measured on it."""

from pathlib import Path
from typing import Any

import pytest

from loadtests.planning.capacity_file import read_measured
from loadtests.planning.fit import as_yaml, fit, line
from loadtests.planning.node import Source, find_node
from operators.errors import SettingsRefused
from tests.loadtests.planning.nodes import node
from tests.loadtests.planning.searches import BATCH_MS, FACES, SEARCH_MS, search, trial, written


def test_figures_are_those_it_was_made_of(tmp_path: Path) -> None:
    """Each with its machine, its day and its command; what was not measured stays."""
    found = fit(node(), read_measured(written(tmp_path, search(1, 40.0, 42.0))))
    values = {name: each.value for name, each in found.figures}
    expected = {
        "decode_ms": 2.0,
        "detect_ms": 9.0,
        "gate_ms": 1.0,
        "embed_ms": 3.0,
        "other_ms": 8.0 - 3.0 * FACES + 0.0,
    }
    expected |= {"search_ms": SEARCH_MS, "batch_ms": BATCH_MS - SEARCH_MS, "recogniser_cpu_ms": 25.0}
    expected |= {"broker_cpu_ms": 1.0, "sender_cpu_ms": 2.0, "ray_cores": 0.11}
    for name, value in expected.items():
        assert values[name] == pytest.approx(value, rel=0.02), name
    measured = dict(found.figures)["detect_ms"]
    assert (measured.source, measured.machine, measured.on) == (Source.MEASURED, "none, 4 cores", "2026-11-26")
    assert dict(found.figures)["memory_gib"].source is Source.ASSUMED
    assert values["deliver_ms"] == pytest.approx(50 - 6 - 20, abs=0.5)


@pytest.mark.parametrize("of_no_use", [{"shed_share": 1 / 3}, {"outcome": "sender"}])
def test_a_trial_that_shed_frames_or_could_not_send_is_left_out(tmp_path: Path, of_no_use: dict[str, Any]) -> None:
    """A frame that was shed ended, and cost next to nothing: it makes none that is looked at cheaper."""
    whole = search(1, 40.0, 42.0)
    seen = 2 / 3 * 60.0
    spoilt = trial(seen, 6.0) | {"fps": 60.0, "ended_fps": 60.0, "outcome": "fails"} | of_no_use
    found = fit(node(), read_measured(written(tmp_path, whole)))
    assert fit(node(), read_measured(written(tmp_path, whole | {"trials": [*whole["trials"], spoilt]}))) == found
    with pytest.raises(SettingsRefused, match="more --minutes"):
        fit(node(), read_measured(written(tmp_path, whole | {"trials": [whole["trials"][0], spoilt]})))


def test_rates_that_are_too_much_alike_say_nothing_of_what_a_frame_costs_a_broker(tmp_path: Path) -> None:
    """What was known of it stays, and the rest is always taken: noise would make brokers cost nothing, and waits count.

    Frames wait for each other at all of these rates, so that of what comes after them nothing is known either.
    """
    alike = search(1, 26.0, 28.0) | {
        "trials": [trial(fps, batch) for fps, batch in ((24.0, 1.0), (26.0, 2.0), (28.0, 6.0))]
    }
    for each, broker in zip(alike["trials"], (0.09, 0.08, 0.07), strict=True):
        each["cores"]["broker"] = broker
    found, known = dict(fit(node(), read_measured(written(tmp_path, alike))).figures), dict(node().figures)
    for name in ("broker_cpu_ms", "sender_cpu_ms", "deliver_ms"):
        assert found[name] == known[name], "with what it was measured by"
    broker, sender = known["broker_cpu_ms"].value, known["sender_cpu_ms"].value
    always = 0.08 - 26.0 * broker / 1000 + max(0.0, 26.0 * (2.0 - sender) / 1000) + 0.06
    assert found["ray_cores"].value == pytest.approx(always, abs=1e-3)


def test_a_node_that_was_fitted_is_read_again(tmp_path: Path) -> None:
    """As it was written."""
    found = fit(node(), read_measured(written(tmp_path, search(1, 40.0, 42.0))))
    file = tmp_path / "test.yaml"
    file.write_text(as_yaml(found))
    assert find_node(str(file)) == found


def test_what_was_measured_with_several_recognisers_is_refused(tmp_path: Path) -> None:
    """They share cores; and so is what is of one trial."""
    with pytest.raises(SettingsRefused, match="--recognisers 1"):
        fit(node(), read_measured(written(tmp_path, search(2, 40.0, 42.0))))
    one = search(1, 40.0, 42.0)
    with pytest.raises(SettingsRefused, match="more --minutes"):
        fit(node(), read_measured(written(tmp_path, one | {"trials": one["trials"][:1]})))
    for each in one["trials"][:2]:
        each["cores"]["others"] = 0.5
    with pytest.raises(SettingsRefused, match="while nothing else ran"):
        fit(node(), read_measured(written(tmp_path, one)))
    with pytest.raises(SettingsRefused, match="nothing was tried"):
        read_measured(written(tmp_path, one | {"trials": []}))


@pytest.mark.parametrize(
    ("y", "found"),
    [([3, 5, 7], (1, 2)), ([1, 4, 7], (0, 2.1429)), ([6, 5, 4], (5, 0)), ([2, 4, 6], (0, 2))],
)
def test_a_line_begins_and_grows_no_less_than_nothing(y: list[float], found: tuple[float, float]) -> None:
    """Noise must not make a frame that takes less than nothing."""
    assert line([1, 2, 3], y) == pytest.approx(found, abs=1e-3)
    assert line([2, 2], [4, 4]) == pytest.approx((0, 2))
