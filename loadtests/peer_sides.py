"""Both sides of `bench peers`: the models that all pipelines run, and this project's way through them."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click
import cv2
import numpy as np

from cluster.policies.in_force import read_pinned, read_policy
from cluster.settings import Limits
from loadtests.bench_frames import HEIGHT_PX, QUALITY, WIDTH_PX
from loadtests.bench_pipeline import MODELS, POLICY
from loadtests.peer_models import Feed, as_scrfd, with_feed
from loadtests.peers import Found, Look, Peer, Task, quietly
from operators.align import TEMPLATE_NAME
from operators.decode import decode, encode
from operators.detect import DetectSettings, open_detector
from operators.embed import open_embedder
from operators.errors import FrameRefused
from operators.jpeg import check_header
from operators.models import Adapter, ModelManifest
from operators.onnx import Device
from operators.quality import QualitySettings
from operators.types import Image
from operators.vision import Vision

SIZE = (1280, 736)  # what pictures of 1280x720 are laid into: whole cells of 32
OVERLAP = 0.4
REAL = ("research-only/scrfd_2.5g_bnkps.onnx", "mobilefacenet_foamliu_dynbatch.onnx")
REAL_CONFIDENCE = 0.5
OWN = Feed("bgr", 127.5, 127.5)  # of the demonstration's embedder
EVERY_FACE = QualitySettings(
    min_confidence=0, min_face_width_px=1e-3, max_turn=1e9, max_tilt_deg=180, min_inside=0, min_sharpness=0
)
Ours = Callable[[Sequence[bytes]], list[Found]]


@dataclass(frozen=True, slots=True)
class Models:
    """What all pipelines run.

    Attributes:
        detector: The file of an SCRFD for one feed.
        embedder: The file of an embedder for one feed.
        confidence: From which on a face is one.
    """

    detector: Callable[[Feed], bytes]
    embedder: Callable[[Feed], bytes]
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """A peer and this project, on the same two files.

    Attributes:
        ours: Several pictures at once, as a recogniser takes them.
        theirs: One picture.
    """

    ours: Ours
    theirs: Look


def drawn_models() -> Models:
    """The demonstration's, which know people who do not exist."""
    detector, embedder = ((MODELS / f"synthetic-{name}-1.onnx").read_bytes() for name in ("detector", "embedder"))
    confidence = read_policy(POLICY).policy.detect.confidence
    return Models(lambda feed: as_scrfd(detector, feed), lambda feed: with_feed(embedder, feed, OWN), confidence)


@contextmanager
def sides(peer: Peer, models: Models, threads: int) -> Iterator[Sides]:
    """Both, loaded.

    Args:
        peer: The other pipeline.
        models: What both run.
        threads: Of the models of each.
    """
    with tempfile.TemporaryDirectory(prefix="beholden-peers-") as named:
        detector, embedder = Path(named) / "detector.onnx", Path(named) / "embedder.onnx"
        detector.write_bytes(models.detector(peer.detector))
        embedder.write_bytes(models.embedder(peer.embedder))
        task = Task(detector, embedder, SIZE, DetectSettings(models.confidence, OVERLAP, max(SIZE)), threads)
        yield Sides(our_look(task, peer), quietly(peer.open(task)))


def our_look(task: Task, peer: Peer) -> Ours:
    """This project's detector, alignment and embedder, fed as the peer feeds them."""
    found = (_manifest(task.detector, Adapter.SCRFD, peer.detector), _manifest(task.embedder, None, peer.embedder))
    device, files = Device.CPU, [task.detector.read_bytes(), task.embedder.read_bytes()]
    detector = open_detector(found[0], files[0], device, task.threads, task.detect)
    embedder = open_embedder(found[1], files[1], device, task.threads)
    vision = Vision(detector, embedder, EVERY_FACE, Limits().jpeg, task.detect.max_side_px, max_faces=1000)

    def see(jpegs: Sequence[bytes]) -> list[Found]:
        faces = []
        for seen in vision.see(jpegs):
            if isinstance(seen, FrameRefused):
                raise seen
            faces.append(Found(seen.faces.boxes, seen.vectors))
        return faces

    return see


def _manifest(file: Path, adapter: Adapter | None, feed: Feed) -> ModelManifest:
    """What a file of this run is, in this project's words."""
    kind = "detector" if adapter else "embedder"
    known, data = read_pinned(MODELS / f"synthetic-{kind}-1.yaml")[0], file.read_bytes()
    return replace(
        known,
        adapter=adapter or known.adapter,
        file=file.name,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        colour=feed.colour,
        mean=feed.mean if isinstance(feed.mean, tuple) else (feed.mean,) * 3,
        scale=feed.scale if isinstance(feed.scale, tuple) else (feed.scale,) * 3,
        template=None if adapter else TEMPLATE_NAME,
    )


def real_models(testdata: Path) -> Models:
    """Of a folder that no project ships: an SCRFD and MobileFaceNet."""
    detector, embedder = ((testdata / "models" / name).read_bytes() for name in REAL)
    own = [read_pinned(MODELS / name)[0] for name in ("scrfd-500m-kps.yaml", "mobilefacenet-foamliu-dynbatch.yaml")]
    fed = [Feed(each.colour, each.mean, each.scale) for each in own]
    return Models(
        lambda feed: with_feed(detector, feed, fed[0]),
        lambda feed: with_feed(embedder, feed, fed[1]),
        REAL_CONFIDENCE,
    )


def photographs(testdata: Path, count: int) -> list[bytes]:
    """That many of the folder's photographs, each laid onto a plain picture of 1280x720; they are written nowhere."""
    files = sorted((testdata / "images").rglob("*.jp*g"))
    if not files:
        raise click.ClickException(f"{testdata}/images: holds no photograph; give the folder that tests take")
    chosen = [files[number * len(files) // count] for number in range(count)]
    return [encode(laid_onto(_read(file)), QUALITY, "420") for file in chosen]


def laid_onto(photo: Image) -> Image:
    """A photograph in the middle of a grey picture, as large as it may be."""
    canvas = np.full((HEIGHT_PX, WIDTH_PX, 3), 127, np.uint8)
    ratio = min(HEIGHT_PX / photo.shape[0], WIDTH_PX / photo.shape[1])
    height, width = (max(1, int(side * ratio)) for side in photo.shape[:2])
    top, left = (HEIGHT_PX - height) // 2, (WIDTH_PX - width) // 2
    canvas[top : top + height, left : left + width] = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    return canvas


def _read(file: Path) -> Image:
    data = file.read_bytes()
    return decode(data, check_header(data, Limits().jpeg))
