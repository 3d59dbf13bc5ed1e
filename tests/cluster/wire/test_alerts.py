import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.wire.alerts import About, Alert, alert_id, encode_alert, is_canary, parse_told
from cluster.wire.evidence import EvidenceName
from operators.decide import Match
from operators.types import Frame, FrameRef
from tests.builders import ALERT_SCHEMA, CONTRACT, NOW, TOMORROW, alert_schema, context, hit

SCHEMA = alert_schema()
EVIDENCE = EvidenceName("1" * 64, "2" * 16, "3" * 64)
FRAME = Frame(FrameRef("frames", 3, 41), "Süd-Tor 3 出口", b"JPEG BYTES", NOW, "run", 12, "00-" + "a" * 32)


def _alert(**changes: Any) -> Alert:
    fields: dict[str, Any] = {
        "frame": FRAME,
        "face": 2,
        "box": (1.5, -2.0, 81.5, 90.0),
        "confidence": 0.875,
        "match": Match("sought", "Find them.", 0.6, (hit("anna", 0.9), hit("bert", 0.7))),
        "passage": "0123456789abcdef",
        "frames": 1,
        "detected_at": NOW,
        "alerted_at": TOMORROW,
    }
    return Alert(**{**fields, **changes})


def _frame(**changes: Any) -> Frame:
    names = ("ref", "camera", "jpeg", "captured_at", "stream", "seq", "traceparent")
    return Frame(**{**{name: getattr(FRAME, name) for name in names}, **changes})


def _body(alert: Alert, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(encode_alert(alert, context(**changes), EVIDENCE)[0])
    return found


def test_an_alert_names_everything_that_produced_it() -> None:
    """The whole message, word for word: readers depend on it."""
    assert _body(_alert()) == {
        "alert_id": alert_id(_alert(), context()),
        "wording": "possible match",
        "deployment": "test",
        "camera": "Süd-Tor 3 出口",
        "captured_at": "2026-01-31T12:00:00.000Z",
        "detected_at": "2026-01-31T12:00:00.000Z",
        "alerted_at": "2026-02-01T12:00:00.000Z",
        "frame": {"topic": "frames", "partition": 3, "offset": 41, "stream": "run", "seq": 12},
        "face": {"number": 2, "box_px": [1.5, -2.0, 81.5, 90.0], "confidence": 0.875},
        "passage": {"id": "0123456789abcdef", "frames": 1, "of_frames": 1},
        "watchlist": "sought",
        "purpose": "Find them.",
        "entry": "anna",
        "cosine": 0.9,
        "threshold": 0.6,
        "candidates": [
            {"entry": "anna", "entry_digest": "e" * 64, "cosine": 0.9},
            {"entry": "bert", "entry_digest": "e" * 64, "cosine": 0.7},
        ],
        "generation": {"number": 3, "digest": "f" * 64, "shard": 0, "shards": 1},
        "policy": {"number": 7, "digest": "d" * 64},
        "models": {"detector": "a" * 64, "embedder": "b" * 64, "contract": CONTRACT},
        "software": "0.1.0",
        "evidence": {"sha256": "1" * 64, "key_id": "2" * 16, "crop_sha256": "3" * 64},
    }
    SCHEMA.validate(_body(_alert()))


def test_headers_are_those_of_cloudevents_in_binary_mode() -> None:
    """CloudEvents 1.0, Kafka protocol binding 3.2: prefix ce_, values in UTF-8, the content type without prefix."""
    _, headers = encode_alert(_alert(), context(), EVIDENCE)
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": alert_id(_alert(), context()).encode(),
        "ce_type": b"beholden.alert.v1",
        "ce_source": b"/beholden/test",
        "ce_subject": "Süd-Tor 3 出口".encode(),
        "ce_time": b"2026-02-01T12:00:00.000Z",
        "content-type": b"application/json",
        "traceparent": b"00-" + b"a" * 32,
    }
    assert len(dict(headers)) == len(headers)


def test_without_a_trace_there_is_no_trace_header() -> None:
    """Absent, not empty."""
    _, headers = encode_alert(_alert(frame=_frame(traceparent=None)), context(), EVIDENCE)
    assert "traceparent" not in dict(headers)


@pytest.mark.parametrize("deployment", ["Gare du Nord", "Königsplatz", "a/b?c#d%", "line\nbreak"])
def test_the_source_is_a_uri_reference_whatever_the_deployment_is_called(deployment: str) -> None:
    """CloudEvents asks for one; readers parse it."""
    source = dict(encode_alert(_alert(), context(deployment=deployment), EVIDENCE)[1])["ce_source"].decode()
    assert re.fullmatch(r"/beholden/(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+", source)


