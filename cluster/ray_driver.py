"""Ray as a command joins it: what is asked of actors, and how the supervisor is made and all are ended.

With `actors.py` all that imports Ray.
"""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cluster import ray_local

IS_TOKEN_NAMED = ray_local.authenticate()  # Ray reads its authentication settings when it is imported

# ruff: noqa: E402
import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError

from cluster.actors import UNTOLD, find_actor
from cluster.cycles import collect_only_what_comes
from cluster.plan import Plan
from cluster.settings import ClusterSettings
from cluster.supervisor import SUPERVISOR, Supervisor, close_members, members_there
from operators.errors import ClusterSilent, DeploymentFailed, RayUnreachable

# Without its head there is no Ray; a supervisor elsewhere may go together with those whose end it should hear of.
ON_HEAD = {"node:__internal_head__": 0.001}
CLOSE_TIMEOUT_S = 30.0
CALL_TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5.0


@contextmanager
def connected(settings: ClusterSettings) -> Iterator[None]:
    """Join the cluster's Ray as a driver, for the length of a block."""
    address = settings.ray
    if address == "local":
        found = ray_local.find_ray(settings.cluster)
        if not found:
            raise DeploymentFailed(f"cluster {settings.cluster} does not run: 'beholden up' starts it")
        address = found.address
    else:
        _refuse_unreachable(address)
        if not IS_TOKEN_NAMED:
            raise RayUnreachable(
                f"Ray at {address} takes nobody without its token: set RAY_AUTH_TOKEN_PATH to the file that it was "
                "started with"
            )
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, namespace=settings.cluster, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError) as error:
        raise RayUnreachable(
            f"Ray at {address} cannot be joined: {error}; is it there, does a node of it run on this machine, where "
            "'ps' of this container shows it, and is RAY_AUTH_TOKEN or the file RAY_AUTH_TOKEN_PATH its token?"
        ) from None
    try:
        if threading.current_thread() is threading.main_thread():
            # Ray has put its own in its place, with which a process is aborted while it takes down what it has started.
            signal.signal(signal.SIGTERM, on_termination)
        with answering(settings.cluster):
            yield
    finally:
        ray.shutdown()


@contextmanager
def answering(cluster: str) -> Iterator[None]:
    """What Ray raises within a block becomes an error of ours.

    Raises:
        ClusterSilent: An actor does not answer: Ray starts it anew, or it is busy.
        DeploymentFailed: Ray itself does not, or an actor answers by an error.
    """
    try:
        yield
    except RayError as error:
        may_come = isinstance(error, RayActorError | GetTimeoutError)
        failed = ClusterSilent if may_come else DeploymentFailed
        raise failed(f"cluster {cluster} does not answer: {type(error).__name__}: {error}") from None


def _refuse_unreachable(address: str) -> None:
    """Ray itself goes on trying to join a Ray that is not there for longer than anybody waits."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError) as error:
        raise RayUnreachable(
            f"nothing answers at {address} ({error}): start Ray there, or correct 'ray' in the cluster file"
        ) from None


def answer(reply: Any) -> Any:
    """What an actor answers.

    Raises:
        RayError: Nothing in time, or by an error.
    """
    return ray.get(reply, timeout=CALL_TIMEOUT_S)


def supervisor_of(plan: Plan, at_work: Plan, progress: Callable[[str], None]) -> Any:
    """The supervisor with this plan; one with another is replaced, and finds the actors of the one before.

    It is replaced, not told, because Ray restarts an actor with the arguments it was made with.
    """
    supervisor, index = find_actor(SUPERVISOR), plan.settings.index
    if supervisor is None:
        progress("the supervisor is missing: starting it anew, recognisers and shards go on")
    elif at_work == plan:
        return supervisor
    else:
        progress(f"dividing the watchlist anew: shards: {index.shards}, replicas: {index.replicas}")
        ray.kill(supervisor)
    return make_supervisor(plan)


class SupervisorActor(Supervisor):
    """A supervisor in a process of its own."""

    def __init__(self, plan: Plan) -> None:
        collect_only_what_comes()
        super().__init__(plan)


def make_supervisor(plan: Plan) -> Any:
    """A supervisor; the name of one that was killed is free after a moment."""
    options = {"name": SUPERVISOR, "lifetime": "detached", "max_restarts": -1, "num_cpus": 0, "max_concurrency": 4}
    options |= {"resources": plan.settings.supervisor.resources or ON_HEAD, **UNTOLD}
    deadline = time.monotonic() + CALL_TIMEOUT_S
    while True:
        try:
            return ray.remote(SupervisorActor).options(**options).remote(plan)
        except ValueError as taken:
            if time.monotonic() > deadline:
                raise DeploymentFailed(f"the supervisor before does not end: {taken}") from None
            time.sleep(0.1)


def close_all(progress: Callable[[str], None]) -> bool:
    """Let recognisers finish and end all actors, also those whose supervisor is gone; whether there were any."""
    supervisor = find_actor(SUPERVISOR)
    if supervisor is None and not members_there():
        return False
    progress("waiting for recognisers to finish their frames")
    if supervisor is not None:
        try:
            ray.get(supervisor.close.remote(CLOSE_TIMEOUT_S), timeout=3 * CLOSE_TIMEOUT_S)
        except RayError as error:
            progress(f"the supervisor does not answer ({type(error).__name__}): it is ended")
        ray.kill(supervisor)
    close_members(CLOSE_TIMEOUT_S)
    return True


def take_down(progress: Callable[[str], None]) -> None:
    """End the actors that a failed start has left, from within its connection."""
    try:
        close_all(progress)
    except RayError as error:
        progress(f"recognisers could not be asked to finish: {error}")
