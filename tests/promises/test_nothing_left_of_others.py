"""Promise: of a face that matched nobody nothing is left: no vector, no crop, no picture, in no place that can be read.

Who walks by is known to the test to the last pixel, and looked for in every form in which something of them might lie
somewhere. Each place and each form has its positive control: a leak on purpose.
"""

import base64
import gzip
import json
import logging
import pickle
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cluster.account import Account
from cluster.clocks import HandClock
from cluster.in_hand import InHand
from cluster.keys import new_keys
from cluster.memory_io import Message
from cluster.pipeline import Pipeline
from cluster.plan import Plan, open_vision, read_plan
from cluster.privacy.evidence import EvidenceSink
from cluster.results import Outlets
from cluster.settings import Limits
from cluster.telemetry.context import TraceContext
from cluster.telemetry.otlp_spans import request
from cluster.telemetry.receiver import stored_spans
from cluster.telemetry.span_store import SpanStore
from cluster.telemetry.spans import Kind, Span
from cluster.watchlists.admission import Origin, Person
from cluster.watchlists.enrol import Picture, enrol
from cluster.wire.entries import parse_entry
from cluster.wire.evidence import parse_evidence
from indexes import snapshot
from indexes.backends import Backend, exact_backend, faiss_backend
from indexes.watchlist import Watchlist
from operators.decode import decode, encode
from operators.jpeg import JpegLimits, check_header
from operators.types import Float32, FrameRef, Image
from operators.vision import Seen, Vision
from tests.builders import EVIDENCE_KEY, NOW, Lane, chain, record
from tests.drawn import CAMERAS, scene, write_deployment
from tests.sentinel import Sentinel, all_of, sentinel_of

