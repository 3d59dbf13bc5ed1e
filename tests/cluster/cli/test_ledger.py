"""`beholden ledger`, over topics in memory."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cluster.cli.ledger import ledger as command
from cluster.kafka.topics import LEDGER, LEDGER_HEADS
from cluster.ledger.checkpoint_key import make_checkpoint_key, read_checkpoint_key
from cluster.ledger.checkpoints import Checkpointer
from cluster.ports import Record
from cluster.watchlists import register
from cluster.wire.checkpoints import encode_anchor, key_text
from cluster.wire.ledger import parse_record
from operators.types import FrameRef
from tests.builders import NOW, RETENTION
from tests.drawn import write_deployment
from tests.ledgers import PUBLIC, Ledger


class World:
    """A cluster file, and what stands in its Kafka."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.keys = folder / "keys"
        self.file = folder / "cluster.yaml"
        own = {"cluster": "drawn", "keys": "keys", "ledger": {"anchor_file": "anchors"}}
        self.file.write_text(yaml.safe_dump({**write_deployment(folder), **own}, allow_unicode=True))
        make_checkpoint_key(self.keys)
        self.ledger = Ledger(checkpointer=Checkpointer("drawn", read_checkpoint_key(self.keys)))
        for name in ("a", "b", "a"):
            self.ledger.write(name)
            self.ledger.checkpoint()
        self.values = self.ledger.values
        monkeypatch.setattr(register, "read_topic", self._read)

    def _read(self, _: Any, topic: str, after: datetime | None = None) -> Iterator[Record]:
        heads = [encode_anchor(each) for each in self.ledger.anchors]
        for offset, value in enumerate({LEDGER: self.values, LEDGER_HEADS: heads}[topic]):
            if topic == LEDGER_HEADS or after is None or parse_record(value).at >= after:
                yield Record(FrameRef(topic, 0, offset), None, value, {}, 0)

    def run(self, *arguments: str) -> Result:
        """One command."""
        return CliRunner().invoke(command, arguments, catch_exceptions=False)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A ledger as it was written."""
    return World(tmp_path, monkeypatch)


def test_a_ledger_as_it_was_written_has_no_faults(world: World) -> None:
    """Counts, speed, and that what was published was compared."""
    done = world.run("verify", "-f", str(world.file))
    assert done.exit_code == 0
    shown = " ".join(done.output.split())
    assert "9 records in 3 chains (3 open), 3 checkpoints, 3 of them as published, 1 records behind" in shown
    assert "as it was written" in done.output
    assert "believed" not in done.output


def test_a_fault_is_shown_with_its_place(world: World) -> None:
    """And the exit status tells a timer."""
    gone = parse_record(world.values.pop(4))
    done = world.run("verify", "-f", str(world.file))
    assert done.exit_code == 1
    assert "missing" in done.output
    assert gone.chain[:8] in done.output
    document = json.loads(world.run("verify", "-f", str(world.file), "--json").output)
    first = document["first_faults"][0]
    assert (first["kind"], first["writer"], first["chain"], first["seq"]) == ("missing", "b", gone.chain, gone.seq)
    assert document["faults"] >= 1


def test_an_export_is_verified_without_a_broker(world: World) -> None:
    """With a key from elsewhere, or believing the first checkpoint's and saying so."""
    file = world.folder / "ledger.jsonl"
    assert "9 records" in world.run("export", "-f", str(world.file), str(file)).output
    world.values.clear()
    key = world.run("key", "-f", str(world.file)).output.strip()
    assert key == key_text(read_checkpoint_key(world.keys).public_key().public_bytes_raw())
    done = world.run("verify", str(file), "--key", key)
    assert (done.exit_code, "as it was written" in done.output, "believed" in done.output) == (0, True, False)
    done = world.run("verify", str(file))
    assert (done.exit_code, "the key of the first checkpoint was believed" in done.output) == (0, True)
    assert world.run("verify", str(file), "--key", key_text(PUBLIC)).exit_code == 1
    again = world.run("export", "-f", str(world.file), str(file))
    assert (again.exit_code, "is there already: name another file" in again.output) == (1, True)


