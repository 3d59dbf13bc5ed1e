"""Values with defaults, and fakes of the models, so that a test says only what it is about."""

import copy
import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
from jsonschema import Draft202012Validator

from cluster.account import Account
from cluster.clocks import HandClock
from cluster.in_hand import InHand
from cluster.keys import EvidenceKey
from cluster.ledger.writer import LedgerWriter
from cluster.memory_io import MemorySink, MemorySource
from cluster.pipeline import Pipeline
from cluster.policies.in_force import PolicyInForce
from cluster.policies.standing import Halting, nothing_halts
from cluster.ports import MessageSink, Record
from cluster.privacy.evidence import EvidenceSink
from cluster.results import Outlets
from cluster.strict_yaml import build, load
from cluster.telemetry.journal import Journal
from cluster.wire.alerts import AlertContext
from cluster.wire.entries import EntryRecord, Photo
from cluster.wire.ledger import GENESIS, LedgerRecord, encode_record
from cluster.wire.settings import IN_FORCE
from cluster.wire.shed import ShedInterval, parse_shed
from cluster.wire.text import parse_time
from indexes.backends import exact_backend
from indexes.entry import Entry
from indexes.watchlist import Watchlist
from operators.decide import WatchlistRule
from operators.detect import DetectSettings
from operators.errors import FrameReason, FrameRefused, IndexIncomplete
from operators.freshness import FreshnessRule, Rule
from operators.hours import WEEKDAYS, Hours
from operators.models import EmbeddingContract, People
from operators.policy import Assessments, Engagement, ModelChoice, Policy
from operators.quality import QualitySettings
from operators.retention import RetentionProfile
from operators.sightings import SightingSettings
from operators.types import Faces, Float32, FrameRef, Generation, Hit
from operators.vision import Origin, Seen, Vision

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
TOMORROW = NOW + timedelta(days=1)
DIMENSION = 8
EMBEDDING = EmbeddingContract("b" * 64, "a" * 64, "five-point-8", "bgr", (0.0,) * 3, (1.0,) * 3, DIMENSION)
CONTRACT = EMBEDDING.digest
RETENTION = Path(__file__).resolve().parent.parent / "configs" / "retention"
EVIDENCE_KEY = EvidenceKey(bytes(range(32)))
CAMERAS = ("gate", "hall", "Süd-Tor 3 出口")

POLICY: dict[str, Any] = {
    "policy": 7,
    "deployment": "test",
    "purpose": "Find nobody who exists.",
    "authority": "The test",
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
    "max_nonmatch_s": 2,
    "cameras": list(CAMERAS),
    "max_frame_age_ms": 1000,
    "freshness": {"rule": "every"},
    "detector": {"model": "sees", "sha256": "a" * 64, "manifest": "1" * 64},
    "detect": {"confidence": 0.7, "overlap": 0.3, "max_side_px": 1280},
    "quality": {
        "min_confidence": 0.7,
        "min_face_width_px": 40,
        "max_turn": 0.5,
        "max_tilt_deg": 30,
        "min_inside": 0.5,
        "min_sharpness": 0.15,
    },
    "embedder": {"model": "knows", "sha256": "b" * 64, "manifest": "2" * 64},
    "watchlists": {
        "sought": {
            "purpose": "Find them.",
            "categories": ["missing", "wanted"],
            "longest_days": 30,
            "most_entries": 100,
            "threshold": 0.6,
            "floor": 0.5,
            "cameras": {"hall": 0.7},
        }
    },
    "sightings": {
        "confirm_frames": 1,
        "of_frames": 1,
        "passage_overlap": 0.3,
        "passage_gap_ms": 2000,
        "cool_down_s": 60,
    },
}


def policy_document() -> dict[str, Any]:
    """A policy as it would stand in a file, free to be changed."""
    return copy.deepcopy(POLICY)


