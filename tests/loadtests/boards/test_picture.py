"""Dashboards as pictures."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed: no dashboard was drawn")

from cluster.telemetry.boards.grafana import dashboard
from cluster.telemetry.boards.panels import Board, Kind, Limits, Panel, Query, Row, Unit
from loadtests.boards.canvas import GREEN, color_of, worded
from loadtests.boards.picture import draw
from loadtests.boards.prometheus import Series, Window
from loadtests.evaluate.plots import RED

WINDOW = Window(1000.0, 1600.0, 60.0)
KINDS = Board(
    "uid",
    "title",
    "question?",
    (
        Row(
            "row",
            (
                Panel("lines", "a", (Query("x", "{{m}}"), Query("x", "most", is_limit=True)), limits=Limits(1, 2)),
                Panel("stack", "a", (Query("x", "{{m}}"),), unit=Unit.A_SECOND, stacked=True),
                Panel("now", "a", (Query("x", "value"),), Kind.TABLE, limits=Limits(1, 1), words={1: "silent"}),
                Panel("heat", "a", (Query("buckets", "{{le}}"),), Kind.HEATMAP, Unit.SECONDS),
                Panel("number", "a", (Query("x"),), Kind.NUMBER, width=4, height=4),
                Panel("gone", "a", (Query("nothing"),)),
            ),
        ),
    ),
)


def ask(expr: str, window: Window) -> Sequence[Series]:
    """A Prometheus that has a few series."""
    at_s = np.arange(window.begin_s, window.end_s + 1, window.step_s)
    if expr == "x":
        return [Series({"m": name}, at_s, np.linspace(0, top, len(at_s))) for name, top in (("a", 1.0), ("b", 0.0))]
    if expr == "buckets":
        counts = {"0.1": 1.0, "1.0": 3.0, "+Inf": 4.0}
        return [Series({"le": le}, at_s, np.full(len(at_s), count)) for le, count in counts.items()]
    return []


def test_every_kind_of_panel_is_drawn_and_one_without_data_is_named(tmp_path: Path) -> None:
    """Into one PNG."""
    board = json.loads(json.dumps(dashboard(KINDS, "changes")))
    assert draw(board, ask, WINDOW, "1m", tmp_path / "board.png") == ["gone"]
    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")


def test_numbers_have_the_colours_and_words_of_their_panel() -> None:
    """As Grafana gives them."""
    field = dashboard(KINDS, "changes")["panels"][3]["fieldConfig"]["defaults"]
    assert (color_of(0, field), color_of(1, field)) == (GREEN, RED)
    assert (worded(0, field), worded(1, field)) == ("0", "silent")
