"""Every dashboard against what Grafana knows of its own form."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cluster.telemetry.boards.shelf import RULES_FILE, files
from tests.cluster.telemetry.boards.classic import DASHBOARD

BOARDS: dict[str, Any] = {name: json.loads(text) for name, text in files().items() if name != RULES_FILE}
FORM = Draft202012Validator(DASHBOARD)
POLICY = BOARDS["beholden-policy.json"]


def faults(board: Any) -> list[str]:
    """Where it is not of that form, and how."""
    return [f"{each.json_path}: {each.message}" for each in FORM.iter_errors(board)]


@pytest.mark.parametrize("name", BOARDS)
def test_grafana_knows_all_that_a_board_says(name: str) -> None:
    """Types of panels, targets, fields, options, places, variables, annotations and links, and every key of each."""
    assert faults(BOARDS[name]) == []


def first(board: Any, kind: str) -> Any:
    """The first panel of a kind."""
    return next(panel for panel in board["panels"] if panel["type"] == kind)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda board: first(board, "timeseries").update(type="graph"),
        lambda board: first(board, "timeseries")["targets"][0].update(expression="up"),
        lambda board: first(board, "timeseries")["targets"][0].pop("refId"),
        lambda board: first(board, "timeseries")["targets"][0].update(format="timeseries"),
        lambda board: first(board, "timeseries")["gridPos"].update(w=25),
        lambda board: first(board, "timeseries")["options"]["legend"].pop("calcs"),
        lambda board: first(board, "timeseries")["fieldConfig"]["defaults"]["custom"].update(fill=5),
        lambda board: first(board, "timeseries")["fieldConfig"]["defaults"].update(unit="seconds"),
        lambda board: first(board, "timeseries")["fieldConfig"]["defaults"]["thresholds"]["steps"][0].update(value=1),
        lambda board: first(board, "stat")["options"].update(colorMode="red"),
        lambda board: first(board, "stat")["fieldConfig"]["defaults"].update(custom={"lineWidth": 1}),
        lambda board: first(board, "heatmap")["options"]["color"].pop("steps"),
        lambda board: first(board, "table")["transformations"][0].update(id="organise"),
        lambda board: first(board, "row").update(panels=[{}]),
        lambda board: board["templating"]["list"][1].update(type="prometheus"),
        lambda board: board["templating"]["list"][1].pop("datasource"),
        lambda board: board["annotations"]["list"][0].pop("iconColor"),
        lambda board: board["links"][0].pop("icon"),
        lambda board: board.update(id=None),
        lambda board: board.update(uid="short"),
    ],
)
def test_what_grafana_does_not_know_is_found(spoil: Callable[[Any], object]) -> None:
    """The positive control: one mistake is one that is told of."""
    board = copy.deepcopy(POLICY)
    spoil(board)
    assert faults(board)
