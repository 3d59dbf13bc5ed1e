"""A list from its beginning to the question that is asked years later, by the commands of an operator."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from cluster.broker.control import running_broker
from cluster.cli import beholden
from cluster.kafka.producer import write_one
from cluster.kafka.topics import WATCHLIST
from cluster.keys import make_keys
from cluster.plan import read_plan
from cluster.wire.text import format_time
from operators.errors import EnrolmentRefused
from tests.drawn import scene, write_deployment

pytestmark = pytest.mark.integration

ABOUT = ("--source", "given by the family", "--captured-on", "2026-01-05", "--category", "missing")
WHY = ("--necessity", "not seen since Friday", "--approver", "inspector 7")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster file with a broker; images of drawn people beside it."""
    folder: Path = tmp_path_factory.mktemp("deployment")
    with running_broker(folder / "broker") as bootstrap:
        file = folder / "cluster.yaml"
        own = {"cluster": "commands", "kafka": {"bootstrap": bootstrap}, "keys": "keys"}
        file.write_text(yaml.safe_dump({**write_deployment(folder), **own}, allow_unicode=True))
        for seed in range(6):
            (folder / f"{seed}.jpg").write_bytes(scene([seed], 320, 240))
        (folder / "two.jpg").write_bytes(scene([1, 2], 320, 240))
        yield file


def _run(file: Path, command: str, *arguments: str) -> Result:
    done = CliRunner().invoke(beholden, ["watchlist", command, "-f", str(file), *arguments], env={"COLUMNS": "200"})
    if isinstance(done.exception, EnrolmentRefused):
        raise done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def _enrol(file: Path, ref: str, *images: str) -> Result:
    files = [part for image in images for part in ("--image", str(file.parent / image))]
    return _run(file, "enrol", "--entry", ref, "--list", "sought", "--not-after", "2d", *files, *ABOUT, *WHY)


def test_a_list_is_begun_filled_shown_emptied_and_remembered(file: Path, tmp_path: Path) -> None:
    """Every command once, in the order of a deployment."""
    assert "made the deployment's keys" in _run(file, "create", "--list", "sought", "--by", "inspector 7").output
    assert "made" not in _run(file, "create", "--list", "sought", "--by", "inspector 7").output

    assert "enrolled case-0 on sought" in _enrol(file, "case-0", "0.jpg").output
    twice = _enrol(file, "case-0-again", "0.jpg", "1.jpg")
    assert "in the place of" not in twice.output
    assert "1 pair of entries" in twice.output
    assert "case-0-again" in twice.output

    with (file.parent / "people.csv").open("w", newline="") as opened:
        writer = csv.writer(opened)
        head = "image,source,captured_on,entry,list,category,necessity,approver,not_after"
        writer.writerow(head.split(","))
        end = format_time(datetime.now(UTC) + timedelta(days=3))
        for ref, image in (("case-2", "2.jpg"), ("case-3", "3.jpg"), ("case-4", "two.jpg")):
            writer.writerow([image, "a passport", "2026-01-05", ref, "sought", "missing", "why", "inspector 7", end])
    table, report = ("--csv", str(file.parent / "people.csv")), tmp_path / "refused.csv"
    first = _run(file, "import", *table, "--report", str(report))
    assert first.exit_code == 1
    assert "enrolled 2, were there 0, refused 1" in first.output
    assert report.read_text().splitlines()[1].startswith("4,case-4,several_faces,")
    assert "enrolled 0, were there 2, refused 1" in _run(file, "import", *table).output

    listed = json.loads(_run(file, "list", "--json").stdout)
    assert {each["entry"] for each in listed} == {"case-0", "case-0-again", "case-2", "case-3"}
    assert "not seen since Friday" in _run(file, "show", "--entry", "case-0").output
    assert "inspector 7" in _run(file, "list", "--list", "sought").output
    verified = _run(file, "verify")
    assert verified.exit_code == 0
    assert "4 entries, 6 changes in the ledger, 0 findings" in verified.output

    before = format_time(datetime.now(UTC))
    assert (
        "withdrew case-0 from sought"
        in _run(file, "withdraw", "--entry", "case-0", "--why", "found", "--by", "operator 3").output
    )
    after = format_time(datetime.now(UTC))
    wrong = _run(file, "withdraw", "--entry", "case-O", "--why", "found", "--by", "operator 3")
    assert wrong.exit_code == 1
    assert "was on no list" in wrong.output
    assert _run(file, "show", "--entry", "case-0").exit_code != 0
    assert _run(file, "history", "--entry", "case-0", "--at", before).output.startswith("yes")
    assert _run(file, "history", "--entry", "case-0", "--at", after).output.startswith("no")
    assert "found" in _run(file, "history", "--entry", "case-0").output
    assert json.loads(_run(file, "history", "--entry", "nobody", "--json").output) == {"listed": False, "stays": []}


