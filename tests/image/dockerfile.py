"""The Dockerfile, its locks and .dockerignore, read as far as tests ask about them."""

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "Dockerfile"
LETS_THROUGH = ROOT / ".dockerignore"


@dataclass(frozen=True, slots=True)
class Stage:
    """One FROM with what follows it.

    Attributes:
        name: After AS.
        base: Another stage or an image, arguments filled in.
        steps: Instruction and its text, continued lines joined, such as ("RUN", "pip install x").
    """

    name: str
    base: str
    steps: list[tuple[str, str]]

    def all(self, instruction: str) -> list[str]:
        """The texts of one kind of instruction."""
        return [text for kind, text in self.steps if kind == instruction]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """Attributes: arguments: Those before the first FROM. stages: In order."""

    arguments: Mapping[str, str]
    stages: list[Stage]

    def line(self, name: str) -> list[Stage]:
        """A stage with those it is made from, the first one first."""
        found = next((stage for stage in self.stages if stage.name == name), None)
        return [*self.line(found.base), found] if found else []

    def last(self, name: str, instruction: str) -> str:
        """What counts in a stage of an instruction that replaces earlier ones, such as USER."""
        return [text for stage in self.line(name) for text in stage.all(instruction)][-1]

    def variables(self, name: str) -> dict[str, str]:
        """What ENV sets in a stage."""
        texts = [text for stage in self.line(name) for text in stage.all("ENV")]
        return dict(pair.split("=", 1) for text in texts for pair in shlex.split(text))


def read_dockerfile(text: str) -> Dockerfile:
    """Read a Dockerfile whose forms are those that this project uses.

    Raises:
        ValueError: A FROM without a name: nothing could refer to it.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "FROM":
            base, word, name = rest.split()
            if word != "AS":
                raise ValueError(f"FROM {rest}: give the stage a name")
            stages.append(Stage(name, re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], base), []))
        elif stages:
            stages[-1].steps.append((kind, rest))
        else:
            arguments.update([rest.split("=", 1)])
    return Dockerfile(arguments, stages)


def locked(name: str) -> dict[str, tuple[str, list[str]]]:
    """Version and hashes of each package in requirements/NAME.txt, for the Python of these tests."""
    from packaging.requirements import Requirement

    found = {}
    for block in re.split(r"\n(?=\S)", (ROOT / "requirements" / f"{name}.txt").read_text().strip()):
        requirement = Requirement(block.split("\\")[0].strip())
        if requirement.marker is None or requirement.marker.evaluate():
            version = str(requirement.specifier).removeprefix("==")
            found[requirement.name] = (version, re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
    return found


def locked_names(name: str) -> list[str]:
    """The packages that requirements/NAME.txt installs with the Python of these tests."""
    return list(locked(name))


def let_through(path: PurePosixPath, rules: list[str]) -> bool:
    """Whether a path reaches a build: of the rules that match it or a folder it lies in, the last one counts.

    Raises:
        ValueError: A form that is not understood here.
    """
    through = True
    for rule in rules:
        name = rule.removeprefix("!")
        if not re.fullmatch(r"\*|\*\*/[\w.*]+|[\w./]+", name):
            raise ValueError(f".dockerignore: {rule!r} is of a form that the tests do not know")
        parts = [path, *path.parents][:-1]
        pattern = name.removeprefix("**/")
        whole = [part.name if name.startswith("**/") else str(part) for part in parts]
        if name == "*" or any(fnmatchcase(part, pattern) for part in whole):
            through = rule.startswith("!")
    return through


def files_in_git(*folders: str) -> list[str]:
    """The files that git has below these folders, or all; also where the repository belongs to somebody else."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", *folders]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def rules() -> list[str]:
    """The lines of .dockerignore that say something."""
    lines = map(str.strip, LETS_THROUGH.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]
