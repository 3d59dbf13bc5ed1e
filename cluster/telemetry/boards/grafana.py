"""Dashboards as Grafana's classic JSON, which every Grafana since 8 imports. Nothing in it depends on one Grafana.

A test holds them against Grafana's own definitions of that form.
"""

from typing import Any

from cluster.telemetry.boards.panels import Board, Kind, Limits, Panel, Place, Placed, Query, Unit, place

SCHEMA = 39  # of Grafana 10 and 11; newer ones read it and convert it
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
TAG = "beholden"
_OWN = {"type": "grafana", "uid": "-- Grafana --"}
_TEMPLATES: dict[Kind, dict[str, Any]] = {
    Kind.LINES: {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    Kind.NUMBER: {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "orientation": "auto",
        "colorMode": "background",
        "graphMode": "area",
        "textMode": "auto",
    },
    Kind.TABLE: {"showHeader": True, "cellHeight": "sm"},
    Kind.HEATMAP: {
        "calculate": False,
        "color": {
            "mode": "scheme",
            "scheme": "Blues",
            "fill": "blue",
            "scale": "exponential",
            "exponent": 0.5,
            "steps": 64,
            "reverse": False,
        },
        "yAxis": {"unit": "s"},
        "exemplars": {"color": "rgba(255,120,40,0.8)"},
        "legend": {"show": True},
    },
}


def dashboard(board: Board, change: str) -> dict[str, Any]:
    """The JSON of one dashboard.

    Args:
        board: What it shows.
        change: PromQL that has a value where a policy has come into force; it is marked on every panel.
    """
    return {
        "uid": board.uid,
        "title": board.title,
        "description": board.question,
        "tags": [TAG],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "utc",
        "links": [_others()],
        "annotations": {"list": [_builtin(), _policies(change)]},
        "templating": {"list": [_source(), _deployment()]},
        "panels": [_placed(each, number) for number, each in enumerate(place(board), start=1)],
    }


def _placed(placed: Placed, number: int) -> dict[str, Any]:
    at = {"id": number, "title": placed.title, "gridPos": _grid(placed.place)}
    if placed.panel is None:
        return {**at, "type": "row", "collapsed": False, "panels": []}
    return {**at, **_panel(placed.panel)}


def _grid(at: Place) -> dict[str, int]:
    return {"x": at.x, "y": at.y, "w": at.width, "h": at.height}


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": str(panel.kind),
        "description": panel.advice,
        "datasource": SOURCE,
        "targets": [_target(panel, query, chr(ord("A") + number)) for number, query in enumerate(panel.queries)],
        "fieldConfig": {
            "defaults": _field(panel),
            "overrides": [_limit(query) for query in panel.queries if query.is_limit],
        },
        "options": _TEMPLATES[panel.kind],
        **({"transformations": [_columns(panel.queries[0])]} if panel.kind is Kind.TABLE else {}),
    }


def _target(panel: Panel, query: Query, letter: str) -> dict[str, Any]:
    at_once = panel.kind is Kind.TABLE
    return {
        "refId": letter,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "format": {Kind.HEATMAP: "heatmap", Kind.TABLE: "table"}.get(panel.kind, "time_series"),
        "exemplar": query.exemplars,
        "instant": at_once,
        "range": not at_once,
    }


def _field(panel: Panel) -> dict[str, Any]:
    field: dict[str, Any] = {"unit": str(panel.unit), "color": {"mode": "palette-classic"}}
    if panel.unit is Unit.SHARE:
        field |= {"min": 0}
    if panel.kind is Kind.NUMBER:
        field |= {"color": {"mode": "thresholds"}}
    if panel.kind is Kind.LINES:
        field["custom"] = {
            "fillOpacity": 25 if panel.stacked else 5,
            "lineWidth": 1,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if panel.limits else "off"},
        }
    if panel.words:
        options = {f"{value:g}": {"text": text} for value, text in panel.words.items()}
        field["mappings"] = [{"type": "value", "options": options}]
    return {**field, "thresholds": {"mode": "absolute", "steps": _steps(panel.limits)}}


def _limit(query: Query) -> dict[str, Any]:
    return {
        "matcher": {"id": "byName", "options": query.legend},
        "properties": [
            {"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}},
            {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}},
            {"id": "custom.fillOpacity", "value": 0},
        ],
    }


def _steps(limits: Limits | None) -> list[dict[str, Any]]:
    """Colours from below to above; Grafana's first step has no value."""
    if limits is None:
        return [{"color": "blue", "value": None}]
    if limits.low_is_bad:
        bounds = [("red", None), ("yellow", limits.bad), ("green", limits.warn)]
    else:
        bounds = [("green", None), ("yellow", limits.warn), ("red", limits.bad)]
    return [{"color": color, "value": value} for color, value in bounds]


def _columns(query: Query) -> dict[str, Any]:
    """A table has the labels that its legend names and the value, nothing else."""
    return {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {"Value": query.legend}}}


def _source() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}


def _deployment() -> dict[str, Any]:
    query = "label_values(beholden_member_up, deployment)"
    return {
        "name": "deployment",
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "deployment"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
    }


def _builtin() -> dict[str, Any]:
    return {
        "builtIn": 1,
        "datasource": _OWN,
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }


def _policies(change: str) -> dict[str, Any]:
    return {
        "name": "policy in force",
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "purple",
        "expr": change,
        "step": "30s",
        "titleFormat": "another policy is in force",
        "textFormat": "{{deployment}}: 'beholden policy history' says which, who wanted it and why",
    }


def _others() -> dict[str, Any]:
    return {
        "title": "beholden",
        "type": "dashboards",
        "icon": "dashboard",
        "tooltip": "",
        "url": "",
        "tags": [TAG],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
    }
