"""The wheel as the Dockerfile builds it, and a pod's environment with it."""

import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from tests.image.dockerfile import DOCKERFILE, ROOT, let_through, read_dockerfile, rules
from tests.image.pod import make_environment


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what stage `wheel` copies of what .dockerignore lets through, by its own command."""
    folder = tmp_path_factory.mktemp("wheel")
    stage = next(stage for stage in read_dockerfile(DOCKERFILE.read_text()).stages if stage.name == "wheel")
    for text in stage.all("COPY"):
        *sources, target = text.split()
        for source in sources:
            copy(PurePosixPath(source), folder / "src" / target)
    command = stage.all("RUN")[-1].replace("pip ", f"{sys.executable} -m pip ").replace("/wheel", f"{folder}/wheel")
    subprocess.run(["sh", "-c", command], cwd=folder / "src", check=True, capture_output=True, timeout=600)
    return next((folder / "wheel").glob("*.whl"))


def copy(source: PurePosixPath, target: Path) -> None:
    """COPY: a folder's content into the target, a file into the folder that the target is."""
    found = ROOT / source
    for file in [found] if found.is_file() else sorted(found.rglob("*")):
        if file.is_file() and let_through(PurePosixPath(file.relative_to(ROOT)), rules()):
            place = target / (file.name if found.is_file() else file.relative_to(found))
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, place)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """What lies in /opt/beholden of target cpu."""
    return make_environment(tmp_path_factory.mktemp("image") / "beholden", wheel)
