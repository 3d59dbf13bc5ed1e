"""Where tools are kept: never one that was built of something else."""

import shutil
from pathlib import Path

import pytest

from helm.tools import build


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the modules that may be changed, with a cache of its own."""
    here = tmp_path / "tools"
    shutil.copytree(build.HERE, here, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(build, "HERE", here)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return here


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "podsecurity/main.go"])
def test_a_change_of_what_a_tool_is_built_of_is_another_tool(modules: Path, changed: str) -> None:
    """Its folder's name follows from the module's files, so an old tool is never run for a new one."""
    before = build.tool("charts", "helm4")
    assert before == build.tool("charts", "helm4")
    with (modules / "charts" / changed).open("a") as file:
        file.write("// changed\n")
    assert build.tool("charts", "helm4") != before


def test_a_tool_that_is_there_is_not_built_again(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Go, even."""
    del modules
    monkeypatch.setenv("PATH", "")
    build.folder("score").mkdir(parents=True)
    build.build("score")


def test_without_go_it_says_what_is_needed(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves nothing in the cache that could be taken for a tool."""
    del modules
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match=r"Go 1\.26 or newer is needed"):
        build.build("score")
    assert not build.folder("score").exists()


def test_a_build_that_fails_leaves_nothing_behind(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the tools would be taken for all of them."""
    bin_folder = modules.parent / "bin"
    bin_folder.mkdir()
    (bin_folder / "go").write_text("#!/bin/sh\nexit 1\n")
    (bin_folder / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:/bin:/usr/bin")
    with pytest.raises(SystemExit, match=r"this failed in .*score: go build"):
        build.build("score")
    assert list(build.folder("score").parent.iterdir()) == []


def test_every_module_has_its_sums_and_names_no_newer_go() -> None:
    """What is fetched is what was fetched when it was written."""
    for module in build.MODULES:
        lines = (build.HERE / module / "go.mod").read_text().splitlines()
        assert "go 1.26.0" in lines, module
        assert (build.HERE / module / "go.sum").stat().st_size > 0
        assert not [line for line in lines if line.startswith("toolchain")], module