def policy(**changes: Any) -> Policy:
    """The same as a value; `changes` by field."""
    rules = {
        name: WatchlistRule(**{**rule, "categories": tuple(rule["categories"])})
        for name, rule in POLICY["watchlists"].items()
    }
    fields = {
        **POLICY,
        "public_engagement": Engagement(**POLICY["public_engagement"]),
        "assessments": Assessments(**POLICY["assessments"]),
        "people": People(POLICY["people"]),
        **{name: parse_time(POLICY[name]) for name in ("start", "end", "review_by")},
        "hours": Hours("Europe/London", dict.fromkeys(WEEKDAYS, ("00:00-24:00",))),
        "retention": profile(),
        "licences": tuple(POLICY["licences"]),
        "cameras": CAMERAS,
        "freshness": FreshnessRule(Rule.EVERY),
        "detector": ModelChoice(**POLICY["detector"]),
        "detect": DetectSettings(**POLICY["detect"]),
        "quality": QualitySettings(**POLICY["quality"]),
        "embedder": ModelChoice(**POLICY["embedder"]),
        "watchlists": rules,
        "sightings": SightingSettings(**POLICY["sightings"]),
    }
    return Policy(**{**fields, **changes})


def profile() -> RetentionProfile:
    """The retention profile of `policy`, as it is shipped."""
    return build(POLICY["retention"], RetentionProfile)


def context(**changes: Any) -> AlertContext:
    """Settings in force, as alerts name them."""
    fields: dict[str, Any] = {
        "deployment": "test",
        "policy": 7,
        "policy_digest": "d" * 64,
        "detector": "a" * 64,
        "embedder": "b" * 64,
        "contract": CONTRACT,
        "software": "0.1.0",
        "confirm_frames": 1,
        "of_frames": 1,
    }
    return AlertContext(**{**fields, **changes})


def in_force(changed: Policy) -> tuple[PolicyInForce, AlertContext]:
    """A policy with a digest of its own, and the settings in force under it."""
    found = PolicyInForce(changed, repr(changed).encode())
    sightings = changed.sightings
    counts = {"confirm_frames": sightings.confirm_frames, "of_frames": sightings.of_frames}
    return found, context(policy=changed.policy, policy_digest=found.digest, **counts)


def ledger_value(kind: str, body: Mapping[str, Any], **changes: Any) -> bytes:
    """Value of the first record of a chain of recogniser 0, written now."""
    fields: dict[str, Any] = {
        "at": NOW,
        "deployment": "test",
        "writer": "recogniser-0",
        "chain": "0" * 16,
        "seq": 0,
        "prev": GENESIS,
        "policy_digest": "d" * 64,
    }
    return encode_record(LedgerRecord(kind=kind, body=body, **{**fields, **changes}))[0]


def chain(sink: MessageSink, writer: str = "recogniser-0") -> LedgerWriter:
    """A chain of the ledger that has begun."""
    begun = LedgerWriter(sink, "test", writer, "d" * 64, HandClock(NOW))
    begun.write(IN_FORCE, {"number": 7, "digest": "d" * 64})
    return begun


def unit(*values: float) -> Float32:
    """A unit vector (8,) float32 in the direction of `values`, filled up with zeros."""
    vector = np.zeros(DIMENSION)
    vector[: len(values)] = values
    found: Float32 = (vector / np.linalg.norm(vector)).astype(np.float32)
    return found


def random_units(seed: int, n: int, dimension: int = DIMENSION) -> Float32:
    """Unit vectors (n, dimension) float32."""
    rows = np.random.default_rng(seed).normal(size=(n, dimension))
    found: Float32 = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found


def entry(ref: str, *vectors: Float32, **changes: Any) -> Entry:
    """An entry of the list `sought` that ends tomorrow."""
    fields: dict[str, Any] = {"watchlist": "sought", "not_after": TOMORROW, "contract": CONTRACT, "digest": "e" * 64}
    return Entry(ref=ref, vectors=np.stack(vectors or (unit(1),)), **{**fields, **changes})


def entry_record(ref: str, *vectors: Float32, **changes: Any) -> EntryRecord:
    """An entry as it stands in the topic, for vectors of any length, a photo for each."""
    rows = np.stack(vectors or (unit(1),))
    contract = changes.get("contract", replace(EMBEDDING, dimension=rows.shape[1]))
    of_entry = {name: changes.pop(name) for name in ("watchlist", "not_after") if name in changes}
    taken = date(2026, 1, 5)
    fields: dict[str, Any] = {
        "entry": entry(ref, *rows, contract=contract.digest, **of_entry),
        "category": "missing",
        "necessity": "not seen since Friday",
        "approver": "inspector 7",
        "minor": None,
        "photos": [Photo(f"{number:064x}", "given by the family", taken, b"sealed") for number in range(len(rows))],
        "contract": contract,
        "enrolled_at": NOW,
    }
    return EntryRecord(**{**fields, **changes})


def hit(name: str = "anna", cosine: float = 0.9, watchlist: str = "sought") -> Hit:
    """A hit of shard 0 of 1."""
    return Hit(name, "e" * 64, watchlist, cosine, Generation(0, 1, 3, "f" * 64))


def record(value: bytes, offset: int = 0, partition: int = 0, **changes: Any) -> Record:
    """A frame of camera `gate` captured now."""
    fields: dict[str, Any] = {"key": b"gate", "headers": {}, "timestamp_ms": int(NOW.timestamp() * 1000)}
    return Record(ref=FrameRef("frames", partition, offset), value=value, **{**fields, **changes})


PEOPLE = {"anna": unit(1), "bert": unit(0, 1), "cleo": unit(0, 0, 1), "stranger": unit(0, 0, 0, 1), "half": unit(1, 1)}
"""Vectors of who may be seen: the first three are on the list, `half` lies between two of them (cosine 0.707)."""


def origin_of(faces: Faces) -> Origin:
    """What these faces might have been cut from, black."""
    return Origin(faces, (480, 640), np.zeros((len(faces), 112, 112, 3), np.uint8))


class FakeVision:
    """Understands frames that say what they show: names of PEOPLE, `blurred` faces; anything else is no picture.

    Faces stand side by side, 100 px apart, in the order given; each `embed` adds what it saw to `vectors`.
    """

    provider = "FakeExecutionProvider"

    def see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
        """See `Vision.see`."""
        return [self._see(jpeg.decode(errors="replace").split()) for jpeg in jpegs]

    def check(self) -> None:
        """See `Vision.check`."""

    def adopt(self, detect: DetectSettings, quality: QualitySettings) -> None:
        """See `Vision.adopt`; nothing here is gated by it."""

    def join(self, seen: Sequence[Seen]) -> Float32:
        """See `Vision.join`."""
        return np.concatenate([np.zeros((0, DIMENSION), np.float32), *(one.vectors for one in seen)])

    def _see(self, words: list[str]) -> Seen | FrameRefused:
        if not set(words) <= {*PEOPLE, "blurred", "empty"}:
            return FrameRefused(FrameReason.NOT_JPEG, "no picture")
        n, shown = len(words), [at for at, word in enumerate(words) if word in PEOPLE]
        boxes = np.array([[100 * at, 10, 100 * at + 80, 90] for at in range(n)], np.float32).reshape(n, 4)
        found = Faces(boxes, np.full(n, 0.9, np.float32), np.zeros((n, 5, 2), np.float32))
        numbers = np.array(shown, np.intp)
        vectors = np.array([PEOPLE[words[at]] for at in shown], np.float32).reshape(len(shown), DIMENSION)
        gated = Counter({"blurred": words.count("blurred")}) if "blurred" in words else Counter[str]()
        origin = Origin(found, (480, 640), np.zeros((len(shown), 112, 112, 3), np.uint8))
        return Seen(found.take(numbers), numbers, vectors, gated, origin)

    def context(self, jpeg: bytes, seen: Seen, face: int) -> bytes:
        """See `Vision.context`."""
        return b"context of a face"


