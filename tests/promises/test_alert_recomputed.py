"""Promise 3, its first part: the cosine of an alert can be computed again from the records the alert names."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from cluster.clocks import HandClock
from cluster.keys import new_keys
from cluster.pipeline import Pipeline
from cluster.plan import Plan, open_vision, read_plan
from cluster.privacy.evidence import EvidenceSink
from cluster.results import Outlets
from cluster.watchlists.admission import Origin, Person
from cluster.watchlists.enrol import Picture, enrol
from cluster.wire.entries import parse_entry
from indexes.backends import faiss_backend
from indexes.entry import cosine_of
from indexes.watchlist import Watchlist
from operators.types import Float32
from operators.vision import Seen, Vision
from tests.builders import EVIDENCE_KEY, NOW, Lane, alert_schema, chain, record
from tests.drawn import scene, write_deployment

KEYS = new_keys()


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A deployment of drawn people."""
    path = tmp_path / "cluster.yaml"
    path.write_text(json.dumps({"cluster": "drawn", **write_deployment(tmp_path)}))
    return read_plan(path)


class Found:
    """An index over a watchlist."""

    def __init__(self, watchlist: Watchlist) -> None:
        self._generation = watchlist.generation()

    def search(self, vectors: Float32, k: int, at_least: float) -> Any:
        """See `ports.Index`."""
        return self._generation.search(vectors, k, at_least, NOW)


def _watch(plan: Plan, vision: Vision, records: dict[str, bytes], jpeg: bytes) -> list[dict[str, Any]]:
    """The alerts of one frame, with these records in the watchlist topic."""
    watchlist = Watchlist(0, 1, plan.contract.digest, faiss_backend(1))
    for offset, (ref, value) in enumerate(records.items()):
        watchlist.apply(0, offset, ref, parse_entry(ref.encode(), value).entry)
    lane = Lane()
    lane.source.records.append(record(jpeg, key=b"entrance"))
    pipeline = Pipeline(
        lane.source,
        Outlets(lane.alerts, lane.dead_letters, chain(lane.ledger), EvidenceSink(lane.evidence, EVIDENCE_KEY)),
        vision,
        cast("Any", Found(watchlist)),
        plan.in_force,
        plan.context,
        HandClock(NOW),
        lane.account,
        8,
    )
    pipeline.step(0)
    return [json.loads(message.value) for message in lane.alerts.messages]


def _enrol(plan: Plan, vision: Vision, ref: str, seed: int) -> bytes:
    person = Person(ref, "sought", "missing", "drawn", "the test", NOW + timedelta(days=1))
    picture = Picture(scene([seed], 320, 240), Origin("drawn", NOW.date()))
    return enrol(person, [picture], plan, vision, KEYS, NOW)


def test_every_cosine_of_an_alert_is_computed_again_to_the_bit(plan: Plan) -> None:
    """From the records its digests name and the frame it names, by models opened anew."""
    vision = open_vision(plan)
    records = {f"case-{seed}": _enrol(plan, vision, f"case-{seed}", seed) for seed in range(4)}
    frame = scene([9, 2, 0])
    alerts = _watch(plan, vision, records, frame)
    assert {alert["entry"] for alert in alerts} == {"case-0", "case-2"}

    stored = {hashlib.sha256(value).hexdigest(): value for value in records.values()}
    [seen] = open_vision(plan).see([frame])
    assert isinstance(seen, Seen)
    for alert in alerts:
        alert_schema().validate(alert)
        face = seen.numbers.tolist().index(alert["face"]["number"])
        for candidate in alert["candidates"]:
            entry = parse_entry(candidate["entry"].encode(), stored[candidate["entry_digest"]]).entry
            cosine = max(cosine_of(vector, seen.vectors[face]) for vector in entry.vectors)
            assert cosine == candidate["cosine"] >= alert["threshold"]
        assert alert["cosine"] == alert["candidates"][0]["cosine"]


def test_an_alert_names_the_settings_it_came_from(plan: Plan) -> None:
    """Policy, models and contract by digest; another file would not fit."""
    vision = open_vision(plan)
    [alert] = _watch(plan, vision, {"case-1": _enrol(plan, vision, "case-1", 1)}, scene([1]))
    files = plan.settings.models.files
    assert alert["models"]["detector"] == hashlib.sha256((files / "drawn-detector.onnx").read_bytes()).hexdigest()
    assert alert["models"]["embedder"] == hashlib.sha256((files / "drawn-embedder.onnx").read_bytes()).hexdigest()
    assert alert["models"]["contract"] == plan.contract.digest
    assert alert["policy"] == {"number": plan.in_force.policy.policy, "digest": plan.in_force.digest}
    assert alert["threshold"] == plan.in_force.policy.watchlists["sought"].threshold


def test_another_record_of_the_same_reference_would_be_noticed(plan: Plan) -> None:
    """The positive control: the digest in the alert is that of the record that was searched."""
    vision = open_vision(plan)
    first, second = _enrol(plan, vision, "case", 1), _enrol(plan, vision, "case", 2)
    [alert] = _watch(plan, vision, {"case": first}, scene([1]))
    assert alert["candidates"][0]["entry_digest"] == hashlib.sha256(first).hexdigest()
    assert alert["candidates"][0]["entry_digest"] != hashlib.sha256(second).hexdigest()
