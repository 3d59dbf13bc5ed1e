"""The image is made from what is pinned, runs as nobody in particular, and holds nothing but what it needs."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath

import pytest

from tests.image.dockerfile import DOCKERFILE, ROOT, let_through, read_dockerfile, rules

FILE = read_dockerfile(DOCKERFILE.read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TARGETS = ["cpu", "gpu"]
EVERY = [text for stage in FILE.stages for _, text in stage.steps]
LINTER = Path(sys.executable).with_name("hadolint")


def test_every_image_it_starts_from_is_named_by_its_digest() -> None:
    """Of the base that is written here; stages start from each other otherwise."""
    names = {stage.name for stage in FILE.stages}
    outside = {stage.base for stage in FILE.stages} - names
    assert outside == {FILE.arguments["PYTHON_IMAGE"]}
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base) for base in outside)
    copied = [found[1] for text in EVERY for found in re.finditer(r"--from=(\S+)", text)]
    assert copied
    assert set(copied) <= names


@pytest.mark.parametrize(("image", "refused"), [("python:3.11-slim", True), ("mirror.example/python@sha256:0", False)])
def test_a_base_without_a_digest_is_refused(image: str, refused: bool) -> None:
    """By the build itself, in its first step, since a build argument may name another base."""
    (first,) = FILE.stages[0].all("RUN")
    done = subprocess.run(["sh", "-c", first], env={"PYTHON_IMAGE": image}, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) is refused
    assert ("name it as NAME@sha256:DIGEST" in done.stderr) is refused


def test_the_base_has_the_python_that_is_locked_for() -> None:
    """Locks hold what Python 3.11 and newer need; tests run on the one that the image has."""
    assert re.search(r"python:(\d+\.\d+)\.", FILE.arguments["PYTHON_IMAGE"])[1] == "3.11"
    assert "--python-version 3.11" in (ROOT / "Makefile").read_text()
    assert PROJECT["requires-python"] == ">=3.11"


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_runs_beholden_as_a_user_without_rights(target: str) -> None:
    """By number, so that Kubernetes can see that it is not root."""
    assert FILE.last(target, "USER") == "10001:10001"
    assert FILE.last(target, "ENTRYPOINT") == '["beholden"]'
    assert FILE.last(target, "WORKDIR") == FILE.variables(target)["HOME"] == "/home/beholden"
    assert FILE.variables(target)["PATH"].startswith("/opt/beholden/bin:")
    assert FILE.stages[-1].name == "cpu", "a build without a target makes the last one"


def test_a_login_shell_finds_the_commands() -> None:
    """Debian's /etc/profile sets a PATH of its own, and some releases of KubeRay start Ray by such a shell."""
    (made,) = FILE.line("cpu")[1].all("RUN")
    assert "ln -s /opt/beholden/bin/beholden /opt/beholden/bin/ray /usr/local/bin/" in made


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_takes_the_environment_as_it_is(target: str) -> None:
    """One COPY, of files that belong to root; what built them stays behind."""
    copied = [text for stage in FILE.line(target) for text in stage.all("COPY")]
    assert copied == [f"--from=environment-{target} /opt/beholden/ /opt/beholden/"]
    assert [stage.name for stage in FILE.line(target)] == ["pinned", "runtime", target]


def test_both_targets_are_made_alike() -> None:
    """They differ in the lock, and in what a GPU's container may use of its driver."""
    made = {name: str(FILE.line(f"environment-{name}")).replace(name, "X") for name in TARGETS}
    assert made["cpu"] == made["gpu"]
    more = FILE.variables("gpu").items() - FILE.variables("cpu").items()
    assert dict(more) == {"NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}


def test_what_is_installed_is_held_against_hashes() -> None:
    """Packages by their lock, the wheel from the stage before; nothing else is fetched, and nothing compiled."""
    installs = [part for text in EVERY for part in text.split("&&") if re.search(r"\bpip .*\b(install|wheel) -", part)]
    assert len(installs) == 6
    assert all("--require-hashes -r" in each or "--no-index" in each for each in installs)
    assert "PIP_ONLY_BINARY=:all:" in next(stage for stage in FILE.stages if stage.name == "pip").all("ENV")[0]
    assert not [text for text in EVERY if re.search(r"\b(curl|wget|apt-get|apk|git)\b", text)]
    assert not [kind for stage in FILE.stages for kind, _ in stage.steps if kind not in KNOWN]


KNOWN = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "LABEL", "RUN", "USER", "WORKDIR"}  # ADD fetches, and unpacks


def test_what_is_copied_exists_and_reaches_the_build() -> None:
    """Of each source from this repository."""
    sources = [
        source
        for stage in FILE.stages
        for text in stage.all("COPY")
        if not text.startswith("--from")
        for source in text.split()[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        found = [ROOT / source, *(ROOT / source).rglob("*.*")]
        assert any(let_through(PurePosixPath(each.relative_to(ROOT)), rules()) for each in found), source


@pytest.mark.parametrize("target", TARGETS)
def test_its_environment_holds_no_secret_and_decides_nothing(target: str) -> None:
    """Places, and what is told to nobody; the same names as in the chart."""
    assert set(FILE.variables(target)) - {"NVIDIA_DRIVER_CAPABILITIES"} == {
        "HOME",
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED",
        "RAY_USAGE_STATS_ENABLED",
        "XDG_CACHE_HOME",
        "XDG_STATE_HOME",
    }
    arguments = {text.partition("=")[0] for stage in FILE.stages for text in stage.all("ARG")}
    assert arguments == {"PYTHON_IMAGE", "VERSION", "REVISION"}


def test_its_labels_say_what_it_is() -> None:
    """Version, licence and description are the project's."""
    (label,) = [text for stage in FILE.line("cpu") for text in stage.all("LABEL")]
    assert f"ARG VERSION={PROJECT['version']}\n" in DOCKERFILE.read_text()
    assert f'description="{PROJECT["description"]}"' in label
    assert f'licenses="{PROJECT["license"]}"' in label


def test_the_linter_finds_nothing() -> None:
    """hadolint, with no rule switched off."""
    linter = LINTER if LINTER.exists() else shutil.which("hadolint")
    if not linter:
        pytest.skip("hadolint is not installed: make install")
    done = subprocess.run([linter, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert "hadolint" not in DOCKERFILE.read_text(), "a rule is switched off"
