import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import cluster.actors
import cluster.cycles
from tests.untold import ray_driver

PROGRAM = """
import gc, weakref
from cluster.cycles import collect_only_what_comes

class Circle:
    pass

loaded = [[] for _ in range(100_000)]
gc.collect()
{call}
circle = Circle()
circle.itself, alive = circle, weakref.ref(circle)
gc.collect(1)  # it is among the oldest now
del circle
for _ in range(11):
    gc.collect(1)
come = [[] for _ in range(2_000)]
print(alive() is None)
"""


@pytest.mark.parametrize(("call", "is_gone"), [("collect_only_what_comes()", "True"), ("", "False")])
def test_what_has_come_is_let_go_of_however_much_was_loaded(call: str, is_gone: str) -> None:
    """Otherwise it would be kept until a quarter as much has come."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(call=call)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(cluster.cycles.__file__).parents[1])},
    )
    assert done.stdout.strip() == is_gone


@pytest.mark.parametrize(
    ("module", "name"),
    [(cluster.actors, "RecogniserActor"), (cluster.actors, "ShardActor"), (ray_driver, "SupervisorActor")],
)
def test_every_actor_begins_with_it(module: ModuleType, name: str) -> None:
    """In a test's own process it would leave what other tests have made."""
    tree = ast.parse(Path(str(module.__file__)).read_text())
    [actor] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    [begin] = [node for node in actor.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    assert "collect_only_what_comes()" in [ast.unparse(line) for line in begin.body[:2]]
