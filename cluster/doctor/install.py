"""Checks of what pip has installed: `beholden doctor`."""

from __future__ import annotations

import platform
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.doctor.findings import INSTALL, Checks, Finding, fault, ok, warning

if TYPE_CHECKING:
    from cluster.plan import Plan

PACKAGES = ("operators", "indexes", "cluster", "loadtests")
# Distributions that write the same folder: two of a line overwrite each other's files, and pip does not object.
BUILDS = {
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "cv2": ("opencv-python-headless",),
}
# y = x + x on float32 (1,), opset 13: written by onnx.helper.make_model, 63 bytes.
_TWICE = (
    b'\x08\x07:5\n\x0e\n\x01x\n\x01x\x12\x01y"\x03Add\x12\x01dZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"
)


def checks(plan: Plan | None) -> Checks:
    """Checks of this installation; the devices are those of `plan`, else the processor."""
    devices = {plan.settings.device, plan.settings.index_device} if plan else {"cpu"}
    return {
        "packages": lambda: packages(metadata.requires("beholden") or [], _version),
        "one build each": lambda: builds(metadata.packages_distributions()),
        "one place": lambda: one_place(
            {name: _imported_from(name) for name in PACKAGES}, metadata.packages_distributions()
        ),
        "CRC-32C": crc32c,
        "device": lambda: [finding for each in sorted(devices) for finding in device(each)],
    }


def packages(requirements: Iterable[str], version: Callable[[str], str | None]) -> list[Finding]:
    """Whether the packages are of the versions that the metadata asks for.

    Args:
        requirements: As `importlib.metadata.requires` gives them. Those of extras count where they are installed.
        version: The installed version of a distribution, None when there is none.
    """
    faults, counted = [], 0
    for requirement in requirements:
        name, required, extra = re.findall(r"([\w.-]+)(?:\[.*?\])?([^;]*)(.*)", requirement)[0]
        found = version(name)
        if extra and (found is None or "dev" in extra):
            continue
        counted += 1
        if found is None:
            faults.append(fault(f"{name} is missing", f"pip install '{name}{required}'"))
        elif not _satisfies(found, required):
            faults.append(fault(f"{name} is {found}, needed is {required}", f"pip install '{name}{required}'"))
    return faults or [ok(f"{counted}, all of the versions needed (Python {platform.python_version()})")]


def builds(owners: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Whether exactly one known distribution provides each of `BUILDS`; `owners` names those of each import name."""
    findings = []
    for folder, known in BUILDS.items():
        found = sorted(set(owners.get(folder, ())))
        if not found:
            findings.append(fault(f"no {folder}: none of {', '.join(known)} is installed", INSTALL))
        elif len(found) > 1:
            text = f"{' and '.join(found)} are both installed and overwrite each other's files"
            findings.append(fault(text, f"pip uninstall {' '.join(found)}, then {INSTALL}"))
        elif found[0] not in known:
            text = f"{folder} is that of {found[0]}, with which beholden is not tested"
            findings.append(warning(text, f"pip uninstall {found[0]}, then {INSTALL}"))
    return findings or [ok(", ".join(owners[folder][0] for folder in BUILDS))]


def one_place(folders: Mapping[str, Path | None], owners: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Whether our packages are ours: PyPI has a `cluster` that replaces files of this one without a word.

    Args:
        folders: What each is imported from, such as site-packages; None when it has no `__init__.py`.
        owners: Distributions that say they provide it.
    """
    faults = []
    for name, folder in folders.items():
        foreign = sorted(set(owners.get(name, ())) - {"beholden"})
        if foreign:
            text = f"{', '.join(foreign)} also installs {name}/ and may have replaced files of beholden"
            faults.append(fault(text, f"pip uninstall {' '.join(foreign)}, then {INSTALL}"))
        elif folder is None:
            faults.append(fault(f"{name}/__init__.py is missing: something removed or hides it", INSTALL))
    places = sorted({str(folder) for folder in folders.values() if folder})
    if not faults and len(places) > 1:
        advice = "start beholden elsewhere than beside folders of these names, and unset PYTHONPATH"
        faults.append(fault(f"the packages come from several places: {', '.join(places)}", advice))
    return faults or [ok(f"all of {', '.join(folders)} from {places[0]}")]


def crc32c() -> list[Finding]:
    """Whether Kafka's checksums are computed in C."""
    from cluster.kafka.client import has_fast_crc

    if has_fast_crc():
        return [ok("kafka-python computes it in C")]
    text = "kafka-python computes it in Python: 10 ms of processor time for a frame of 100 KB"
    return [fault(text, "pip install --force-reinstall crc32c")]


def device(name: str) -> list[Finding]:
    """Whether a network really runs on the device, by running one."""
    import numpy as np

    from operators.onnx import Device, open_session, providers

    session = open_session(_TWICE, Device(name), threads=1)
    answer = float(session.run(np.full(1, 1.5, np.float32))[0][0])
    if answer != 3.0:
        return [fault(f"{session.provider} computed 1.5 + 1.5 = {answer}", INSTALL)]
    return [ok(f"{name}: a network ran on {session.provider} (offered: {', '.join(providers())})")]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _imported_from(package: str) -> Path | None:
    spec = util.find_spec(package)
    return Path(spec.origin).parent.parent if spec and spec.origin else None


def _satisfies(version: str, required: str) -> bool:
    """Whether a version meets terms such as '>=3.0.12,<3.1'; only the numbers of a release are compared.

    `packaging` would do this for every form of version, but is nobody's declared dependency here.
    """
    for term in filter(None, required.replace(" ", "").split(",")):
        matched = re.fullmatch(r"(>=|<)(\d+(?:\.\d+)*)", term)
        if not matched:
            raise ValueError(f"version term {term!r}: only >= and < are understood")
        if (_release(version) >= _release(matched[2])) != (matched[1] == ">="):
            return False
    return True


def _release(version: str) -> list[int]:
    numbers = [int(part) for part in re.findall(r"\d+", re.split(r"[^\d.]", version)[0])]
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers
