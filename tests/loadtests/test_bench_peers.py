import io
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from loadtests import bench_peers, peers, quiet
from loadtests.bench_bare import Work
from loadtests.bench_frames import compose
from loadtests.bench_peers import (
    compared,
    difference,
    differences,
    installed,
    measure,
    peers_command,
    table,
)
from loadtests.peer_models import Feed
from loadtests.peer_sides import Sides, drawn_models, laid_onto, photographs, sides
from loadtests.peers import PEERS, Found, Look, Peer, Task
from loadtests.quiet import Gate, Load
from operators.decode import encode
from operators.detect import DetectSettings

QUIET = Load(wall_s=5.0, own_cores=2.0, foreign_cores=0.0, stolen_cores=0.0)
BOXES = np.array([[10, 20, 50, 70], [100, 20, 140, 70]], np.float32)
VECTORS = np.eye(2, 4, dtype=np.float32)
TWO = Found(BOXES, VECTORS)


@pytest.mark.parametrize(
    ("theirs", "why"),
    [
        pytest.param(TWO, None, id="the same"),
        pytest.param(Found(BOXES[::-1], VECTORS[::-1]), None, id="in another order"),
        pytest.param(Found(BOXES + 0.5, VECTORS), None, id="rounded otherwise"),
        pytest.param(Found(BOXES[:1], VECTORS[:1]), "2 faces and 1", id="one overlooked"),
        pytest.param(Found(BOXES + 3, VECTORS), "3.0 px off", id="beside"),
        pytest.param(Found(BOXES[[0, 0]], VECTORS[[0, 0]]), "px off", id="one twice"),
        pytest.param(Found(BOXES, VECTORS[::-1]), "cosine of 0.0000", id="each other's vectors"),
    ],
)
def test_what_two_pipelines_differ_in(theirs: Found, why: str | None) -> None:
    """Faces, boxes and vectors, whatever their order."""
    found = difference(TWO, theirs)
    assert (found is None) if why is None else (found is not None and why in found)


def test_a_picture_without_faces_is_the_same() -> None:
    """If neither finds one."""
    nobody = Found(np.zeros((0, 4), np.float32), np.zeros((0, 0), np.float32))
    assert difference(nobody, nobody) is None
    assert difference(nobody, TWO) == "0 faces and 2"


def test_pictures_without_any_face_say_nothing() -> None:
    """Two that find nobody in any picture agree on nothing; one picture with a face is enough."""
    nobody = Found(np.zeros((0, 4), np.float32), np.zeros((0, 0), np.float32))
    with pytest.raises(Exception, match="no face in any of 9 pictures"):
        differences(looking(nobody), [b"x"] * 9)
    last = Sides(lambda jpegs: [TWO if jpeg == b"y" else nobody for jpeg in jpegs], lambda jpeg: nobody)
    assert differences(replace(last, theirs=lambda jpeg: TWO if jpeg == b"y" else nobody), [b"x", b"y"]) == []
    assert differences(last, [b"x", b"y"]) == ["2 faces and 0"]


def looking(found: Found, order: list[str] | None = None) -> Sides:
    """Both find this."""
    seen = order if order is not None else []

    def ours(jpegs: Sequence[bytes]) -> list[Found]:
        seen.append(f"ours {len(jpegs)}")
        return [found for _ in jpegs]

    def theirs(jpeg: bytes) -> Found:
        seen.append("theirs")
        return found

    return Sides(ours, theirs)


def test_everything_is_shown_to_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here eight at a time, there one at a time; who comes first alternates."""
    monkeypatch.setattr(bench_peers, "load", lambda before, after: QUIET)
    monkeypatch.setattr(bench_peers, "look", lambda: None)
    order: list[str] = []
    found = measure(looking(TWO, order), [b"x"] * 9, 2, Gate(quiet.look))
    ours, theirs = ["ours 8", "ours 1"], ["theirs"] * 9
    assert order == [*ours, *theirs, *theirs, *ours]
    assert [(a.frames, b.frames) for a, b in found] == [(9, 9), (9, 9)]
    assert differences(looking(TWO), [b"x"] * 9) == []


def test_ratios_are_of_each_peer() -> None:
    """Half as many pictures again are asked; of processor time nothing, and less is better."""
    found = {"peer 1.0": [(Work(48, 1.0, 1.0), Work(48, 2.5, 2.0)), (Work(48, 1.0, 1.0), Work(48, 0.5, 0.5))]}
    ratio, spent = compared(found)
    assert (spent.rounds, spent.is_reached, spent.more_is_better) == ((0.5, 2.0), None, False)
    assert (ratio.name, ratio.rounds, ratio.is_reached) == ("this project / peer 1.0, pictures/s", (2.5, 0.5), True)
    console = Console(record=True, width=120)
    console.print(table(found))
    assert "peer 1.0" in console.export_text()


FAKE = Peer("numpy", Feed("rgb", 127.5, 128.0), Feed("rgb", 127.5, 127.5), lambda task: lambda jpeg: TWO)


def test_no_speed_is_told_of_pipelines_that_find_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast they are."""
    monkeypatch.setattr(bench_peers, "PEERS", {"insightface": FAKE})
    monkeypatch.setattr(bench_peers, "measure", Mock(side_effect=AssertionError("it was measured")))
    monkeypatch.setattr(bench_peers, "compose", lambda count: [b"x"] * count)
    other = Sides(looking(TWO).ours, looking(Found(BOXES[:1], VECTORS[:1])).theirs)
    monkeypatch.setattr(bench_peers, "sides", lambda *_: nullcontext(other))
    done = CliRunner().invoke(peers_command, ["--peer", "insightface", "--pictures", "8", "--threads", "1"])
    assert done.exit_code == 1
    assert "8 of 8 pictures differ, the first by 2 faces and 1" in " ".join(done.output.split())


def test_what_is_not_installed_is_told_how_to_get() -> None:
    """And what is installed goes on; when nothing is, it ends."""
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench_peers, "PEERS", {"here": FAKE, "not": replace(FAKE, package="no-such-package")})
        assert list(installed(["here", "not"], Console(file=told, width=400))) == ["here"]
        assert "pip install --target FOLDER --no-deps no-such-package" in told.getvalue()
        with pytest.raises(Exception, match="nothing to compare with"):
            installed(["not"], Console(file=told))


def test_this_side_finds_faces_with_the_files_of_the_other() -> None:
    """Fed as the other feeds them: whoever is in the picture is found, and the vector is of length 1."""
    given: list[Task] = []

    def opened(task: Task) -> Look:
        given.append(task)
        assert task.detector.parent == task.embedder.parent
        return lambda jpeg: TWO

    with sides(replace(FAKE, open=opened), drawn_models(), 1) as both:
        [found] = both.ours(compose(1))
    assert len(found.boxes) == 1
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx([1.0], abs=1e-5)
    assert (given[0].threads, given[0].size) == (1, (1280, 736))


TASK = Task(Path("f/detector.onnx"), Path("f/embedder.onnx"), (1280, 736), DetectSettings(0.7, 0.4, 1280), 3)
JPEG = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()


def test_insightface_is_called_as_its_documentation_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with both models, the same threads and limits; faces as they come."""
    face = SimpleNamespace(bbox=BOXES[0], normed_embedding=VECTORS[0])
    app = Mock(get=Mock(return_value=[face]))
    module = Mock(FaceAnalysis=Mock(return_value=app))
    monkeypatch.setitem(sys.modules, "insightface", Mock(app=module))
    monkeypatch.setitem(sys.modules, "insightface.app", module)
    found = PEERS["insightface"].open(TASK)(JPEG)
    assert module.FaceAnalysis.call_args.kwargs["name"] == "f"
    assert module.FaceAnalysis.call_args.kwargs["sess_options"].intra_op_num_threads == 3
    app.prepare.assert_called_once_with(ctx_id=0, det_thresh=0.7, det_size=(1280, 736))
    assert app.det_model.nms_thresh == 0.4
    assert (found.boxes.tolist(), found.vectors.tolist()) == ([BOXES[0].tolist()], [VECTORS[0].tolist()])


def test_uniface_is_given_the_same_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for models by name, and is told where these lie while it opens them, and no longer."""
    modules: dict[str, Any] = {
        name: Mock(name=name) for name in ("detection.scrfd", "recognition.mobileface", "recognition.base", "analyzer")
    }
    detection, recognition = modules["detection.scrfd"], modules["recognition.mobileface"]
    before = detection.verify_model_weights, recognition.verify_model_weights
    asked: list[str] = []
    detection.SCRFD = Mock(side_effect=lambda **_: asked.append(detection.verify_model_weights("a name")))
    recognition.MobileFace = Mock(side_effect=lambda: asked.append(recognition.verify_model_weights("another")))
    face = SimpleNamespace(bbox=BOXES[0], embedding=VECTORS[0])
    modules["analyzer"].FaceAnalyzer = Mock(return_value=Mock(analyze=Mock(return_value=[face, face])))
    monkeypatch.setattr(peers.importlib, "import_module", lambda name: modules[name.removeprefix("uniface.")])
    found = PEERS["uniface"].open(TASK)(JPEG)
    assert asked == ["f/detector.onnx", "f/embedder.onnx"]
    assert (detection.verify_model_weights, recognition.verify_model_weights) == before
    assert detection.SCRFD.call_args.kwargs == {
        "confidence_threshold": 0.7,
        "nms_threshold": 0.4,
        "input_size": (1280, 736),
    }
    assert len(found.boxes) == 2


def test_photographs_are_laid_onto_pictures_of_one_size(tmp_path: Path) -> None:
    """As large as they may be; spread over the whole folder; without any it says what is wanted."""
    wide, high = (laid_onto(np.full(shape, 255, np.uint8)) for shape in ((10, 100, 3), (100, 10, 3)))
    assert wide.shape == high.shape == (720, 1280, 3)
    assert [int(each.max(axis=2).max(axis=axis).argmax()) for each, axis in ((wide, 1), (high, 0))] == [296, 604]
    with pytest.raises(Exception, match="holds no photograph"):
        photographs(tmp_path, 3)
    (tmp_path / "images").mkdir()
    for number in range(6):
        grey = np.full((16, 16, 3), 40 * number, np.uint8)
        (tmp_path / "images" / f"{number}.jpg").write_bytes(encode(grey, 95))
    assert len(set(photographs(tmp_path, 3))) == 3
