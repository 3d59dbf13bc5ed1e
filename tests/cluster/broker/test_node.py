"""One node: the Java that runs it and the settings it gets."""

from pathlib import Path

import pytest

from cluster.broker.node import Node, find_java, write_properties
from operators.errors import DeploymentFailed

VERSIONS = [
    ('openjdk version "17.0.15" 2025-04-15', None),
    ('openjdk version "21" 2023-09-19', None),
    ('java version "1.8.0_392"', "is Java 8: install openjdk-17"),
    ('openjdk version "11.0.22" 2024-01-16', "is Java 11: install openjdk-17"),
    ("no such thing", "is something else: install openjdk-17"),
]


def _java(folder: Path, answer: str) -> Path:
    path = folder / "bin" / "java"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\necho '{answer}' >&2\n")
    path.chmod(0o755)
    return path


def _nodes(folder: Path, count: int) -> list[Node]:
    return [Node(each, 9091 + each, 19091 + each, folder / f"node-{each}") for each in range(1, count + 1)]


def _settings(node: Node) -> dict[str, str]:
    lines = [line for line in node.properties.read_text().splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize(("answer", "refusal"), VERSIONS)
def test_java_is_taken_or_refused_by_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, refusal: str | None
) -> None:
    """Java 17 and newer run the broker; an older or unknown one is named with what to install."""
    java = _java(tmp_path, answer)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(java.parent))
    if refusal is None:
        assert find_java() == str(java)
    else:
        with pytest.raises(DeploymentFailed, match=refusal):
            find_java()


def test_missing_java_is_one_line_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Java the message says what to install."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeploymentFailed, match="none on the PATH: install openjdk-17-jre-headless") as caught:
        find_java()
    assert "\n" not in str(caught.value)


def test_java_home_goes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAVA_HOME wins, and one without Java is an error rather than passed over."""
    on_path, at_home = _java(tmp_path / "path", VERSIONS[0][0]), _java(tmp_path / "home", VERSIONS[1][0])
    monkeypatch.setenv("PATH", str(on_path.parent))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert find_java() == str(at_home)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(DeploymentFailed, match="nowhere"):
        find_java()


def test_every_listener_is_on_loopback(tmp_path: Path) -> None:
    """No node listens on or advertises anything but 127.0.0.1."""
    node = _nodes(tmp_path, 1)[0]
    write_properties(node, [node])
    settings = _settings(node)
    listeners = [*settings["listeners"].split(","), settings["advertised.listeners"]]
    assert {listener.split("://")[1].split(":")[0] for listener in listeners} == {"127.0.0.1"}


@pytest.mark.parametrize(("count", "replicas", "in_sync"), [(1, "1", "1"), (3, "3", "2")])
def test_copies_follow_the_number_of_nodes(tmp_path: Path, count: int, replicas: str, in_sync: str) -> None:
    """One node keeps one copy; three keep three and need two to acknowledge; all name the same voters."""
    nodes = _nodes(tmp_path, count)
    for node in nodes:
        write_properties(node, nodes)
    every = [_settings(node) for node in nodes]
    assert {settings["offsets.topic.replication.factor"] for settings in every} == {replicas}
    assert {settings["min.insync.replicas"] for settings in every} == {in_sync}
    assert len(every[0]["controller.quorum.voters"].split(",")) == count
    assert len({settings["controller.quorum.voters"] for settings in every}) == 1
    assert [settings["node.id"] for settings in every] == [str(node.id) for node in nodes]
