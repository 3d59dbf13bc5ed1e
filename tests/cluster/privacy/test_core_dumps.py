import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import cluster.actors
from cluster.cli import explain, watchlist

PROGRAM = """
import os, resource
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
{call}
os.abort()
"""
CALL = (
    "from cluster.privacy.core_dumps import no_core_dumps; no_core_dumps(); "
    "print(resource.getrlimit(resource.RLIMIT_CORE))"
)


def test_a_process_that_is_aborted_leaves_nothing_of_its_memory(tmp_path: Path) -> None:
    """Whatever the limit was before."""
    program = PROGRAM.format(call=CALL)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(cluster.actors.__file__).parents[1]), "PYTHONUNBUFFERED": "1"},
    )
    assert done.returncode == -6, done.stderr
    assert done.stdout.split("\n")[0] == "(0, 0)"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["RecogniserActor", "ShardActor"])
def test_every_process_that_sees_faces_does_so_before_anything_else(name: str) -> None:
    """The first line of its actor."""
    tree = ast.parse(Path(cluster.actors.__file__).read_text())
    [actor] = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    [begin] = [node for node in actor.body if isinstance(node, ast.FunctionDef) and node.name == "__init__"]
    assert ast.unparse(begin.body[0]) == "no_core_dumps()"


@pytest.mark.parametrize(("module", "command"), [(explain, "explain"), (watchlist, "enrol"), (watchlist, "import_")])
def test_so_does_every_command_that_sees_faces(module: ModuleType, command: str) -> None:
    """Before it opens anything."""
    tree = ast.parse(Path(str(module.__file__)).read_text())
    [function] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == command]
    statements = [node for node in function.body if not isinstance(node, ast.ImportFrom)]
    assert ast.unparse(statements[1]) == "no_core_dumps()"  # after the docstring
