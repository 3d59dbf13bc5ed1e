"""Files of nodes."""

from pathlib import Path

import pytest

from loadtests.planning.fit import as_yaml
from loadtests.planning.node import Figure, Source, find_node, node_names
from operators.errors import SettingsRefused
from tests.loadtests.planning.nodes import card, node


@pytest.mark.parametrize("name", node_names())
def test_every_kind_that_comes_along_can_be_read(name: str) -> None:
    """And says of each figure what it rests on."""
    found = find_node(name)
    assert found.name == name
    assert all(each.text for _, each in found.figures)


def test_the_kinds_are_those_that_are_promised() -> None:
    """A plan can be asked for each."""
    assert {"cpu-2", "h100", "h200"} <= set(node_names())


def test_a_kind_that_is_not_there_is_refused() -> None:
    """With those that are."""
    with pytest.raises(SettingsRefused, match="name a file or one of cpu-2, h100, h200"):
        find_node("tpu")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("about: a test", "about: a test\nname: x", "is that of the file"),
        ("decode_ms: {value: 2.0", "decode_ms: {value: -2.0", "must not be below 0"),
        ("decode_ms: {value: 2.0", "decode_ms: {value: 0", "decode_ms: must be above 0"),
        ("source: assumed", "source: guessed", "'assumed'"),
        ("source: assumed", "source: measured", "needs machine and on"),
        ("how: a test", "how: ''", "must say what"),
        ("detect_ms: {value: 10.0", "detect_ms: {value: 0", "the other way round"),
    ],
)
def test_faults_of_a_file_are_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    """By file, line and key."""
    file = tmp_path / "x.yaml"
    text = as_yaml(node())
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(SettingsRefused, match=said):
        find_node(str(file))


@pytest.mark.parametrize(("queries", "took_ms"), [(1, 5.6), (8, 8.3), (64, 28.0)])
def test_an_h100_searches_as_was_measured_on_one(queries: int, took_ms: float) -> None:
    """Ten million rows, docs/performance-gpu.md; and what was measured is not called computed."""
    found = find_node("h100")
    each_ms = found.sweep_ms.value + queries * found.query_ms.value
    assert found.search_ms.value + 10 * each_ms == pytest.approx(took_ms, rel=0.15)
    measured = (found.sweep_ms, found.query_ms, found.gpu_detect_ms, found.gpu_embed_ms)
    assert {each.source for each in measured} == {Source.MEASURED}


def test_a_card_goes_with_times_on_it() -> None:
    """A node of both would be counted twice."""
    assert dict(card().figures)["detect_ms"].value == 0
    with pytest.raises(ValueError, match="the other way round"):
        card(detect_ms=10.0)


def test_a_measured_figure_says_where_and_when() -> None:
    """Others say what they rest on."""
    found = Figure(1.0, Source.MEASURED, "bench", "a Xeon", "2026-11-26")
    assert found.text == "bench, a Xeon, 2026-11-26"
    assert Figure(1.0, Source.PUBLISHED, "a data sheet").text == "a data sheet"
