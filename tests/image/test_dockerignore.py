"""Nothing reaches a build of the image but what is named."""

from pathlib import PurePosixPath

import pytest

from tests.image.dockerfile import files_in_git, let_through, rules

LET_THROUGH = {
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "requirements/build.txt",
    "requirements/cpu.txt",
    "requirements/gpu.txt",
    "operators/",
    "indexes/",
    "cluster/",
    "loadtests/",
    "configs/",
}


def named(path: PurePosixPath) -> str:
    """A path's entry in the list: a folder of the repository, or the file itself."""
    return f"{path.parts[0]}/" if len(path.parts) > 1 and path.parts[0] != "requirements" else str(path)


def test_what_reaches_a_build_is_this_list() -> None:
    """Of all files that are in the repository; each of the list is there."""
    paths = [PurePosixPath(line) for line in files_in_git()]
    assert {named(path) for path in paths if let_through(path, rules())} == LET_THROUGH
    assert {path for path in paths if named(path) in LET_THROUGH and not let_through(path, rules())} == set()


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".env",
        ".venv/lib/python3.11/site-packages/ray/__init__.py",
        "models/embedder.onnx",
        "shared/testdata/person.jpg",
        "keys/evidence.key",
        "build/sbom-cpu.json",
        "tests/drawn.py",
        "docs/people.png",
        "requirements/dev.txt",
        "cluster/__pycache__/cli.cpython-311.pyc",
        "cluster/left.pyc",
        "configs/clusters/keys/evidence.key",
        "configs/policies/2.release.json",
        "loadtests/site/checkpoints.key",
        "configs/kafka/user.pem",
        "cluster/.env",
    ],
)
def test_what_may_lie_beside_it_stays_out(path: str) -> None:
    """Secrets, models of real people, photos, and what was compiled for another Python."""
    assert not let_through(PurePosixPath(path), rules())


def test_a_rule_of_a_form_that_is_not_understood_here_is_refused() -> None:
    """Or this would say what Docker does not do."""
    with pytest.raises(ValueError, match=r"'\[a\]' is of a form that the tests do not know"):
        let_through(PurePosixPath("a"), ["*", "[a]"])
