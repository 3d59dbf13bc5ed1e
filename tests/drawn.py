"""People made of coloured squares, and models that see them: the whole system runs on these, without any face.

A person is a pattern of 4x4 coloured fields, 80 px wide, under a white mark of one 8x8 cell. The detector sees a face
under every white mark; the embedder sees the fields.
"""

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from cluster.plan import Plan
from cluster.policies.in_force import read_pinned
from cluster.strict_yaml import load
from operators.align import TEMPLATE, TEMPLATE_NAME
from operators.decode import encode
from operators.hours import WEEKDAYS
from tests.builders import RETENTION
from tests.graphs import STRIDES, Graph, build_embedder

SIDE = 80  # of a person, pixels; the mark adds 8 above
DIMENSION = 32
CAMERAS = ("entrance", "exit", "platform-1", "Königsplatz")


def person(seed: int) -> npt.NDArray[np.uint8]:
    """The pattern of one person, (88, 80, 3) uint8."""
    fields = np.random.default_rng(seed).choice([30, 220], size=(4, 4, 3)).astype(np.uint8)
    pattern = cv2.resize(fields, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    mark = np.zeros((8, SIDE, 3), np.uint8)
    mark[:, :8] = 255
    return np.concatenate([mark, pattern])


def scene(seeds: list[int], width: int = 640, height: int = 360) -> bytes:
    """A JPEG with these people side by side, row below row, on a dark ground."""
    image = np.full((height, width, 3), 40, np.uint8)
    columns = width // (SIDE + 16)
    for at, seed in enumerate(seeds):
        row, column = divmod(at, columns)
        top, left = 16 + row * (SIDE + 24), 8 + column * (SIDE + 16)
        image[top : top + SIDE + 8, left : left + SIDE] = person(seed)
    return encode(image, 95)


def build_detector() -> bytes:
    """A YuNet that sees a face of 80x80 px under every white cell of 8x8 px."""
    graph = Graph(["batch", 3, "h", "w"])
    names = []
    landmarks = (TEMPLATE * (SIDE / 112) + np.array([0, 8])) / 8
    size = float(np.log(SIDE / 8))
    for stride in STRIDES:
        weight = 1.0 if stride == 8 else 0.0
        rows = {
            "cls": (weight, [0.0]),
            "obj": (weight, [0.0]),
            "bbox": (0.0, [SIDE / 16, SIDE / 16 + 1, size, size]),
            "kps": (0.0, [float(value) for value in landmarks.ravel()]),
        }
        for kind, (by_brightness, bias) in rows.items():
            names.append(f"{kind}_{stride}")
            graph.cells(stride, by_brightness, bias, [0, -1, len(bias)], names[-1])
    return graph.build(*names)


def write_deployment(folder: Path) -> dict[str, Any]:
    """Models, manifests and a policy in `folder`; the content of a cluster file that names them."""
    for name, data in _files().items():
        (folder / name).write_bytes(data)
    return {
        "policy": str(folder / "policy.yaml"),
        "models": {"manifests": str(folder), "files": str(folder)},
        "recognisers": {"count": 2, "threads": 1},
        "index": {"placement": "sharded", "shards": 2},
    }


@cache
def _files() -> dict[str, bytes]:
    """Models, manifests and a policy, by the names of their files."""
    models = {"drawn-detector": build_detector(), "drawn-embedder": build_embedder(dimension=DIMENSION)}
    found, chosen = {}, {}
    with TemporaryDirectory() as folder:
        for name, data in models.items():
            manifest = Path(folder, f"{name}.yaml")
            manifest.write_text(yaml.safe_dump(_manifest(name, data)))
            found |= {f"{name}.onnx": data, manifest.name: manifest.read_bytes()}
            chosen[name] = choice_of(manifest)
    return found | {"policy.yaml": yaml.safe_dump(_policy(chosen), allow_unicode=True).encode()}


def _manifest(name: str, data: bytes) -> dict[str, Any]:
    detects = name.endswith("detector")
    manifest = {
        "name": name,
        "adapter": "yunet" if detects else "embedder112",
        "file": f"{name}.onnx",
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "licence": "Apache-2.0",
        "training_data": "none: written by hand",
        "evaluation": "none",
        "people": "synthetic",
        "colour": "bgr",
        "mean": [0.0] * 3 if detects else [127.5] * 3,
        "scale": [1.0] * 3 if detects else [127.5] * 3,
    }
    return manifest if detects else {**manifest, "dimension": DIMENSION, "template": TEMPLATE_NAME}


def indexed(plan: Plan, **index: Any) -> Plan:
    """A plan with other settings of its index."""
    settings = replace(plan.settings, index=replace(plan.settings.index, **index))
    return replace(plan, settings=settings)


def choice_of(file: Path) -> dict[str, str]:
    """What a policy says of the model of this manifest."""
    manifest, digest = read_pinned(file)
    return {"model": manifest.name, "sha256": manifest.sha256, "manifest": digest}


def _policy(chosen: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "policy": 1,
        "deployment": "drawn",
        "purpose": "Find drawn people in drawn scenes.",
        "authority": "the test",
        "legal_basis": "None is needed: nobody exists.",
        "expected_outcome": "Tests that pass.",
        "controller": "The test",
        "contact": "test@example.org",
        "complaints": "To the test.",
        "public_engagement": {"reference": "The test's notice", "sha256": "c" * 64},
        "assessments": {"data_protection": "DPIA 1", "equality": "EIA 1"},
        "people": "synthetic",
        "start": "2026-01-01T00:00:00Z",
        "end": "2099-12-31T00:00:00Z",
        "review_by": "2099-01-01T00:00:00Z",
        "hours": {"zone": "Europe/London", "windows": {day: ["00:00-24:00"] for day in WEEKDAYS}},
        "retention": load(RETENTION / "uk-strict.yaml"),
        "licences": ["Apache-2.0"],
        "max_nonmatch_s": 2.0,
        "cameras": list(CAMERAS),
        "max_frame_age_ms": 600_000,
        "freshness": {"rule": "every"},
        "detector": chosen["drawn-detector"],
        "detect": {"confidence": 0.95, "overlap": 0.3, "max_side_px": 2600},
        "quality": {
            "min_confidence": 0.95,
            "min_face_width_px": 40,
            "max_turn": 0.6,
            "max_tilt_deg": 45,
            "min_inside": 0.5,
            "min_sharpness": 0.0,
        },
        "embedder": chosen["drawn-embedder"],
        "watchlists": {
            "sought": {
                "purpose": "drawn people who are sought",
                "categories": ["missing"],
                "longest_days": 30,
                "most_entries": 1000,
                "threshold": 0.9,
                "floor": 0.8,
            }
        },
        "sightings": {
            "confirm_frames": 1,
            "of_frames": 1,
            "passage_overlap": 0.3,
            "passage_gap_ms": 2000,
            "cool_down_s": 3600,
        },
    }