LISTED, STRANGERS = 2, (7, 9, 11)
STRIP_PX = 12  # of the face beside; the picture goes 16 px into its box


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A deployment of drawn people."""
    folder = tmp_path_factory.mktemp("deployment")
    path = folder / "cluster.yaml"
    path.write_text(json.dumps({"cluster": "drawn", **write_deployment(folder)}))
    return read_plan(path)


@pytest.fixture(scope="module")
def vision(plan: Plan) -> Vision:
    """Its models."""
    return open_vision(plan)


def noisy(seeds: list[int]) -> bytes:
    """A frame in which no two pixels are alike, so that each can be found again; the same people to the models."""
    jpeg = scene(seeds)
    image = decode(jpeg, check_header(jpeg, _limits()))
    noise = np.random.default_rng(len(seeds)).integers(-12, 13, image.shape)
    return encode(np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8), 95)


def _limits() -> JpegLimits:
    return Limits().jpeg


FRAMES = {"strangers": noisy(list(STRANGERS)), "both": noisy([STRANGERS[0], LISTED])}


def sentinels(vision: Vision) -> list[Sentinel]:
    """One for every stranger of every frame."""
    found = []
    for jpeg, listed in ((FRAMES["strangers"], ()), (FRAMES["both"], (1,))):
        [seen] = vision.see([jpeg])
        assert isinstance(seen, Seen)
        image = decode(jpeg, check_header(jpeg, _limits()))
        for row, box in enumerate(seen.faces.boxes.astype(int)):
            if int(box[0]) // 96 in listed:  # where `scene` puts them
                continue
            face = image[box[1] : box[3], box[0] : box[2]]
            found.append(sentinel_of(seen.vectors[row], seen.origin.crops[row], face, jpeg))
    assert len(found) == len(STRANGERS) + 1
    return found


@dataclass(slots=True)
class Run:
    """One run, and everything that is left of it."""

    folder: Path
    lane: Lane
    account: Account
    left: dict[str, Any] = field(default_factory=dict)

    def places(self) -> dict[str, list[bytes]]:
        """Whatever can be read afterwards, by place."""
        lane = self.lane
        return {
            "alerts": _bytes_of(lane.alerts.messages),
            "evidence": [*_bytes_of(lane.evidence.messages), *self._opened()],
            "dead letters": _bytes_of(lane.dead_letters.messages),
            "ledger": _bytes_of(lane.ledger.messages),
            "offsets": [repr(lane.source.stored).encode()],
            "files": [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()],
            "status": [json.dumps(self.account.summary()).encode(), pickle.dumps(self.account)],
            **{name: [text.encode()] for name, text in self.left.items()},
        }

    def _opened(self) -> list[bytes]:
        """What the key opens."""
        opened = []
        for message in self.lane.evidence.messages:
            document = EVIDENCE_KEY.open(message.value, message.key)
            assert document is not None
            opened += [document, parse_evidence(document, message.key).crop.tobytes()]
        return opened

    def pictures(self) -> list[Image]:
        """What the evidence shows to people: encoded anew, so that no pixel is what it was."""
        found = []
        for message in self.lane.evidence.messages:
            document = EVIDENCE_KEY.open(message.value, message.key)
            assert document is not None
            context = parse_evidence(document, message.key).context
            found.append(decode(context, check_header(context, _limits())))
        return found


def _bytes_of(messages: list[Message]) -> list[bytes]:
    return [
        part for each in messages for part in (each.key.encode(), each.value, *(value for _, value in each.headers))
    ]


def run(
    plan: Plan,
    vision: Vision,
    folder: Path,
    backend: Backend,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    make: Callable[..., Pipeline] = Pipeline,
) -> Run:
    """Strangers alone, then one beside a listed person, then frames that cannot be read; all of it to the end."""
    watchlist = Watchlist(0, 1, plan.contract.digest, backend)
    person = Person("case-2", "sought", "missing", "drawn", "the test", NOW + timedelta(days=1))
    value = enrol(
        person, [Picture(scene([LISTED], 320, 240), Origin("drawn", NOW.date()))], plan, vision, new_keys(), NOW
    )
    watchlist.apply(0, 0, person.ref, parse_entry(person.ref.encode(), value).entry)

    class Found:
        """An index over a watchlist that writes down what it holds after every search."""

        def search(self, vectors: Float32, k: int, at_least: float) -> Any:
            """See `ports.Index`."""
            hits = watchlist.generation().search(vectors, k, at_least, NOW)
            snapshot.write(watchlist.snapshot({}, 0)(), folder / "snapshot")
            return hits

    lane = Lane()
    cut = FRAMES["strangers"][: len(FRAMES["strangers"]) // 2]
    swapped = record(b"gate", 4, key=FRAMES["strangers"])  # a producer that swaps key and value
    frames = [record(FRAMES[name], at, key=CAMERAS[0].encode()) for at, name in enumerate(("strangers", "both"))]
    frames += [record(cut, 2, key=CAMERAS[0].encode()), record(FRAMES["strangers"], 3, key=b"nobody's camera"), swapped]
    lane.source.records.extend(frames)
    outlets = Outlets(lane.alerts, lane.dead_letters, chain(lane.ledger), EvidenceSink(lane.evidence, EVIDENCE_KEY))
    account, in_hand = Account(), InHand(folder, "recogniser-0")
    with caplog.at_level(logging.DEBUG):
        index = cast("Any", Found())
        pipeline = make(
            lane.source, outlets, vision, index, plan.in_force, plan.context, HandClock(NOW), account, 8,
            in_hand=in_hand,
        )  # fmt: skip
        while pipeline.step(0):
            pass
        pipeline.drain()
    printed = capfd.readouterr()
    logged = "\n".join([caplog.text, *(repr(each.__dict__) for each in caplog.records)])
    return Run(folder, lane, account, {"log": logged, "printed": printed.out + printed.err})


def leaks(found: Run, wanted: Sentinel) -> dict[str, set[str]]:
    """Forms that were found, by place."""
    by_place = {
        place: set[str]().union(*(wanted.in_bytes(part) for part in parts)) for place, parts in found.places().items()
    }
    return {place: forms for place, forms in by_place.items() if forms}


@pytest.mark.parametrize("backend", [exact_backend, lambda: faiss_backend(1)], ids=["exact", "faiss"])
def test_nothing_of_a_stranger_is_left(
    plan: Plan,
    vision: Vision,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    backend: Callable[[], Backend],
) -> None:
    """Not of one alone, nor of one beside a listed person, whose evidence is kept, nor in an unreadable frame."""
    found = run(plan, vision, tmp_path, backend(), caplog, capfd)
    assert len(found.lane.alerts.messages) == len(found.lane.evidence.messages) == 1
    assert len(found.lane.dead_letters.messages) == 3
    assert found.account.faces["compared"] == 5
    places = found.places()
    assert {"alerts", "evidence", "dead letters", "ledger", "files", "status", "log"} <= {
        k for k, v in places.items() if v
    }
    assert leaks(found, all_of(sentinels(vision))) == {}


def alike(picture: Image, part: Image) -> float:
    """How much any place of a picture is like a part of another, 1 at most."""
    return float(cv2.matchTemplate(picture, part, cv2.TM_CCOEFF_NORMED).max())


def test_the_picture_of_a_listed_person_shows_no_stranger_beside(
    plan: Plan,
    vision: Vision,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of whom it would show a strip: it does when nobody is painted over (the control)."""
    image = decode(FRAMES["both"], check_header(FRAMES["both"], _limits()))
    [seen] = vision.see([FRAMES["both"]])
    assert isinstance(seen, Seen)
    _, top, right, bottom = min(seen.faces.boxes.astype(int).tolist())
    strip = image[top:bottom, right - STRIP_PX : right]
    [picture] = run(plan, vision, tmp_path, exact_backend(), caplog, capfd).pictures()
    monkeypatch.setattr("operators.vision.paint_over", lambda *_: None)
    [shown] = run(plan, vision, tmp_path, exact_backend(), caplog, capfd).pictures()
    assert alike(picture, strip) < 0.7 < 0.9 < alike(shown, strip)


