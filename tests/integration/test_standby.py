"""One recogniser at work and one that stands by, on one real cluster."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cluster.recogniser_status import STANDING_BY
from tests.drawn import write_deployment
from tests.integration.passing import await_end, members, of, passing_by, work
from tests.running import Running, prepared

pytestmark = pytest.mark.integration

AT_REST = [("watching", 8), (STANDING_BY, 0)]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Running]:
    """The second one is in no group."""
    recognisers = {"count": 1, "standby": 1, "threads": 1}
    with prepared({**write_deployment(tmp_path), "recognisers": recognisers, "index": {}}) as running:
        running.up()
        yield running


def test_one_that_stands_by_works_while_the_other_is_away(pair: Running) -> None:
    """Killed without a word: everyone who passes alerts, once, and in the end the first one has all partitions again.

    To drain that one would leave nobody: who stands by is not called for what a person has asked for.
    """
    assert work(pair) == AT_REST
    assert [name for name, _ in members(pair)] == ["recogniser-0"]
    with pytest.raises(subprocess.CalledProcessError):
        pair.run.beholden("drain", "-f", str(pair.run.file), "recogniser-0")
    victim = psutil.Process(pair.heard()[0]["status"]["pid"])
    seeds = range(100, 180)
    pair.enrol(of(seeds))
    with passing_by(pair, seeds):
        victim.kill()
        await_end(victim)
        pair.wait(lambda: looked_at(pair, "recogniser-1") > 0, "the other one looks at frames")
        pair.wait(lambda: work(pair) == AT_REST, "all is as before")
    assert [name for name, _ in members(pair)] == ["recogniser-0"]


def looked_at(running: Running, name: str) -> int:
    """Frames that a recogniser has taken in."""
    statuses = (lane["status"] for lane in running.lanes() if lane["name"] == name)
    return sum(int(status["account"]["frames_in"]) for status in statuses if status)