def test_what_is_amiss_is_found(file: Path) -> None:
    """A record that went past the desk, by name; the exit status says so too."""
    kafka = read_plan(file).settings.kafka
    write_one(kafka, WATCHLIST, "intruder", b"{}")
    done = _run(file, "verify", "--no-compare")
    assert done.exit_code == 1
    assert "intruder" in done.output
    write_one(kafka, WATCHLIST, "intruder", b"")
    assert _run(file, "verify", "--no-compare").exit_code == 0


def test_a_full_list_takes_nobody_more(file: Path) -> None:
    """Neither one by one nor from a table, which says beforehand how many fit; whoever is there stays."""
    policy = file.parent / "policy.yaml"
    before = policy.read_text()
    there = {each["entry"] for each in json.loads(_run(file, "list", "--json").stdout)}
    document = yaml.safe_load(before)
    document["watchlists"]["sought"]["most_entries"] = len(there)
    policy.write_text(yaml.safe_dump(document, allow_unicode=True))
    with pytest.raises(EnrolmentRefused, match=f"list_full: sought has {len(there)} entries"):
        _enrol(file, "one-more", "5.jpg")
    again = _enrol(file, "case-2", "2.jpg").output
    assert "enrolled case-2 on sought" in again
    assert "in the place of the entry that was there" in again
    table = file.parent / "more.csv"
    table.write_text((file.parent / "people.csv").read_text().replace("case-3", "case-5"))
    done = _run(file, "import", "--csv", str(table), "--no-compare")
    assert done.exit_code == 1
    assert f"sought: 2 people are to come, and 0 fit: the policy allows {len(there)} entries" in done.output
    assert "list_full" in done.output
    assert {each["entry"] for each in json.loads(_run(file, "list", "--json").stdout)} == there
    assert _run(file, "verify", "--no-compare").exit_code == 0
    document["watchlists"]["sought"]["most_entries"] -= 1
    policy.write_text(yaml.safe_dump(document, allow_unicode=True))
    assert "too long" in _run(file, "verify", "--no-compare").output
    policy.write_text(before)


def test_a_deployment_does_not_begin_anew_with_other_keys(file: Path, tmp_path: Path) -> None:
    """Nobody could tell any more who had been listed: the command says which folder is missing."""
    elsewhere = yaml.safe_load(file.read_text()) | {"keys": str(tmp_path / "keys")}
    other = file.parent / "other.yaml"
    other.write_text(yaml.safe_dump(elsewhere, allow_unicode=True))
    create = ["watchlist", "create", "-f", str(other), "--list", "sought", "--by", "x"]
    assert "copy its folder of keys" in str(CliRunner().invoke(beholden, create).exception)
    make_keys(tmp_path / "keys")
    assert "other keys" in str(CliRunner().invoke(beholden, create).exception)
    assert "not known" in _run(other, "history", "--entry", "case-2").output


def test_entries_that_have_ended_are_removed(file: Path) -> None:
    """From the topic; the ledger keeps that they were there."""
    picture = ("--image", str(file.parent / "5.jpg"))
    for seconds in (5, 60):  # longer where to enrol takes longer: whoever has ended by then is not enrolled
        soon = format_time(datetime.now(UTC) + timedelta(seconds=seconds))
        done = _run(file, "enrol", "--entry", "short", "--list", "sought", "--not-after", soon, *picture, *ABOUT, *WHY)
        if not done.exit_code:
            break
    assert "enrolled short on sought" in done.output
    ends = datetime.fromisoformat(soon)
    while "removed 0 ended" in (said := _run(file, "expire", "--by", "operator 3").output):
        assert datetime.now(UTC) < ends + timedelta(minutes=1)
    assert "removed 1 ended" in said
    assert datetime.now(UTC) >= ends
    assert "expired" in _run(file, "history", "--entry", "short").output
    assert _run(file, "verify", "--no-compare").exit_code == 0
