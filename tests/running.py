"""A running cluster with hands to work it, for integration tests."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import yaml

from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka_io import ALERTS, DEAD_LETTERS, TopicReader
from cluster.keys import read_keys
from cluster.plan import Plan, open_vision
from cluster.policies.desk import put_in_force
from cluster.ports import Record
from cluster.watchlists.admission import Origin
from cluster.watchlists.desk import create_list, open_desk
from cluster.watchlists.enrol import Picture, enrol
from loadtests.sought import listing
from loadtests.temporary import Temporary
from operators.vision import Vision
from tests.drawn import scene

WAIT_S = 40.0


@dataclass(frozen=True, slots=True)
class Running:
    """A running cluster with hands to work it."""

    run: Temporary
    plan: Plan
    vision: Vision

    @classmethod
    def begin(cls, run: Temporary, plan: Plan) -> "Running":
        """With topics, keys, its policy in force and an empty list."""
        put_in_force(plan)
        create_list(plan, "sought", "the test")
        return cls(run, plan, open_vision(plan))

    def enrol(self, seeds: Mapping[str, int]) -> None:
        """Put drawn people on the list, by reference and seed, and wait until running shards search them."""
        entries = self.entries()
        self.write({ref: self.record(ref, seed) for ref, seed in seeds.items()})
        if entries is not None:
            self.wait(lambda: self.entries() == entries + len(seeds), f"{len(seeds)} more entries than {entries}")

    def withdraw(self, ref: str) -> None:
        """Take one person off the list as an operator does, and wait until running shards have done so."""
        entries = self.entries()
        why = ("--why", "not_sought", "--by", "the test")
        self.run.beholden("watchlist", "withdraw", "-f", str(self.run.file), "--entry", ref, *why)
        if entries is not None:
            self.wait(lambda: self.entries() == entries - 1, f"one entry less than {entries}")

    def entries(self) -> int | None:
        """How many entries every replica of the shards searches; None while no cluster runs."""
        try:
            members = self.run.status()
        except subprocess.CalledProcessError:
            return None
        fewest: dict[str, int] = {}
        for member in members:
            if "entries" in (member["status"] or {}):
                shard = member["name"].rsplit("-", 1)[0]
                fewest[shard] = min(member["status"]["entries"], fewest.get(shard, member["status"]["entries"]))
        return sum(fewest.values())

    def divide(self, shards: int, replicas: int) -> None:
        """Divide the watchlist as an operator does, unless it is divided so: another number in the file, then `up`."""
        content = yaml.safe_load(self.run.file.read_text())
        if content["index"].get("shards") == shards and content["index"].get("replicas", 1) == replicas:
            return
        content["index"] |= {"shards": shards, "replicas": replicas}
        self.run.file.write_text(yaml.safe_dump(content, allow_unicode=True))
        self.run.beholden("up", "-f", str(self.run.file))

    def shards(self) -> dict[str, dict[str, Any]]:
        """Every index shard there is, by name."""
        return {member["name"]: member for member in self.run.status() if member["name"].startswith("shard")}

    def lanes(self) -> list[dict[str, Any]]:
        """Every recogniser."""
        return [member for member in self.run.status() if member["name"].startswith("recogniser")]

    def publish(self, frames: Sequence[tuple[str, bytes]], seq: int = 0) -> None:
        """Publish frames of cameras and wait until the broker has them."""
        with closing(KafkaFramePublisher(self.plan.settings.kafka)) as publisher:
            for at, (camera, jpeg) in enumerate(frames):
                publisher.publish(camera, jpeg, datetime.now(UTC), "test", seq + at)

    def read(self, topic: str, enough: Callable[[list[Record]], bool]) -> list[Record]:
        """Everything in a topic, once it is enough."""
        records: list[Record] = []
        deadline = time.monotonic() + WAIT_S
        with closing(TopicReader(self.plan.settings.kafka, topic, 0, 1, from_beginning=True)) as reader:
            while not enough(records):
                assert time.monotonic() < deadline, f"{topic}: only {[record.value[:300] for record in records]}"
                records += reader.poll(0.2)
        return records

    def alerts(self, of: set[str]) -> dict[str, list[dict[str, Any]]]:
        """Alerts of these entries, by entry, once each of them has one."""
        records = self.read(ALERTS, lambda found: of <= {json.loads(record.value)["entry"] for record in found})
        by_entry: dict[str, list[dict[str, Any]]] = {}
        for record in records:
            alert = json.loads(record.value)
            by_entry.setdefault(alert["entry"], []).append(alert)
        return {entry: by_entry[entry] for entry in of}

    def dead_letters(self, count: int) -> list[dict[str, Any]]:
        """The dead letters, once there are `count`."""
        return [json.loads(record.value) for record in self.read(DEAD_LETTERS, lambda found: len(found) >= count)]

    def accounts(self) -> list[dict[str, Any]]:
        """Where every frame went, recogniser by recogniser."""
        return [m["status"]["account"] for m in self.run.status() if "account" in (m["status"] or {})]

    def wait(self, until: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
        """Wait for something to become true."""
        deadline = time.monotonic() + timeout_s
        while not until():
            assert time.monotonic() < deadline, what
            time.sleep(0.3)

    def record(self, ref: str, seed: int) -> bytes:
        """The watchlist record of one drawn person."""
        now = datetime.now(UTC)
        picture = Picture(scene([seed]), Origin("drawn by the test", now.date()))
        keys = read_keys(self.plan.settings.key_folder)
        return enrol(listing(ref, self.plan, now), [picture], self.plan, self.vision, keys, now)

    def write(self, records: Mapping[str, bytes]) -> None:
        """Write to the watchlist topic and to the ledger."""
        with open_desk(self.plan) as desk:
            desk.put(records)
