"""What the images hold, as CycloneDX: `make sbom` writes build/sbom-cpu.json and build/sbom-gpu.json.

Packages come from the locks, as the image's Python installs them, each with its version and the hashes that pip holds
it against; the base image with its digest, the Dockerfile's or the one that `make sbom PYTHON_IMAGE=...` is given.
Debian's packages in the base are not listed: whoever builds the image gets them with `docker buildx build --sbom=true`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("cpu", "gpu")
_BASE = re.compile(r"(\S+):((\d[\d.]*\d)[^\s/]*)@sha256:([0-9a-f]{64})")


def main(arguments: Sequence[str]) -> None:
    """Write both bills.

    Args:
        arguments: What was given to the build as PYTHON_IMAGE, if it was; otherwise it is the Dockerfile's.
    """
    image = arguments[0] if arguments else base_in((ROOT / "Dockerfile").read_text())
    (ROOT / "build").mkdir(exist_ok=True)
    for kind in KINDS:
        path = ROOT / "build" / f"sbom-{kind}.json"
        path.write_text(json.dumps(bill(kind, image), indent=1, sort_keys=True) + "\n")
        print(path.relative_to(ROOT))  # noqa: T201 - what was asked for


def bill(kind: str, image: str) -> dict[str, Any]:
    """The bill of one target on a base, as "cpu" or "gpu". The same files make the same bill.

    Raises:
        SystemExit: The base does not say what it is.
        subprocess.CalledProcessError: cyclonedx-py could not make a valid one; it has said why.
    """
    lines = "".join(locked((ROOT / "requirements" / f"{kind}.txt").read_text(), python_version(image)))
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "-", "--output-reproducible"]
    command += ["--mc-type", "application", "--pyproject", str(ROOT / "pyproject.toml")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    for component in found["components"]:
        del component["description"]  # the lines of the lock once more
    found["components"].append(base(image))
    return found


def locked(lock: str, python: str) -> Iterator[str]:
    """The packages of a lock that this Python installs on Linux, each with its hashes, on lines of its own."""
    target = {"python_full_version": python, "python_version": python.rpartition(".")[0], "sys_platform": "linux"}
    for block in re.split(r"\n(?=\S)", lock.strip()):
        requirement = Requirement(block.split("\\")[0].strip())
        if requirement.marker is None or requirement.marker.evaluate(target):
            yield re.sub(r" ;[^\\]*", " ", block.strip(), count=1) + "\n"


def base_in(dockerfile: str) -> str:
    """The base that a Dockerfile names, for whoever gives it no other."""
    return next(re.finditer(r"^ARG PYTHON_IMAGE=(\S+)$", dockerfile, re.MULTILINE))[1]


def base(image: str) -> dict[str, Any]:
    """The base image, as NAME:TAG@sha256:DIGEST.

    Raises:
        SystemExit: It does not say what it is.
    """
    name, tag, _, digest = _parts(image)
    return {
        "bom-ref": "base-image",
        "type": "container",
        "name": name,
        "version": tag,
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "purl": f"pkg:docker/{name}@sha256%3A{digest}",
    }


def python_version(image: str) -> str:
    """Of the base's Python, such as "3.11.16"."""
    return _parts(image)[2]


def _parts(image: str) -> tuple[str, str, str, str]:
    found = _BASE.fullmatch(image)
    if found is None:
        raise SystemExit(
            f"{image}: name the base as NAME:TAG@sha256:DIGEST, with a tag that begins with Python's version"
        )
    name, tag, python, digest = found.groups()
    return name, tag, python, digest


if __name__ == "__main__":
    main(sys.argv[1:])