class Leaky(Pipeline):
    """With a bug: what it sees gets out somewhere."""

    place, folder = "", Path()

    def __init__(self, source: Any, outlets: Outlets, *arguments: Any, **others: Any) -> None:
        super().__init__(source, outlets, *arguments, **others)
        self._outlets, self._complete = outlets, self._searching.search
        self._searching.search = self._search  # type: ignore[method-assign]

    def _search(self, seen: Any) -> Any:
        for one in seen:
            for row in range(len(one.vectors)):
                self._leak(one, row)
        return self._complete(seen)

    def _leak(self, seen: Seen, row: int) -> None:
        vector, crop, ref = seen.vectors[row], seen.origin.crops[row].tobytes(), FrameRef("frames", 0, 0)
        ways: dict[str, Callable[[], object]] = {
            "alerts": lambda: self._outlets.alerts.send("a", crop, [], ref),
            "dead letters": lambda: self._outlets.dead_letters.send("a", b"", [("of", vector.tobytes())], ref),
            "ledger": lambda: self._outlets.ledger.write("leak", {"crop": base64.b64encode(crop).decode()}),
            "status": lambda: self.account.faces.update([crop.hex()]),
            "files": lambda: np.save(self.folder / f"{row}.npy", vector.astype(np.float16)),
            "log": lambda: logging.getLogger("beholden.leak").debug("cannot compare %s", vector.tolist()),
            "printed": lambda: print(vector.tolist()),  # noqa: T201
            "evidence": lambda: seen.origin.crops.__setitem__(slice(None), seen.origin.crops[0].copy()),
        }
        ways[self.place]()


@pytest.mark.parametrize("place", ["alerts", "dead letters", "ledger", "status", "files", "log", "printed", "evidence"])
def test_a_leak_on_purpose_is_found_in_every_place(
    plan: Plan,
    vision: Vision,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    place: str,
) -> None:
    """Without this the promise would prove nothing."""
    wanted = all_of(sentinels(vision))
    leaky = type("LeaksThere", (Leaky,), {"place": place, "folder": tmp_path})
    found = leaks(run(plan, vision, tmp_path, exact_backend(), caplog, capfd, leaky), wanted)
    assert set(found) == {place}


def test_what_leaks_into_a_span_is_found_where_spans_are_kept(vision: Vision, tmp_path: Path) -> None:
    """An error's text that holds what could not be compared; `tests/integration/test_evidence.py` looks for others."""
    [sentinel, *_] = sentinels(vision)
    context, store = TraceContext(1, 1, True), SpanStore(tmp_path / "traces.sqlite")
    for name in ("vector, as text", "crop, hexadecimal"):
        error = f"cannot compare {sentinel.forms[name].decode()}"
        body = request({}, [Span("process frames", Kind.CONSUMER, context, None, 1, 2, error=error)])
        assert sentinel.in_bytes(body) == {name}
        store.add(list(stored_spans(ExportTraceServiceRequest.FromString(body))))
        assert name in ", ".join(sentinel.in_files([tmp_path]).values())
    store.close()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "pickled": pickle.dumps,
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "base64": base64.b64encode,
    "base64 for addresses": base64.urlsafe_b64encode,
    "zlib in base64": lambda data: base64.b64encode(zlib.compress(data)),
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_every_form_is_found_in_every_packing(vision: Vision, packing: str) -> None:
    """In the middle of something else, at whatever byte it begins."""
    [sentinel, *_] = sentinels(vision)
    assert len(sentinel.forms) >= 15
    assert all(len(form) >= 16 for form in sentinel.forms.values())
    for name, form in sentinel.forms.items():
        for shift in range(3):
            around = b"\x00abc"[: shift + 1]
            found = sentinel.in_bytes(b"{ " + PACKINGS[packing](around + form + around) + b" }")
            assert name in found, (name, shift)


def test_what_is_not_there_is_not_found(vision: Vision) -> None:
    """Neither one face's traces in another's, nor anything in noise."""
    first, second, *_ = sentinels(vision)
    assert first.in_bytes(np.random.default_rng(1).bytes(1 << 20)) == set()
    alike = {name for name, form in first.forms.items() if first.forms[name] == second.forms[name]}
    assert alike <= {"frame", "frame, hexadecimal"}  # the same frame shows both