def test_a_tail_that_was_cut_off_shows_where_something_was_published(world: World) -> None:
    """In an export it may have been cut off as well: a file that was kept elsewhere shows it."""
    anchors = world.folder / "elsewhere"
    anchors.write_bytes(b"".join(encode_anchor(each) + b"\n" for each in world.ledger.anchors))
    del world.values[5:]
    del world.ledger.anchors[1:]
    file = world.folder / "ledger.jsonl"
    world.run("export", "-f", str(world.file), str(file))
    assert world.run("verify", str(file)).exit_code == 0
    done = world.run("verify", str(file), "--anchor", str(anchors))
    assert (done.exit_code, "its end was taken off" in " ".join(done.output.split())) == (1, True)
    (world.folder / "anchors").write_bytes(anchors.read_bytes())
    assert world.run("verify", "-f", str(world.file)).exit_code == 1
    world.ledger.anchors.clear()
    (world.folder / "anchors").unlink()
    assert "nothing published was compared" in world.run("verify", "-f", str(world.file)).output


def test_many_faults_are_counted_and_the_first_are_shown(world: World) -> None:
    """Memory does not grow with them."""
    world.values[1:1] = [b"garbage"] * 60
    done = world.run("verify", "-f", str(world.file))
    assert done.exit_code == 1
    assert "and 10 more" in done.output or "and 11 more" in done.output
    assert json.loads(world.run("verify", "-f", str(world.file), "--json").output)["faults"] >= 60


def test_one_ledger_is_verified_at_a_time(world: World) -> None:
    """An export or a cluster's."""
    for arguments in ((), (str(world.file), "-f", str(world.file))):
        done = world.run("verify", *arguments)
        assert done.exit_code == 2
        assert "name an EXPORT" in done.output


def test_records_are_shown_by_time_type_and_writer(world: World) -> None:
    """As they stand, for machines; what cannot be read is told of."""
    world.values.insert(3, b"garbage")
    everything = world.run("show", "-f", str(world.file)).output.splitlines()
    assert len(everything) == 10
    assert everything[3].startswith("3: not a record")
    assert "a " in everything[0]
    assert "chain.begun" in everything[0]
    found = world.run("show", "-f", str(world.file), "--type", "frames.shed", "--writer", "a", "--json").output
    assert [json.loads(line)["writer"] for line in found.splitlines() if line.startswith("{")] == ["a", "a"]
    last = parse_record(world.values[-2])
    del world.values[3]
    shown = world.run("show", "-f", str(world.file), "--since", last.at.isoformat()).output.splitlines()
    assert len(shown) == 2


@pytest.mark.parametrize(("days", "status", "beginning"), [(1, 1, "missing"), (728, 1, "missing"), (730, 0, "expired")])
def test_a_beginning_that_is_deleted_is_a_fault_unless_its_retention_explains_it(
    world: World, monkeypatch: pytest.MonkeyPatch, days: int, status: int, beginning: str
) -> None:
    """The profile of the policy keeps the ledger for 730 days."""
    whole = world._read

    def rest(kafka: Any, topic: str, after: datetime | None = None) -> Iterator[Record]:
        return (record for record in whole(kafka, topic, after) if topic == LEDGER_HEADS or record.ref.offset >= 3)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return NOW + timedelta(days=days)

    monkeypatch.setattr(register, "read_topic", rest)
    monkeypatch.setattr("cluster.cli.ledger.datetime", Clock)
    done = world.run("verify", "-f", str(world.file))
    shown = " ".join(done.output.split())
    assert done.exit_code == status
    assert ("what was before is older than records are kept" in shown) == (beginning == "expired")
    document = json.loads(world.run("verify", "-f", str(world.file), "--json").output)
    assert (document["beginning"], document["faults"]) == (beginning, status)
    assert world.run("verify", "-f", str(world.file), "--keep", "1").exit_code == 0


def test_of_an_export_it_is_to_be_said_how_long_records_are_kept(world: World) -> None:
    """By days or by a profile; without either nothing explains a beginning that is missing."""
    file = world.folder / "ledger.jsonl"
    world.run("export", "-f", str(world.file), str(file))
    lines = file.read_text().splitlines(keepends=True)
    at = next(n for n, line in enumerate(lines) if '"offset": 3' in line)
    file.write_text("".join(line for n, line in enumerate(lines) if n >= at or '"offset"' not in line))
    first = json.loads(world.run("verify", str(file), "--json").output)["first_faults"][0]
    assert (first["kind"], first["offset"]) == ("beginning missing", 3)
    assert "name --keep or --profile" in first["detail"]
    assert world.run("verify", str(file), "--keep", "1").exit_code == 0
    assert world.run("verify", str(file), "--keep", "2").exit_code == 1
    profile = RETENTION / "uk-strict.yaml"
    document = json.loads(world.run("verify", str(file), "--profile", str(profile), "--json").output)
    assert "kept for 730 days" in document["first_faults"][0]["detail"]
    assert world.run("verify", str(file), "--profile", str(profile), "--keep", "1").exit_code == 2
