"""The alerts topic: CloudEvents 1.0, Kafka binding, binary mode. Schema: `cluster/schemas/alert.schema.json`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from cluster.wire.evidence import EvidenceName
from cluster.wire.text import Headers, dump, format_time, parse_time
from operators.decide import MAX_CANDIDATES, Match
from operators.types import Frame, FrameRef

ALERT_TYPE = "beholden.alert.v1"


@dataclass(frozen=True, slots=True)
class AlertContext:
    """What all alerts of a process have in common until a setting changes: the settings in force.

    Attributes:
        deployment: From the policy.
        policy: Its number.
        policy_digest: Its digest.
        detector: SHA-256 of the detector's file.
        embedder: SHA-256 of the embedder's file.
        contract: Digest of the embedding contract.
        software: Version of this software.
        confirm_frames: From the policy.
        of_frames: From the policy.
    """

    deployment: str
    policy: int
    policy_digest: str
    detector: str
    embedder: str
    contract: str
    software: str
    confirm_frames: int
    of_frames: int


@dataclass(frozen=True, slots=True)
class About:
    """What an alert is about: it is not told of again, whichever policy decides by then.

    Attributes:
        frame: Where it was seen.
        face: Number of the face in its frame.
        watchlist: List of the entry.
        entry: Whom.
    """

    frame: FrameRef
    face: int
    watchlist: str
    entry: str


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: a lead for a person to judge. No pixels, no vector, no name.

    Attributes:
        frame: Where it was seen.
        face: Row of the face in its frame.
        box: Left, top, right, bottom, pixels of the frame.
        confidence: The detector's, in [0, 1].
        match: List, threshold applied and candidates.
        passage: Identifier of the passage.
        frames: Frames of the passage that agree, this one included.
        detected_at: When the faces of the frame were known, UTC-aware.
        alerted_at: When the alert was written, UTC-aware.
    """

    frame: Frame
    face: int
    box: tuple[float, float, float, float]
    confidence: float
    match: Match
    passage: str
    frames: int
    detected_at: datetime
    alerted_at: datetime

    @property
    def about(self) -> About:
        """What it is about."""
        return About(self.frame.ref, self.face, self.match.watchlist, self.match.best.entry)


def alert_id(alert: Alert, context: AlertContext) -> str:
    """The same frame under the same settings and entry gives the same id, however often it is processed."""
    ref, best = alert.frame.ref, alert.match.best
    seen = (alert.frame.camera, ref.topic, ref.partition, ref.offset, alert.face)
    return _id(
        context.deployment,
        *seen,
        alert.match.watchlist,
        best.entry,
        best.entry_digest,
        context.policy_digest,
        context.contract,
    )


def alert_id_of(body: Mapping[str, Any]) -> str:
    """The id that an alert must have, from what it says."""
    frame, best = body["frame"], body["candidates"][0]
    seen = (body["camera"], frame["topic"], frame["partition"], frame["offset"], body["face"]["number"])
    decided = (body["policy"]["digest"], body["models"]["contract"])
    return _id(body["deployment"], *seen, body["watchlist"], body["entry"], best["entry_digest"], *decided)


def _id(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:32]


def encode_alert(alert: Alert, context: AlertContext, evidence: EvidenceName) -> tuple[bytes, Headers]:
    """Value and headers of an alert: CloudEvents 1.0, Kafka protocol binding, binary mode.

    Args:
        alert: What was found.
        context: By which settings.
        evidence: What it can be computed again from.
    """
    name = alert_id(alert, context)
    frame, best = alert.frame, alert.match.best
    body = {
        "alert_id": name,
        "wording": "possible match",
        "deployment": context.deployment,
        "camera": frame.camera,
        "captured_at": format_time(frame.captured_at),
        "detected_at": format_time(alert.detected_at),
        "alerted_at": format_time(alert.alerted_at),
        "frame": {
            "topic": frame.ref.topic,
            "partition": frame.ref.partition,
            "offset": frame.ref.offset,
            "stream": frame.stream,
            "seq": frame.seq,
        },
        "face": {"number": alert.face, "box_px": list(alert.box), "confidence": alert.confidence},
        "passage": {"id": alert.passage, "frames": alert.frames, "of_frames": context.of_frames},
        "watchlist": alert.match.watchlist,
        "purpose": alert.match.purpose,
        "entry": best.entry,
        "cosine": best.cosine,
        "threshold": alert.match.threshold,
        "candidates": [
            {"entry": hit.entry, "entry_digest": hit.entry_digest, "cosine": hit.cosine}
            for hit in alert.match.candidates[:MAX_CANDIDATES]
        ],
        "generation": {
            "number": best.generation.number,
            "digest": best.generation.digest,
            "shard": best.generation.shard,
            "shards": best.generation.shards,
        },
        "policy": {"number": context.policy, "digest": context.policy_digest},
        "models": {"detector": context.detector, "embedder": context.embedder, "contract": context.contract},
        "software": context.software,
        "evidence": asdict(evidence),
        **({"canary": True} if alert.match.is_canary else {}),
    }
    return dump(body), _cloud_event(alert, context, name)


def is_canary(value: bytes) -> bool:
    """Whether an alert is about somebody who exists only to show that alerts come; False of what is no alert."""
    try:
        body = json.loads(value)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and body.get("canary") is True


@dataclass(frozen=True, slots=True)
class Told:
    """What a successor must know of an alert that was written.

    Attributes:
        about: What it is about.
        deployment: Whose.
        camera: Where.
        passage: Identifier of the passage.
        box: Left, top, right, bottom, pixels of the frame.
        captured_at: When the frame was taken.
    """

    about: About
    deployment: str
    camera: str
    passage: str
    box: tuple[float, float, float, float]
    captured_at: datetime


def parse_told(value: bytes) -> Told | None:
    """What an alert says about whom and where; None when it is no alert that this version can read."""
    try:
        body = json.loads(value)
        left, top, right, bottom = (float(side) for side in body["face"]["box_px"])
        texts = [*(body[name] for name in ("deployment", "camera", "watchlist", "entry")), body["passage"]["id"]]
        frame, numbers = body["frame"], [body["frame"]["partition"], body["frame"]["offset"], body["face"]["number"]]
        if {type(one) for one in (*texts, frame["topic"])} != {str} or {type(one) for one in numbers} != {int}:
            return None
        deployment, camera, watchlist, entry, passage = texts
        about = About(FrameRef(frame["topic"], *numbers[:2]), numbers[2], watchlist, entry)
        return Told(about, deployment, camera, passage, (left, top, right, bottom), parse_time(body["captured_at"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _cloud_event(alert: Alert, context: AlertContext, name: str) -> Headers:
    """CloudEvents 1.0 attributes as headers, and the frame's trace context."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", name.encode()),
        ("ce_type", ALERT_TYPE.encode()),
        ("ce_source", f"/beholden/{quote(context.deployment, safe='')}".encode()),
        ("ce_subject", alert.frame.camera.encode()),
        ("ce_time", format_time(alert.alerted_at).encode()),
        ("content-type", b"application/json"),
    ]
    if alert.frame.traceparent:
        headers.append(("traceparent", alert.frame.traceparent.encode()))
    return headers
