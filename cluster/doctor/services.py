"""Checks of Kafka and Ray: `beholden doctor`."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.doctor.findings import Checks, Finding, Level, fault, ok, refused, warning
from operators.errors import BrokerUnavailable, DeploymentFailed, SettingsRefused

if TYPE_CHECKING:
    from cluster.kafka.admin import KafkaAnswer
    from cluster.kafka_settings import KafkaSettings
    from cluster.plan import Plan

CONNECT_S = 0.5
KAFKA_S = 2.0


def checks(file: Path | None, bootstrap: str | None, plan: Plan | None) -> Checks:
    """Checks of the Kafka and the Ray that a command with these options would meet."""
    # The default address is a proposal; any other way to it is somebody's wish.
    named = bool(bootstrap or plan or os.environ.get("BEHOLDEN_KAFKA_BOOTSTRAP"))
    return {
        "Kafka": lambda: kafka(_asked(file, bootstrap), named, plan is not None, ask_if_listening),
        "broker tools": lambda: _broker_tools(_asked(file, bootstrap).bootstrap),
        "Ray": lambda: ray(metadata.version("ray"), plan, running_ray(plan), listens),
        "Ray token": lambda: _ray_token(plan),
    }


def _asked(file: Path | None, bootstrap: str | None) -> KafkaSettings:
    from cluster.settings import kafka_from_cli

    try:
        return kafka_from_cli(file, bootstrap)
    except SettingsRefused:  # the check "cluster file" reports it
        return kafka_from_cli(None, bootstrap)


def ask_if_listening(asked: KafkaSettings) -> KafkaAnswer | None:
    """What Kafka says of itself, within some seconds; None when nothing listens at its addresses.

    Raises:
        BrokerUnavailable: Something listens and does not answer as Kafka does.
    """
    if not any(listens(address) for address in asked.bootstrap.split(",")):
        return None
    from cluster.kafka.admin import ask_kafka

    return ask_kafka(asked, KAFKA_S)


def listens(address: str) -> bool:
    """Whether something accepts connections at HOST:PORT.

    Raises:
        BrokerUnavailable: That is not an address.
    """
    host, _, port = address.strip().rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise BrokerUnavailable(f"{address!r} is not an address; write HOST:PORT")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except OSError:
        return False
    return True


def kafka(
    asked: KafkaSettings, named: bool, planned: bool, ask: Callable[[KafkaSettings], KafkaAnswer | None]
) -> list[Finding]:
    """Whether Kafka answers and holds what a cluster needs.

    Args:
        asked: Which Kafka.
        named: Somebody named it; where nobody did, nothing there is only a warning.
        planned: A cluster file says what its topics should be.
        ask: See `ask_if_listening`.
    """
    try:
        answer = ask(asked)
    except BrokerUnavailable as error:
        advice = "name the right HOST:PORT; for TLS or a password see kafka.security in the cluster file"
        return [fault(refused(error).finding, advice)]
    if answer is None:
        level = Level.FAULT if named else Level.WARNING
        start = "beholden broker start" if is_local(asked.bootstrap) else "start Kafka there"
        advice = f"{start}, or name yours with --bootstrap HOST:PORT"
        return [Finding(level, f"nothing listens at {asked.bootstrap}", advice)]
    missing = [name for name in _topics(asked) if name not in answer.topics]
    topics = f"topics {', '.join(missing)} will be made by 'beholden up'" if missing else "all topics are there"
    found = ok(f"{asked.bootstrap}: {answer.brokers} broker{'s' * (answer.brokers != 1)}, {topics}")
    return [found, *(_misfits(asked, answer) if planned else [])]


def _topics(asked: KafkaSettings) -> list[str]:
    from cluster.kafka.topics import ALERTS, DEAD_LETTERS, FRAMES, WATCHLIST

    return [asked.topic_prefix + name for name in (FRAMES, ALERTS, WATCHLIST, DEAD_LETTERS)]


def _misfits(asked: KafkaSettings, answer: KafkaAnswer) -> list[Finding]:
    frames, faults = _topics(asked)[0], []
    found = answer.topics.get(frames, asked.frame_partitions)
    if found != asked.frame_partitions:
        text = f"topic {frames} has {found} partitions, the cluster file says {asked.frame_partitions}"
        faults.append(fault(text, f"set kafka.frame_partitions: {found}, or 'beholden up' waits in vain"))
    if asked.replication > answer.brokers:
        text = f"kafka.replication: {asked.replication} needs as many brokers, there are {answer.brokers}"
        faults.append(fault(text, f"set kafka.replication: {answer.brokers} or start more brokers"))
    return faults


def _broker_tools(bootstrap: str) -> list[Finding]:
    from cluster.broker.jars import KAFKA_VERSION, expected_digests
    from cluster.broker.node import find_java
    from cluster.folders import cache_folder

    jars = cache_folder() / f"kafka-{KAFKA_VERSION}"
    has_jars = all((jars / name).is_file() for name in expected_digests())
    return broker_tools(is_local(bootstrap), find_java, shutil.which("mvn"), has_jars)


def is_local(bootstrap: str) -> bool:
    """Whether a Kafka at these addresses is on this machine alone."""
    return all(address.strip().startswith(("127.", "localhost", "[::1]")) for address in bootstrap.split(","))


def broker_tools(local: bool, find_java: Callable[[], str], maven: str | None, has_jars: bool) -> list[Finding]:
    """Whether `beholden broker` could start a Kafka here.

    Args:
        local: Kafka is to run on this machine; else nothing is needed.
        find_java: Gives the path of a Java that is new enough; raises DeploymentFailed.
        maven: Path of Maven, None when there is none.
        has_jars: Kafka has been fetched before, so Maven is not needed.
    """
    if not local:
        return [ok("not needed: Kafka runs on another machine")]
    purpose = "needed only for 'beholden broker': "
    try:
        findings = [ok(f"Java: {find_java()}")]
    except DeploymentFailed as error:
        found, _, advice = str(error).rpartition(": ")
        findings = [warning(found, purpose + advice)]
    if has_jars or maven:
        return [*findings, ok("Maven: not needed, Kafka has been fetched" if has_jars else f"Maven: {maven}")]
    return [*findings, warning("Maven: not found", f"{purpose}install maven")]


def running_ray(plan: Plan | None) -> str | None:
    """Address of the Ray that `beholden up` started for this cluster."""
    from cluster.ray_local import find_ray

    found = find_ray(plan.settings.cluster) if plan else None
    return found.address if found else None


def ray(version: str, plan: Plan | None, running: str | None, reachable: Callable[[str], bool]) -> list[Finding]:
    """Whether the Ray that the cluster file names can be joined; `running` is the address of our own one."""
    if plan is None or plan.settings.starts_ray:
        return [ok(f"{version}, " + (f"runs at {running}" if running else "'beholden up' starts one here"))]
    address = plan.settings.ray
    if not reachable(address):
        return [fault(f"nothing listens at {address}", "start that Ray, or correct ray: in the cluster file")]
    return [ok(f"{version}, {address} is there")]


def _ray_token(plan: Plan | None) -> list[Finding]:
    from cluster.folders import state_folder

    return ray_token(os.environ, state_folder() / "ray-token", plan is not None and not plan.settings.starts_ray)


def ray_token(environment: Mapping[str, str], own: Path, is_elsewhere: bool = False) -> list[Finding]:
    """Whether Ray lets in nobody without the token, and whether it is a secret.

    Args:
        environment: Where it may be named.
        own: Where that of a Ray of our own is kept.
        is_elsewhere: Whether the cluster file names another Ray, which has a token of its own.
    """
    mode = environment.get("RAY_AUTH_MODE", "token")
    if mode != "token":
        return [fault(f"RAY_AUTH_MODE={mode}: whoever reaches Ray can run programs here", "unset RAY_AUTH_MODE")]
    if "RAY_AUTH_TOKEN" in environment:
        return [ok("that of RAY_AUTH_TOKEN")]
    if is_elsewhere and not environment.get("RAY_AUTH_TOKEN_PATH"):
        return [fault("not named", "set RAY_AUTH_TOKEN_PATH to the file that the Ray of the cluster file has it from")]
    path = Path(environment.get("RAY_AUTH_TOKEN_PATH") or own)
    if not path.exists():
        if path == own:
            return [ok("'beholden up' makes one")]
        return [fault(f"{path} is missing", "correct RAY_AUTH_TOKEN_PATH, or write the token there")]
    permissions = stat.S_IMODE(path.stat().st_mode)
    if permissions & 0o077:
        return [fault(f"{path} has mode {permissions:04o}: others may read it", f"chmod 600 {path}")]
    if not path.stat().st_size:
        return [fault(f"{path} is empty", f"rm {path} and 'beholden up' makes a new one")]
    return [ok(f"{path}, mode {permissions:04o}")]


def evidence_key(plan: Plan) -> list[Finding]:
    """Whether recognisers of this machine could seal evidence; of several machines, not each has recognisers."""
    from cluster.keys import EVIDENCE_KEY_FILE, read_evidence_key

    file = plan.settings.key_folder / EVIDENCE_KEY_FILE
    if file.exists():
        read_evidence_key(file.parent)
        return [ok(str(file))]
    if plan.settings.starts_ray:
        return [ok("'beholden up' makes it")]
    return [warning(f"{file} is missing: no recogniser can run on this machine", "copy it from where it was made")]