class FakeIndex:
    """A real watchlist with the exact back end, on a clock that stands; silent for its first `silent` searches."""

    def __init__(self, entries: Sequence[Entry] = (), silent: int = 0) -> None:
        self.watchlist = Watchlist(0, 1, CONTRACT, exact_backend())
        for offset, one in enumerate(entries or [entry(name, PEOPLE[name]) for name in ("anna", "bert", "cleo")]):
            self.watchlist.apply(0, offset, one.ref, one)
        self.silent = silent
        self.searches = 0
        self.asked: tuple[int, float] | None = None

    def search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        """See `ports.Index`."""
        self.searches, self.asked = self.searches + 1, (k, at_least)
        if self.searches <= self.silent:
            raise IndexIncomplete("shard 1 of 2 does not answer")
        return self.watchlist.generation().search(vectors, k, at_least, NOW)


@dataclass(slots=True)
class Lane:
    """A pipeline with everything around it within reach."""

    source: MemorySource = field(default_factory=MemorySource)
    alerts: MemorySink = field(default_factory=MemorySink)
    dead_letters: MemorySink = field(default_factory=MemorySink)
    ledger: MemorySink = field(default_factory=MemorySink)
    evidence: MemorySink = field(default_factory=MemorySink)
    clock: HandClock = field(default_factory=lambda: HandClock(NOW))
    index: FakeIndex = field(default_factory=FakeIndex)
    account: Account = field(default_factory=Account)
    policy: Policy = field(default_factory=policy)
    poll_records: int = 8
    stopping: bool = False
    vision: FakeVision = field(default_factory=FakeVision)
    in_hand: InHand = field(default_factory=InHand)
    halting: Halting = nothing_halts
    journal: Journal | None = None

    def pipeline(self) -> Pipeline:
        """A pipeline that starts anew."""
        return Pipeline(
            self.source,
            Outlets(self.alerts, self.dead_letters, chain(self.ledger), EvidenceSink(self.evidence, EVIDENCE_KEY)),
            cast("Vision", self.vision),
            self.index,
            PolicyInForce(self.policy, b"{}"),
            context(),
            self.clock,
            self.account,
            self.poll_records,
            lambda: self.stopping,
            in_hand=self.in_hand,
            halting=self.halting,
            journal=self.journal,
        )

    def run(self, records: Sequence[Record]) -> Pipeline:
        """Feed these records to a new pipeline until all is committed."""
        self.source.records.extend(records)
        pipeline = self.pipeline()
        while pipeline.step(0):
            pass
        pipeline.drain()
        return pipeline


def intervals(lane: Lane) -> list[ShedInterval]:
    """What the ledger says of frames that were shed, as far as it was acknowledged."""
    found = [parse_shed(message.value) for message in lane.ledger.messages if message.acknowledged]
    return [each for each in found if each is not None]


def shed_in_ledger(lane: Lane) -> Counter[str]:
    """Frames shed by reason, in the ledger."""
    counts = Counter[str]()
    for each in intervals(lane):
        counts[each.reason] += each.frames
    return counts


def outcomes(account: Account) -> Mapping[tuple[str, str], int]:
    """Frames by outcome and reason."""
    return dict(account.frames_out)


ALERT_SCHEMA: dict[str, Any] = json.loads(files("cluster.schemas").joinpath("alert.schema.json").read_text())


def alert_schema() -> Draft202012Validator:
    """Checks alerts against the schema that is shipped."""
    return Draft202012Validator(ALERT_SCHEMA)


class Room(threading.Condition):
    """Tells when somebody is about to wait in it: whoever is told so and then takes its lock knows that one waits."""

    def __init__(self) -> None:
        super().__init__()
        self.is_waited_in = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        """As ever."""
        self.is_waited_in.set()
        return super().wait(timeout)
