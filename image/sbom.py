"""What the images hold, as CycloneDX: `make sbom` writes build/sbom-cpu.json and build/sbom-gpu.json.

Packages come from the locks, as the image's Python installs them, each with its version and the hashes that pip holds
it against; the base image with its digest. Debian's packages in the base are not listed: whoever builds the image gets
them with `docker buildx build --sbom=true`.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("cpu", "gpu")
_BASE = re.compile(r"^ARG PYTHON_IMAGE=(\S+):(([\d.]+)\S*)@sha256:([0-9a-f]{64})$", re.MULTILINE)


def main() -> None:
    """Write both bills."""
    (ROOT / "build").mkdir(exist_ok=True)
    for kind in KINDS:
        path = ROOT / "build" / f"sbom-{kind}.json"
        path.write_text(json.dumps(bill(kind), indent=1, sort_keys=True) + "\n")
        print(path.relative_to(ROOT))  # noqa: T201 - what was asked for


def bill(kind: str) -> dict[str, Any]:
    """The bill of one target: "cpu" or "gpu". The same files make the same bill.

    Raises:
        subprocess.CalledProcessError: cyclonedx-py could not make a valid one; it has said why.
    """
    lines = "".join(locked((ROOT / "requirements" / f"{kind}.txt").read_text(), python_version()))
    command = [sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", "-", "--output-reproducible"]
    command += ["--mc-type", "application", "--pyproject", str(ROOT / "pyproject.toml")]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    for component in found["components"]:
        del component["description"]  # the lines of the lock once more
    found["components"].append(base())
    return found


def locked(lock: str, python: str) -> Iterator[str]:
    """The packages of a lock that this Python installs on Linux, each with its hashes, on lines of its own."""
    target = {"python_full_version": python, "python_version": python.rpartition(".")[0], "sys_platform": "linux"}
    for block in re.split(r"\n(?=\S)", lock.strip()):
        requirement = Requirement(block.split("\\")[0].strip())
        if requirement.marker is None or requirement.marker.evaluate(target):
            yield re.sub(r" ;[^\\]*", " ", block.strip(), count=1) + "\n"


def base() -> dict[str, Any]:
    """The base image, by what the Dockerfile says."""
    name, tag, _, digest = _found()
    return {
        "bom-ref": "base-image",
        "type": "container",
        "name": name,
        "version": tag,
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "purl": f"pkg:docker/{name}@sha256%3A{digest}",
    }


def python_version() -> str:
    """Of the image's Python, such as "3.11.16"."""
    return _found()[2]


def _found() -> tuple[str, str, str, str]:
    name, tag, python, digest = next(_BASE.finditer((ROOT / "Dockerfile").read_text())).groups()
    return name, tag, python, digest


if __name__ == "__main__":
    main()
