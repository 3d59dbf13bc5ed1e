"""Panels of Ray's own metrics, against the Ray that is installed, which is without its exporter."""

import ast
import re
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from cluster.telemetry.boards.panels import Needs
from cluster.telemetry.boards.shelf import expressions

EXPRESSIONS = [each.expr for each in expressions() if each.needs is Needs.RAY]
METRICS = {name for expr in EXPRESSIONS for name in re.findall(r"\bray_([a-z_]+)", expr)}
OF_NODES = {"node_cpu_utilization", "node_mem_used", "node_mem_total"}
"""Measured by the agent on each node, in Python."""
OF_CORE = {"actors": "core/src/ray/gcs/gcs_server", "object_store_memory": "core/src/ray/raylet/raylet"}
"""Counted by a process in C++, of which the metrics' names stand in the program."""


def ray_folder() -> Path:
    """Where Ray is, without loading it."""
    spec = find_spec("ray")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent


def gauges() -> dict[str, str]:
    """Units of what the agent of a node measures, by name."""
    tree = ast.parse((ray_folder() / "dashboard/modules/reporter/reporter_agent.py").read_text())
    [found] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "METRICS_GAUGES"
    ]
    assert isinstance(found, ast.Dict)
    calls = [value for value in found.values if isinstance(value, ast.Call)]
    return {ast.literal_eval(call.args[0]): ast.literal_eval(call.args[2]) for call in calls}


def test_these_metrics_of_ray_are_asked_for() -> None:
    """No others: each is looked up below, in Ray 2.60."""
    assert version("ray").startswith("2.60.")
    assert {*OF_NODES, *OF_CORE} == METRICS


def test_nodes_measure_them_in_the_units_that_panels_take_them_for() -> None:
    """Processors in per cent, of which a panel makes a share; memory in bytes, of which one makes a ratio."""
    found = gauges()
    assert {name: found.get(name) for name in OF_NODES} == {
        "node_cpu_utilization": "percentage",
        "node_mem_used": "bytes",
        "node_mem_total": "bytes",
    }
    assert any("ray_node_cpu_utilization) / 100" in expr for expr in EXPRESSIONS)


@pytest.mark.parametrize(("name", "program"), OF_CORE.items())
def test_rays_programs_have_them(name: str, program: str) -> None:
    """Under that very name."""
    assert b"\0" + name.encode() + b"\0" in (ray_folder() / program).read_bytes()


def test_rays_own_dashboards_ask_for_the_same() -> None:
    """With these labels: actors are counted twice, by the head and by the processes that execute them."""
    panels = (ray_folder() / "dashboard/modules/metrics/dashboards/default_dashboard_panels.py").read_text()
    assert re.search(r'sum\(ray_actors\{\{Source="gcs",.*\) by \(State\)', panels)
    assert re.search(r"sum\(ray_object_store_memory\{\{.*\) by \(instance\)", panels)
    assert re.search(r"ray_node_cpu_utilization\{\{.*/ 100\) by \(instance", panels)
    assert 'sum by (State) (ray_actors{Source="gcs"})' in EXPRESSIONS
