"""Bring a cluster up and look at it until told to end: what `beholden up --stay` does. The cluster goes on then."""

import time
from collections.abc import Callable, Mapping
from threading import Event

from cluster import ray_driver
from cluster.actors import was_taken_down
from cluster.asking import status_if_led
from cluster.deploy import bring_up
from cluster.plan import Plan
from cluster.settings import ClusterSettings
from cluster.status import ClusterStatus
from operators.errors import BeholdenError, DeploymentFailed

LOOK_S = 2.0
RETRY_S = 5.0
PATIENCE_S = 600.0  # Kafka and Ray may be started by the same order as this process, and their images be fetched first
TAKEN_DOWN = "taken down by 'beholden down': 'beholden up' brings it up, and nothing else does"

Say = Callable[[str], None]
Note = Callable[[bool, str], None]
"""Takes whether all is as it should be, and what is to be said of that."""


def stay(read: Callable[[], Plan], say: Say, note: Note, stopping: Event) -> None:
    """Bring a cluster up, and whenever its supervisor is missing start one anew, until told to end.

    Args:
        read: Gives what is to run, as its files say at that moment.
        say: Is told of every change.
        note: Is told at each look.
        stopping: Set when it is to end.

    Raises:
        BeholdenError: As `deploy.up`, when the files cannot be followed, or somebody who is needed has not come for
            `PATIENCE_S`. What runs goes on.
    """
    while not stopping.is_set():
        _patiently(lambda: bring_up(read(), say), say, note, stopping)
        if not stopping.is_set():
            settings = read().settings
            try:
                with ray_driver.connected(settings):
                    _look_after(settings, say, note, stopping)
            except DeploymentFailed as gone:  # bringing it up shows whether time mends that
                _wait(str(gone), say, note, stopping)


def _patiently(act: Callable[[], None], say: Say, note: Note, stopping: Event) -> None:
    """Try until it is done; whoever does not answer may still be starting."""
    deadline_s, said = time.monotonic() + PATIENCE_S, ""
    while not stopping.is_set():
        try:
            act()
        except BeholdenError as error:
            if not error.retriable or time.monotonic() > deadline_s:
                raise
            _wait(str(error), say if str(error) != said else lambda _: None, note, stopping)
            said = str(error)
        else:
            return


def _wait(why: str, say: Say, note: Note, stopping: Event) -> None:
    note(False, why)
    say(f"waits: {why}")
    stopping.wait(RETRY_S)


def _look_after(settings: ClusterSettings, say: Say, note: Note, stopping: Event) -> None:
    """Tell of every change, until told to end or nobody leads the cluster any more."""
    before: Mapping[str, str] = {}
    while not stopping.is_set():
        try:
            found = status_if_led(settings.cluster)
            if found is None and not _is_left_down(settings):
                return
        except DeploymentFailed as silent:
            now, is_ready = {**before, settings.cluster: str(silent).partition("\n")[0]}, False
        else:
            now, is_ready = (shown(found), found.is_ready) if found else ({settings.cluster: TAKEN_DOWN}, False)
        for line in changes(before, now):
            say(line)
        before = now
        note(is_ready, now[settings.cluster])
        stopping.wait(LOOK_S)


def _is_left_down(settings: ClusterSettings) -> bool:
    with ray_driver.answering(settings.cluster):
        return was_taken_down()


def shown(found: ClusterStatus) -> dict[str, str]:
    """What is said of each part of a cluster, and last of the whole."""
    policy = found.policy
    said = {member.name: member.state for member in found.members}
    said |= {"policy": "not known"} if policy is None else {"policy": f"{policy.number} ({policy.digest[:8]})"}
    if policy and policy.halted:
        said["policy"] += f": nothing is looked at: {policy.halted}"
    said |= {f"alarm: {alarm}": "since now" for alarm in (policy.alarms if policy else ())}
    return {**said, found.plan.settings.cluster: "ready" if found.is_ready else "not ready"}


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """A line for all that is said otherwise than before, or no more."""
    gone = [f"{name}: no more" for name in before if name not in now]
    return gone + [f"{name}: {text}" for name, text in now.items() if before.get(name) != text]
