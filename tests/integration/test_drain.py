"""Recognisers that go out of work in order: drained, started anew, terminated. Who passes meanwhile alerts, once.

That one has left the group at once is seen where its process has ended: whoever dies without a word is a member for
another 10 s.
"""

import os
import subprocess

import psutil
import pytest

from tests.integration.passing import await_end, members, of, passing_by, supervisors, work
from tests.running import Running

pytestmark = pytest.mark.integration


def test_what_is_drained_is_out_of_work_until_it_is_brought_back(running: Running) -> None:
    """Its process has ended, the other has all partitions, `up` leaves it so, and `--undo` does not."""
    victim = psutil.Process(running.heard()[1]["status"]["pid"])
    seeds = range(100, 180)
    running.enrol(of(seeds))
    with passing_by(running, seeds):
        drain(running, "recogniser-1")
        await_end(victim)
        assert [name for name, _ in members(running)] == ["recogniser-0"]
        for command in ("status", "up"):
            running.run.beholden(command, "-f", str(running.run.file))
            running.wait(lambda: work(running) == [("watching", 8), ("drained", 0)], "the other has all partitions")
        drain(running, "--undo")
    running.wait(lambda: work(running) == [("watching", 4), ("watching", 4)], "both have their share")


def test_the_last_one_at_work_is_not_drained(running: Running) -> None:
    """Neither by name nor with its machine; the command says what to do instead."""
    node = running.heard()[0]["status"]["node"]
    for whom in (["recogniser-0", "recogniser-1"], ["--node", node]):
        with pytest.raises(subprocess.CalledProcessError):
            drain(running, *whom)
        assert "drained" not in states(running)
    running.wait(lambda: states(running) == ["watching", "watching"], "both watch")


def test_a_supervisor_that_is_lost_knows_who_was_drained(running: Running) -> None:
    """Ray makes it anew with nothing but its plan."""
    drain(running, "recogniser-0")
    supervisor = supervisor_of(running)
    supervisor.kill()
    await_end(supervisor)
    running.wait(lambda: states(running) == ["drained", "watching"], "it is shown as drained")
    drain(running, "--undo", "recogniser-0")
    running.wait(lambda: states(running) == ["watching", "watching"], "both watch")


def test_all_are_started_anew_one_after_the_other(running: Running) -> None:
    """Each is another process, and nobody who passes is missed or told of twice."""
    before = {lane["status"]["pid"] for lane in running.heard()}
    seeds = range(200, 280)
    running.enrol(of(seeds))
    with passing_by(running, seeds):
        running.run.beholden("restart", "-f", str(running.run.file))
    assert not before & {lane["status"]["pid"] for lane in running.heard()}
    running.wait(lambda: states(running) == ["watching", "watching"], "both watch")


def test_a_terminated_recogniser_leaves_in_order_and_comes_back(running: Running) -> None:
    """SIGTERM to its process, from whomever."""
    victim = psutil.Process(running.heard()[0]["status"]["pid"])
    seeds = range(300, 380)
    running.enrol(of(seeds))
    with passing_by(running, seeds):
        before = {member for name, member in members(running) if name == "recogniser-0"}
        assert len(before) == 1
        victim.terminate()
        await_end(victim)
        assert not before & {member for _, member in members(running)}
    running.wait(lambda: states(running) == ["watching", "watching"], "it is back")


def drain(running: Running, *arguments: str) -> str:
    """Call the command."""
    return running.run.beholden("drain", "-f", str(running.run.file), *arguments)


def states(running: Running) -> list[str]:
    """Of recognisers, by number; none while the supervisor is not there."""
    try:
        return [lane["state"] for lane in running.lanes()]
    except LookupError:
        return []


def supervisor_of(running: Running) -> psutil.Process:
    """The supervisor's process, of all on this machine the one in a session with a recogniser of this cluster."""
    session = os.getsid(next(lane["status"]["pid"] for lane in running.lanes() if lane["status"]))
    [supervisor] = [process for leader, process in supervisors() if leader == session]
    return supervisor