def test_the_id_follows_from_frame_face_entry_and_settings_and_nothing_else() -> None:
    """When and how often it is processed does not matter; any of these does."""
    name = alert_id(_alert(), context())
    assert re.fullmatch("[0-9a-f]{32}", name)
    same = _alert(
        alerted_at=NOW, detected_at=TOMORROW, passage="f" * 16, frames=3, frame=_frame(traceparent=None, jpeg=b"")
    )
    assert alert_id(same, context(software="9")) == name
    others = [
        alert_id(_alert(face=3), context()),
        alert_id(_alert(frame=_frame(camera="hall")), context()),
        alert_id(_alert(frame=_frame(ref=FrameRef("x.frames", 3, 41))), context()),
        alert_id(_alert(frame=_frame(ref=FrameRef("frames", 4, 41))), context()),
        alert_id(_alert(frame=_frame(ref=FrameRef("frames", 3, 42))), context()),
        alert_id(_alert(match=Match("other", "Find them.", 0.6, (hit("anna"),))), context()),
        alert_id(_alert(match=Match("sought", "Find them.", 0.6, (hit("bert"),))), context()),
        alert_id(_alert(), context(deployment="other")),
        alert_id(_alert(), context(policy_digest="0" * 64)),
        alert_id(_alert(), context(contract="0" * 64)),
    ]
    assert len({name, *others}) == len(others) + 1


@given(
    st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=50).filter(str.strip),
    st.none() | st.integers(0, 2**63 - 1),
    st.none() | st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=200),
    st.floats(-1, 1),
    st.tuples(*[st.floats(-10000, 10000, width=32)] * 4),
)
def test_every_alert_that_can_be_made_is_allowed(
    camera: str, seq: int | None, stream: str | None, cosine: float, box: tuple[float, float, float, float]
) -> None:
    """And is read back as it was."""
    match = Match("sought", "Find them.", -1.0, (hit("anna", cosine),))
    body = _body(_alert(frame=_frame(camera=camera.strip(), seq=seq, stream=stream), match=match, box=box))
    SCHEMA.validate(body)
    assert (body["camera"], body["frame"]["seq"], body["cosine"]) == (camera.strip(), seq, cosine)


