"""How a running cluster is, and the wait until all is as it should be."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cluster import ray_driver, ray_local  # the first before anything else imports Ray
from cluster.actors import find_actor
from cluster.plan import Plan
from cluster.recogniser_status import LEAVE_S, Departure
from cluster.settings import ClusterSettings
from cluster.status import ClusterStatus
from cluster.supervisor import SUPERVISOR, members_there
from operators.errors import DeploymentFailed

READY_TIMEOUT_S = 120.0


def status(settings: ClusterSettings) -> ClusterStatus:
    """The cluster as it is, whatever its files say by now.

    Raises:
        DeploymentFailed: It does not run.
    """
    with ray_driver.connected(settings):
        return status_of_connected(settings.cluster)


@contextmanager
def at_work(settings: ClusterSettings) -> Iterator[Any]:
    """The supervisor of a running cluster, for a command that changes it; no other can meanwhile.

    Raises:
        DeploymentFailed: It does not run.
    """
    with ray_local.locked_cluster(settings.cluster), ray_driver.connected(settings):
        yield _supervisor(settings.cluster)


def status_of_connected(cluster: str) -> ClusterStatus:
    """The same, for a process that is `connected` already.

    Raises:
        DeploymentFailed: It does not run.
    """
    supervisor = _supervisor(cluster)
    return _status(supervisor, ray_driver.answer(supervisor.plan.remote()))


def status_if_led(cluster: str) -> ClusterStatus | None:
    """The same; None while there is no supervisor.

    Raises:
        DeploymentFailed: It does not answer.
    """
    with ray_driver.answering(cluster):
        return status_of_connected(cluster) if find_actor(SUPERVISOR) is not None else None


def _status(supervisor: Any, plan: Plan) -> ClusterStatus:
    asked = (supervisor.status.remote(), supervisor.policy.remote(), supervisor.ledger.remote())
    return ClusterStatus(plan, *map(ray_driver.answer, asked))


def _supervisor(cluster: str) -> Any:
    supervisor = find_actor(SUPERVISOR)
    if supervisor is None:
        raise DeploymentFailed(_without_supervisor(cluster, members_there()))
    return supervisor


def _without_supervisor(cluster: str, names: Sequence[str]) -> str:
    """What is to be said of a cluster without a supervisor: it may watch nevertheless."""
    if not names:
        return f"cluster {cluster} does not run: 'beholden up' starts it"
    return (
        f"the supervisor of cluster {cluster} is missing, so nobody replaces what fails; these go on without it: "
        f"{', '.join(names)}; 'beholden up' starts it anew, 'beholden down' ends them"
    )


def start_anew(recogniser: str) -> Departure:
    """Let one recogniser finish and leave, for Ray to start it anew; how it left.

    Raises:
        DeploymentFailed: It is not there.
        RayError: It does not answer.
    """
    actor = find_actor(recogniser)
    if actor is None:
        raise DeploymentFailed(f"{recogniser} is not there any more: 'beholden status' shows who is")
    departure: Departure = ray_driver.answer(actor.leave.remote(LEAVE_S))
    return departure


def wait_until_ready(
    plan: Plan,
    supervisor: Any,
    progress: Callable[[str], None],
    also: Callable[[ClusterStatus], bool] = lambda _: True,
) -> ClusterStatus:
    """Wait until all is as it should be.

    Args:
        plan: What was asked for.
        supervisor: Says how it is.
        progress: Is told of every actor's state.
        also: What must be true besides.

    Raises:
        DeploymentFailed: Something has failed, or it takes too long.
    """
    deadline = time.monotonic() + READY_TIMEOUT_S
    told: dict[str, str] = {}
    while True:
        now = _status(supervisor, plan)
        for member in now.members:
            if told.get(member.name) != member.state:
                progress(f"{member.name}: {member.state}")
        told = {member.name: member.state for member in now.members}
        failed = [f"{member.name}: {member.state}" for member in now.members if member.state.startswith("failed")]
        if failed or time.monotonic() > deadline:
            raise DeploymentFailed("\n".join(failed or _late(now)))
        if now.is_ready and also(now):
            return now
        time.sleep(0.5)


def _late(now: ClusterStatus) -> list[str]:
    """What is to be said of a cluster that is not ready in time."""
    what = f"not ready within {READY_TIMEOUT_S:.0f} s"
    if now.is_dividing:
        what = (
            f"the watchlist is still being divided after {READY_TIMEOUT_S:.0f} s; the old shards are asked meanwhile. "
            "'beholden status' shows how far it is; 'beholden up' with the old numbers takes it back"
        )
    waiting = [f"{member.name}: {member.state}" for member in now.members if not member.is_at_work]
    return [what, *(waiting or ["not every partition has its recogniser yet"])]
