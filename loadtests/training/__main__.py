"""`python -m loadtests.training`: draw people, train both networks, write the models and their manifests.

Needs the extra `train` (PyTorch). The same options give the same people and pictures on every machine; weights also
depend on the processor, the number of threads and the versions of libraries.
"""

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import click
import cv2
import torch
import yaml

from loadtests.people.draws import TRAINING_FROM
from loadtests.training import detector, embedder
from loadtests.training.export import export_detector, export_embedder
from loadtests.training.pictures import bank, crops, sample, traits
from loadtests.training.schedule import Budget
from operators.align import TEMPLATE_NAME

_SIDE_PX = 320
_SPRITE_VIEWS = 3
_LICENCE = "Apache-2.0"
_NOTE = (
    "For people who do not exist only: a policy for real people that names this model is refused. Trained in {steps} "
    "steps on {device} with torch {torch}, seed {seed}."
)


@click.command()
@click.option("--detector-steps", type=click.IntRange(0), default=12000, show_default=True, help="0 leaves it out.")
@click.option("--embedder-steps", type=click.IntRange(0), default=7000, show_default=True, help="0 leaves it out.")
@click.option("--people", type=click.IntRange(2), default=5000, show_default=True, help="People the embedder sees.")
@click.option("--views", type=click.IntRange(2), default=14, show_default=True, help="Crops of each.")
@click.option("--sprites", type=click.IntRange(2), default=1500, show_default=True, help="People the detector sees.")
@click.option("--dimension", type=click.IntRange(8, 512), default=128, show_default=True, help="Of an embedding.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes that draw.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), default=Path("configs/models"))
def main(
    detector_steps: int,
    embedder_steps: int,
    people: int,
    views: int,
    sprites: int,
    dimension: int,
    device: str,
    workers: int,
    seed: int,
    output: Path,
) -> None:
    """Train the detector and the embedder on people who do not exist."""
    cv2.setNumThreads(1)
    if detector_steps:
        model = train_detector(range(TRAINING_FROM, TRAINING_FROM + sprites), workers, detector_steps, seed, device)
        settings: dict[str, Any] = {"adapter": "yunet", "colour": "bgr", "mean": [0.0] * 3, "scale": [1.0] * 3}
        write(output, "synthetic-detector-1", model, settings, sprites, device, detector_steps, seed)
    if embedder_steps:
        model = train_embedder(
            range(TRAINING_FROM, TRAINING_FROM + people), views, workers, dimension, embedder_steps, seed, device
        )
        settings = {
            "adapter": "embedder112",
            "colour": embedder.COLOUR,
            "mean": list(embedder.MEAN),
            "scale": list(embedder.SCALE),
            "dimension": dimension,
            "template": TEMPLATE_NAME,
        }
        write(output, "synthetic-embedder-1", model, settings, people, device, embedder_steps, seed)


def train_detector(seeds: range, workers: int, steps: int, seed: int, device: str) -> bytes:
    """The trained detector as an ONNX file."""
    click.echo(f"drawing {len(seeds)} people in {_SPRITE_VIEWS} views")
    among = bank(seeds, _SPRITE_VIEWS, workers)
    network = detector.train(
        lambda draw, count: sample(among, _SIDE_PX, draw, count),
        detector.DetectorSettings(),
        Budget(steps=steps),
        seed,
        device,
        click.echo,
    )
    return export_detector(network)


def train_embedder(seeds: range, views: int, workers: int, dimension: int, steps: int, seed: int, device: str) -> bytes:
    """The trained embedder as an ONNX file."""
    click.echo(f"drawing {len(seeds)} people in {views} views")
    pictures, who = crops(seeds, views, workers)
    settings = embedder.EmbedderSettings(dimension=dimension)
    network = embedder.train(pictures, who, traits(seeds), settings, Budget(steps=steps), seed, device, click.echo)
    return export_embedder(network)


def write(
    folder: Path, name: str, model: bytes, settings: dict[str, Any], people: int, device: str, steps: int, seed: int
) -> None:
    """Write a model and its manifest."""
    manifest = {
        "name": name,
        "file": f"{name}.onnx",
        "size_bytes": len(model),
        "sha256": hashlib.sha256(model).hexdigest(),
        "licence": _LICENCE,
        "training_data": f"People who do not exist, drawn by loadtests/people: seeds {TRAINING_FROM} to "
        f"{TRAINING_FROM + people - 1}, before streets drawn by the same package. No photograph and no real person. "
        f"Made by python -m loadtests.training at commit {_commit()}. Nobody from seed {TRAINING_FROM} on is used in a "
        "test, a demonstration or an evaluation.",
        "evaluation": "none",
        "people": "synthetic",
        **settings,
        "source": "this repository: python -m loadtests.training",
        "note": _NOTE.format(device=device, torch=torch.__version__, steps=steps, seed=seed),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.onnx").write_bytes(model)
    text = yaml.safe_dump(manifest, sort_keys=False, width=118, allow_unicode=True)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    click.echo(f"{folder / name}.onnx: {len(model)} bytes, sha256 {manifest['sha256']}")


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    changed = subprocess.run(
        ["git", "status", "--porcelain", "loadtests/people", "loadtests/training"],
        capture_output=True,
        text=True,
        check=False,
    )
    return (
        done.stdout.strip() + (" with changes" if changed.stdout.strip() else "") if done.returncode == 0 else "unknown"
    )


if __name__ == "__main__":
    main()