def _objects(body: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all objects of a document."""
    if isinstance(body, dict):
        yield at
    for key, value in body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ():
        yield from _objects(value, (*at, key))


def _at(body: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        body = body[key]
    return body


PATHS = list(_objects(_body(_alert())))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: ".".join(map(str, path)) or "top")
def test_the_schema_is_closed_everywhere(path: tuple[Any, ...]) -> None:
    """Nothing may be added to any object, nothing may be left out: no field for a vector, an image or a name."""
    for extra in ({"vector": [0.1]}, {"image": "/9j/4AAQ"}, {"name": "Anna"}, {"x": None}):
        body = _body(_alert())
        _at(body, path).update(extra)
        assert not SCHEMA.is_valid(body)
    for key in _at(_body(_alert()), path):
        body = _body(_alert())
        del _at(body, path)[key]
        assert not SCHEMA.is_valid(body), key


def test_the_objects_of_the_test_above_are_all_there_are() -> None:
    """So that a new part of the schema cannot slip past it."""
    closed = json.dumps(ALERT_SCHEMA).count('"additionalProperties": false')
    assert len([path for path in PATHS if path[-1:] != (1,)]) == closed
    assert json.dumps(ALERT_SCHEMA).count('"type": "object"') == closed


def test_no_allowed_value_has_room_for_a_vector_or_an_image() -> None:
    """Text is short or of a fixed pattern, lists are short; the exceptions are words of the approved policy."""
    policy_words = {"deployment", "watchlist", "purpose"}
    assert ALERT_SCHEMA["$id"].startswith("urn:")
    unbounded = set()

    def walk(name: str, part: Any) -> None:
        if not isinstance(part, dict):
            return
        kinds = part.get("type", [])
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if "string" in kinds and "maxLength" not in part and not re.fullmatch(r"\^.*\}Z?\$", part.get("pattern", "")):
            unbounded.add(name)
        if "array" in kinds:
            assert part["maxItems"] <= 4
        if {"number", "integer"} & set(kinds):
            assert {"minimum", "maximum"} <= set(part), name
        for key, inner in part.items():
            walk(key, inner)

    walk("", ALERT_SCHEMA)
    assert unbounded == policy_words


def _changed(path: str, value: Any) -> dict[str, Any]:
    body = copy.deepcopy(_body(_alert()))
    *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    _at(body, tuple(parents))[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("wording", "match"),
        ("alert_id", "A" * 32),
        ("camera", ""),
        ("camera", "a\nb"),
        ("camera", "x" * 201),
        ("captured_at", "2026-01-31T12:00:00.000"),
        ("captured_at", "2026-01-31T12:00:00Z"),
        ("cosine", 1.0000001),
        ("cosine", "0.9"),
        ("cosine", None),
        ("threshold", -1.1),
        ("face.confidence", 1.1),
        ("face.number", -1),
        ("face.number", 1.5),
        ("face.box_px", [1, 2, 3]),
        ("face.box_px", [1, 2, 3, 4, 5]),
        ("face.box_px.0", "1"),
        ("passage.id", "x"),
        ("passage.frames", 0),
        ("frame.offset", -1),
        ("frame.seq", -1),
        ("frame.seq", True),
        ("frame.stream", "é" * 10),
        ("candidates", []),
        ("candidates.0.entry_digest", "e" * 63),
        ("candidates.0.entry", ""),
        ("generation.shards", 0),
        ("policy.number", 0),
        ("models.detector", "a" * 65),
        ("purpose", ""),
    ],
)
def test_values_out_of_range_are_not_allowed(path: str, value: Any) -> None:
    """The schema says what a reader may rely on."""
    assert SCHEMA.is_valid(_body(_alert()))
    assert not SCHEMA.is_valid(_changed(path, value))


def test_the_schema_is_one() -> None:
    """Valid against draft 2020-12, and every part says what it is."""
    SCHEMA.check_schema(ALERT_SCHEMA)
    assert ALERT_SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"

    def walk(properties: dict[str, Any]) -> None:
        for name, part in properties.items():
            assert part.get("description"), name
            walk(part.get("properties", {}))
            walk(part.get("items", {}).get("properties", {}))

    walk(ALERT_SCHEMA["properties"])
    walk(ALERT_SCHEMA["$defs"])


def test_the_image_is_nowhere_in_the_message() -> None:
    """Neither in the value nor in a header."""
    value, headers = encode_alert(_alert(), context(), EVIDENCE)
    assert b"JPEG BYTES" not in value + b"".join(value for _, value in headers)
    assert not re.search(rb"[A-Za-z0-9+/=]{65,}", value)


def test_a_successor_reads_back_what_it_must_know() -> None:
    """Where, whom, when and in which passage; what is no alert is nothing."""
    alert = _alert()
    value, _ = encode_alert(alert, context(), EVIDENCE)
    told = parse_told(value)
    assert told is not None
    assert (told.about, told.deployment, told.camera) == (alert.about, "test", alert.frame.camera)
    assert alert.about == About(alert.frame.ref, alert.face, "sought", "anna")
    assert (told.passage, told.box, told.captured_at) == (alert.passage, alert.box, alert.frame.captured_at)
    body = json.loads(value)
    broken = [{name: part for name, part in body.items() if name != gone} for gone in ("camera", "face", "passage")]
    broken += [{**body, "captured_at": "x"}, {**body, "entry": 5}, {**body, "face": {"box_px": [1]}}]
    broken += [{**body, "frame": {**body["frame"], "offset": "7"}}, {**body, "frame": {**body["frame"], "topic": 7}}]
    for each in (b"", b"[]", b"\xff", *(json.dumps(one).encode() for one in broken)):
        assert parse_told(each) is None


def test_an_alert_about_a_canary_is_marked() -> None:
    """And no other: whoever shows alerts to people leaves it out."""
    marked = Match("test", "Show that alerts come.", 0.6, (hit("canary", 0.9),), is_canary=True)
    values = [encode_alert(alert, context(), EVIDENCE)[0] for alert in (_alert(match=marked), _alert())]
    assert [is_canary(value) for value in values] == [True, False]
    for value in values:
        SCHEMA.validate(json.loads(value))


@pytest.mark.parametrize("value", [b"", b"[]", b"{", b'{"canary": 1}', b"\xff"])
def test_what_is_no_alert_is_about_no_canary(value: bytes) -> None:
    """It is shown as what it is."""
    assert not is_canary(value)
