import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cluster.actors
import cluster.cli

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


EYES = {"open_vision", "gather", "Permit", "file_shots", "live_shots"}
"""Whoever uses one of these in `cluster/cli` has faces in hand: decoded, opened from evidence, or on their way."""
SEEING = {("camera", "publish"), ("canary", "canary"), ("explain", "explain"), ("watchlist", "enrol")}
SEEING |= {("watchlist", "import_")}


def seeing(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    """The commands of a file that use one of `EYES`, themselves or through another function of that file."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    uses = {
        name: {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} for name, node in functions.items()
    }
    see = {name for name, names in uses.items() if names & EYES}
    while more := {name for name, names in uses.items() if names & see} - see:
        see |= more
    return {name: functions[name] for name in see if is_command(functions[name])}


def is_command(function: ast.FunctionDef) -> bool:
    """Whether `beholden` has it as a command."""
    return any(".command" in ast.unparse(decorator) for decorator in function.decorator_list)


def test_so_does_every_command_that_sees_faces() -> None:
    """Before it opens anything, whatever file it stands in."""
    found = {}
    for path in Path(str(cluster.cli.__file__)).parent.glob("*.py"):
        for name, function in seeing(ast.parse(path.read_text())).items():
            statements = [node for node in function.body if not isinstance(node, ast.ImportFrom)]
            found[path.stem, name] = ast.unparse(statements[1])  # after the docstring
    assert found == dict.fromkeys(SEEING, "no_core_dumps()")


def test_a_command_that_sees_faces_through_another_function_is_found() -> None:
    """The positive control."""
    text = "@group.command()\ndef look():\n    _look()\n\n\ndef _look():\n    open_vision(plan)\n"
    assert list(seeing(ast.parse(text))) == ["look"]
    assert seeing(ast.parse(text.replace("open_vision", "open_ledger"))) == {}
