"""The JSON of dashboards, as a Grafana takes it."""

import json
from typing import Any

import pytest

from cluster.telemetry.boards.grafana import dashboard
from cluster.telemetry.boards.panels import Board, Kind, Limits, Panel, Query, Row, Unit
from cluster.telemetry.boards.shelf import BOARDS, RULES_FILE, files

WRITTEN = {name: json.loads(text) for name, text in files().items() if name != RULES_FILE}
PANELS = [(name, panel) for name, board in WRITTEN.items() for panel in board["panels"]]


def one(panel: Panel) -> dict[str, Any]:
    """The JSON of one panel."""
    made = dashboard(Board("uid", "title", "question?", (Row("row", (panel,)),)), "changed")
    found: dict[str, Any] = made["panels"][1]
    return found


def test_uids_stay_what_they_are() -> None:
    """Links go by them."""
    assert [board.uid for board in BOARDS] == [
        "beholden-overview",
        "beholden-pipeline",
        "beholden-index",
        "beholden-policy",
        "beholden-kafka-ray",
    ]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_board_is_bound_to_no_grafana(name: str) -> None:
    """Its data source is chosen; it has a shared crosshair, and asks every 30 s at most."""
    board = WRITTEN[name]
    assert "id" not in board
    assert {each["name"] for each in board["templating"]["list"]} == {"datasource", "deployment"}
    assert (board["graphTooltip"], board["refresh"], board["schemaVersion"]) == (1, "30s", 39)
    assert [each["name"] for each in board["annotations"]["list"]][1:] == ["policy in force"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("name", "panel"), PANELS, ids=lambda each: each if isinstance(each, str) else each["title"])
def test_every_panel_says_what_to_do_and_asks_the_chosen_source(name: str, panel: dict[str, Any]) -> None:
    """A picture alone helps nobody at night."""
    if panel["type"] == "row":
        return
    assert len(panel["description"]) >= 20, name
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_exemplars_lead_from_a_slow_alert_to_its_trace() -> None:
    """They are asked for where alerts are timed."""
    asked = [panel["title"] for _, panel in PANELS if any(each["exemplar"] for each in panel.get("targets", []))]
    assert "From capture to alert" in asked


def test_limits_become_colours() -> None:
    """Green below, yellow and red above; the other way round where little is bad."""
    up = one(Panel("p", "a", (Query("up"),), limits=Limits(1, 2)))["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(each["color"], each["value"]) for each in up] == [("green", None), ("yellow", 1), ("red", 2)]
    down = one(Panel("p", "a", (Query("up"),), limits=Limits(2, 1)))["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(each["color"], each["value"]) for each in down] == [("red", None), ("yellow", 1), ("green", 2)]


def test_tables_are_of_this_moment_and_lines_of_all_of_them() -> None:
    """So is what is asked for."""
    table = one(Panel("p", "a", (Query("up", "value"),), Kind.TABLE, Unit.SHARE, words={1: "yes"}))
    assert (table["targets"][0]["instant"], table["targets"][0]["range"]) == (True, False)
    assert table["transformations"][0]["options"]["renameByName"] == {"Value": "value"}
    assert table["fieldConfig"]["defaults"]["mappings"][0]["options"] == {"1": {"text": "yes"}}
    lines = one(Panel("p", "a", (Query("up"), Query("1", "limit", is_limit=True)), stacked=True))
    assert (lines["targets"][0]["instant"], lines["targets"][0]["range"]) == (False, True)
    assert [each["matcher"]["options"] for each in lines["fieldConfig"]["overrides"]] == ["limit"]
