"""The broker's jars: fetched once with Maven, verified against committed digests every time.

`python -m cluster.broker.jars` fetches what `assets/pom.xml` names and writes the list of digests anew; run it
after changing a version there, and read the difference before committing it.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from cluster.broker.lock import locked
from cluster.folders import cache_folder
from operators.errors import DeploymentFailed

KAFKA_VERSION = "4.3.1"
MAVEN_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
DIGESTS_FILE = "jars.sha256.txt"

Progress = Callable[[str], None]


def asset(name: str) -> Path:
    """Give the path of a file of `cluster/broker/assets`."""
    return Path(str(files("cluster.broker.assets") / name))


def expected_digests() -> dict[str, str]:
    """Read the committed list: name of each jar to its sha256 in lower-case hex."""
    lines = asset(DIGESTS_FILE).read_text(encoding="ascii").splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def ensure_jars(progress: Progress) -> list[Path]:
    """Give the verified jars of the broker, fetching them with Maven when the cache has no complete set.

    Args:
        progress: Called with one line of text for each step.

    Returns:
        The jars in the order of the committed list, the only files that belong on the class path.

    Raises:
        DeploymentFailed: Maven is missing or fails, or a jar has another digest than the committed one.
    """
    target = cache_folder() / f"kafka-{KAFKA_VERSION}"
    digests = expected_digests()
    with locked(cache_folder() / f".kafka-{KAFKA_VERSION}.lock"):
        if not all((target / name).is_file() for name in digests):
            _fetch(target, digests, progress)
        verify_jars(target, digests, "Delete that file and run the command again to fetch it anew")
    progress(f"jars: {len(digests)} verified in {target}")
    return [target / name for name in digests]


def verify_jars(folder: Path, digests: Mapping[str, str], remedy: str) -> None:
    """Compare every jar with its committed digest.

    Args:
        folder: Where the jars lie.
        digests: Name of each jar to its sha256 in lower-case hex.
        remedy: What the message advises when a jar differs.

    Raises:
        DeploymentFailed: A jar is missing or differs.
    """
    for name, expected in digests.items():
        path = folder / name
        found = _sha256(path) if path.is_file() else "missing"
        if found != expected:
            raise DeploymentFailed(
                f"{path} is not the jar this version was tested with (sha256 {found}, expected {expected}): "
                f"it may be damaged or replaced, so it is not run. {remedy}."
            )


def _fetch(target: Path, digests: Mapping[str, str], progress: Progress) -> None:
    with _partial_folder(target) as folder:
        run_maven(folder, digests.keys(), progress)
        remedy = "Delete its copy in Maven's local repository (~/.m2/repository), check the mirror Maven uses"
        verify_jars(folder / "jars", digests, f"{remedy} and run the command again")
        if target.exists():
            shutil.rmtree(target)
        (folder / "jars").rename(target)


@contextmanager
def _partial_folder(target: Path) -> Iterator[Path]:
    """Give a folder beside the target and leave none behind, not even from a process that was killed."""
    prefix = f"{target.name}.partial-"
    for left_over in target.parent.glob(f"{prefix}*"):
        shutil.rmtree(left_over)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=target.parent) as folder:
        yield Path(folder)


def run_maven(folder: Path, expected: Collection[str], progress: Progress) -> None:
    """Fetch the jars of the committed pom into `folder`/jars.

    Args:
        folder: An empty folder.
        expected: Names of the jars that should arrive, for the progress lines.
        progress: Called with one line of text for each jar.

    Raises:
        DeploymentFailed: Maven is missing or fails.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise DeploymentFailed(
            "Maven is needed once, to fetch Kafka: install maven "
            "(Debian/Ubuntu: apt install maven; macOS: brew install maven) and run the command again"
        )
    shutil.copy(asset("pom.xml"), folder / "pom.xml")
    options = ["-B", "-Dstyle.color=never", "-DincludeScope=runtime", "-DoutputDirectory=jars"]
    with subprocess.Popen(
        [maven, *options, MAVEN_GOAL],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        output = _follow(process.stdout or (), expected, progress)
    if process.returncode != 0:
        raise DeploymentFailed(_maven_failure(output))
    progress(f"fetching Kafka {KAFKA_VERSION}: {len(expected)} of {len(expected)} jars")


def _follow(lines: Iterable[str], expected: Collection[str], progress: Progress) -> list[str]:
    """Turn Maven's lines into progress and keep them for a failure."""
    progress(f"fetching Kafka {KAFKA_VERSION}: 0 of {len(expected)} jars")
    output, arrived = [], 0
    for line in lines:
        output.append(line.strip())
        if ".jar (" in line and line.split(".jar (")[0].rpartition("/")[2] + ".jar" in expected:
            arrived += 1
            progress(f"fetching Kafka {KAFKA_VERSION}: {arrived} of {len(expected)} jars")
    return output


def _maven_failure(output: Iterable[str]) -> str:
    errors = [line.removeprefix("[ERROR] ") for line in output if line.startswith("[ERROR] ")]
    cause = errors[0] if errors else "no reason given"
    return (
        f"Maven could not fetch Kafka {KAFKA_VERSION}: {cause} - check the network, or name a mirror in "
        "~/.m2/settings.xml, and run the command again; nothing was kept"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_digests(progress: Progress) -> None:
    """Fetch the jars of the committed pom and write their digests beside it.

    Args:
        progress: Called with one line of text for each step.

    Raises:
        DeploymentFailed: Maven is missing or fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        run_maven(Path(folder), (), progress)
        jars = sorted((Path(folder) / "jars").glob("*.jar"))
        text = "".join(f"{_sha256(jar)}  {jar.name}\n" for jar in jars)
    asset(DIGESTS_FILE).write_text(text, encoding="ascii")
    progress(f"{len(jars)} digests written to {asset(DIGESTS_FILE)}")


if __name__ == "__main__":
    write_digests(lambda line: print(line, file=sys.stderr))  # noqa: T201
