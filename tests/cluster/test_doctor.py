"""Every check of `beholden doctor` at each of its levels, and the command around them."""

import hashlib
import json
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from cluster import doctor, plan, ray_local, settings
from cluster.cli import beholden
from cluster.cli import doctor as cli
from cluster.doctor import Finding, KafkaAnswer, Level
from cluster.settings import ClusterSettings, IndexSettings, KafkaSettings, Models, Placement, Recognisers
from operators import onnx
from operators.errors import BrokerUnavailable, DeploymentFailed, DeviceUnavailable

OK, WARNING, FAULT = Level.OK, Level.WARNING, Level.FAULT
GB = 1_000_000_000
KAFKA = KafkaSettings()
TOPICS = {"frames": 8, "alerts": 8, "watchlist": 8, "dead-letters": 1}
OWNERS = {"onnxruntime": ["onnxruntime"], "faiss": ["faiss-cpu"], "cv2": ["opencv-python-headless"]}


def levels(findings: list[Finding]) -> list[Level]:
    """The levels alone; every finding that is not ok must say what to do."""
    assert all(each.finding and bool(each.advice) == (each.level is not OK) for each in findings)
    return [each.level for each in findings]


def planned(files: Path = Path(), data: bytes = b"model", **changed: Any) -> Any:
    """A plan of two recognisers; its detector and embedder are the file `m.onnx` with these bytes."""
    manifest = SimpleNamespace(
        name="m", file="m.onnx", size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), source=None
    )
    values = {"cluster": "demo", "policy": Path("p"), "models": Models(files, files), **changed}
    found = ClusterSettings(**{"recognisers": Recognisers(count=2), **values})
    return SimpleNamespace(settings=found, detector=manifest, embedder=manifest)


def asker(answer: KafkaAnswer | BrokerUnavailable | None) -> Callable[[KafkaSettings], KafkaAnswer | None]:
    """A Kafka that says this."""

    def ask(_: KafkaSettings) -> KafkaAnswer | None:
        if isinstance(answer, BrokerUnavailable):
            raise answer
        return answer

    return ask


@pytest.mark.parametrize(("found", "level"), [("3.11.0", OK), ("3.12.1", OK), ("3.10.14", FAULT)])
def test_python(found: str, level: Level) -> None:
    """Python is compared number by number."""
    assert levels(doctor.python(found, ">=3.11")) == [level]


@pytest.mark.parametrize(
    ("version", "level"),
    [("3.0.12", OK), ("3.0.12.post1", OK), ("3.0.9", FAULT), ("3.1", FAULT), ("3.1.0", FAULT), (None, FAULT)],
)
def test_package_versions(version: str | None, level: Level) -> None:
    """A package must be there and within both bounds."""
    assert levels(doctor.packages(["kafka-python[crc32c]<3.1,>=3.0.12"], lambda _: version)) == [level]


def test_zeros_at_the_end() -> None:
    """Releases 5 and 5.0 are the same."""
    assert levels(doctor.packages(["a>=5.0", "b<6"], {"a": "5", "b": "5.9.0"}.get)) == [OK]
    assert levels(doctor.packages(["a<5"], lambda _: "5.0")) == [FAULT]


def test_packages_of_extras() -> None:
    """What an extra asks for counts only where it is installed, tools for development never."""
    requirements = ['faiss-gpu>=1.15; extra == "gpu"', 'faiss-cpu>=1.15; extra == "cpu"', 'ruff>=99; extra == "dev"']
    installed = {"faiss-cpu": "1.14", "ruff": "0.1"}
    found = doctor.packages(requirements, installed.get)
    assert [(each.level, each.advice) for each in found] == [(FAULT, "pip install 'faiss-cpu>=1.15'")]


def test_version_term_unknown() -> None:
    """A term that is not understood is never taken as met."""
    found = doctor.guarded(lambda: doctor.packages(["numpy~=2.3"], lambda _: "2.3"))
    assert levels(found) == [FAULT]
    assert "~=2.3" in found[0].finding


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, [OK]),
        ({"faiss": ["faiss-gpu"], "onnxruntime": ["onnxruntime-gpu"]}, [OK]),
        ({"faiss": ["faiss-cpu", "faiss-gpu"]}, [FAULT]),
        ({"onnxruntime": []}, [FAULT]),
        ({"cv2": ["opencv-python"]}, [WARNING]),
        ({"cv2": ["opencv-python", "opencv-python-headless"], "faiss": []}, [FAULT, FAULT]),
    ],
)
def test_builds(changed: Mapping[str, list[str]], expected: list[Level]) -> None:
    """Exactly one build of each library, and one that is known."""
    assert levels(doctor.builds({**OWNERS, **changed})) == expected


@pytest.mark.parametrize(
    ("changed", "owners", "level"),
    [
        ({}, {}, OK),
        ({"cluster": Path("/elsewhere")}, {}, FAULT),
        ({"cluster": None}, {}, FAULT),
        ({}, {"cluster": ["beholden", "cluster"]}, FAULT),
    ],
)
def test_one_place(changed: Mapping[str, Path | None], owners: Mapping[str, list[str]], level: Level) -> None:
    """A foreign `cluster` is found whether it lies elsewhere, was removed again, or was installed over ours."""
    folders = {**dict.fromkeys(cli.PACKAGES, Path("/site-packages")), **changed}
    assert levels(doctor.one_place(folders, owners)) == [level]


@pytest.mark.parametrize(
    ("is_c", "value", "took_s", "level"),
    [
        (True, doctor.CRC_OF_DIGITS, 0.0001, OK),
        (True, doctor.CRC_OF_DIGITS, 0.001, WARNING),
        (False, doctor.CRC_OF_DIGITS, 0.01, FAULT),
        (True, 1, 0.0001, FAULT),
    ],
)
def test_crc32c(is_c: bool, value: int, took_s: float, level: Level) -> None:
    """The checksum must be right, in C and fast."""
    times = count()
    assert levels(doctor.crc32c(is_c, lambda _: value, lambda: took_s * next(times))) == [level]


def test_device_runs() -> None:
    """The embedded graph loads and runs on the processor."""
    (found,) = doctor.device("cpu")
    assert (found.level, "ran on CPUExecutionProvider" in found.finding) == (OK, True)


def test_device_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is refused and one that computes something else are faults; ours says what to do."""

    def refuse(*_: object, **__: object) -> None:
        raise DeviceUnavailable("device cuda: offers only CPU; install the extra gpu")

    monkeypatch.setattr(onnx, "open_session", refuse)
    found = doctor.guarded(lambda: doctor.device("cuda"))
    assert found == [Finding(FAULT, "device cuda: offers only CPU", "install the extra gpu")]
    wrong = SimpleNamespace(provider="CPU", run=lambda values: [values])
    monkeypatch.setattr(onnx, "open_session", lambda *_, **__: wrong)
    assert levels(doctor.device("cpu")) == [FAULT]


@pytest.mark.parametrize(("value", "level"), [("1", OK), ("0", FAULT), (None, FAULT)])
def test_telemetry(value: str | None, level: Level) -> None:
    """Nothing but the value that switches reports off will do."""
    assert levels(doctor.telemetry(value)) == [level]


def test_cores() -> None:
    """Two recognisers of one thread need two cores here; elsewhere they are not this machine's."""
    assert levels(doctor.cores(2, planned())) == [OK]
    assert levels(doctor.cores(1.5, planned())) == [WARNING]
    assert levels(doctor.cores(1, planned(ray="head:6379"))) == [OK]
    assert levels(doctor.cores(1, None)) == [OK]


def test_memory() -> None:
    """What is needed grows with recognisers, models and shards; a running cluster needs no more."""
    assert levels(doctor.memory(1 * GB, None, False)) == [OK]
    assert levels(doctor.memory(0.9 * GB, None, False)) == [WARNING]
    assert levels(doctor.memory(1.5 * GB, planned(), False)) == [OK]
    assert levels(doctor.memory(1.5 * GB, planned(data=bytes(20_000_000)), False)) == [WARNING]
    sharded = IndexSettings(Placement.SHARDED, 2)
    assert levels(doctor.memory(1.5 * GB, planned(index=sharded), False)) == [WARNING]
    assert levels(doctor.memory(0.1 * GB, planned(), True)) == [OK]
    assert levels(doctor.memory(0.1 * GB, planned(ray="head:6379"), False)) == [OK]


@pytest.mark.parametrize(
    ("free", "level"), [(None, OK), (ray_local.OBJECT_STORE_BYTES, OK), (64 * 1024 * 1024, WARNING)]
)
def test_shared_memory(free: int | None, level: Level) -> None:
    """The 64 MB that Docker gives are too few for Ray's object store."""
    assert levels(doctor.shared_memory(free)) == [level]


@pytest.mark.parametrize(("free", "writable", "level"), [(3e9, True, OK), (1e9, True, WARNING), (3e9, False, FAULT)])
def test_disk(free: float, writable: bool, level: Level) -> None:
    """Too full is a warning, read-only a fault."""
    assert levels([doctor.disk("state", Path("/state"), free, writable)]) == [level]


@pytest.mark.parametrize(
    ("soft", "hard", "level", "advice"),
    [
        (4096, 4096, OK, ""),
        (-1, -1, OK, ""),
        (1024, -1, WARNING, "ulimit -n 4096"),
        (1024, 4096, WARNING, "ulimit -n 4096"),
        (1024, 2048, WARNING, "raise nofile in /etc/security/limits.conf"),
    ],
)
def test_open_files(soft: int, hard: int, level: Level, advice: str) -> None:
    """-1 is no limit; the advice is one that the hard limit allows."""
    (found,) = doctor.open_files(soft, hard)
    assert (found.level, found.advice) == (level, advice)


@pytest.mark.parametrize(
    ("named", "answer", "expected"),
    [
        (True, KafkaAnswer(1, TOPICS), [OK]),
        (True, KafkaAnswer(1, {}), [OK]),
        (True, KafkaAnswer(1, {**TOPICS, "frames": 4}), [OK, FAULT]),
        (True, KafkaAnswer(0, TOPICS), [OK, FAULT]),
        (True, None, [FAULT]),
        (False, None, [WARNING]),
        (False, BrokerUnavailable("asking: no answer; advice"), [FAULT]),
    ],
)
def test_kafka(named: bool, answer: Any, expected: list[Level]) -> None:
    """Kafka must answer and fit the cluster file; silence counts if it was named."""
    assert levels(doctor.kafka(KAFKA, named, planned(), asker(answer))) == expected


def test_kafka_topics_with_prefix() -> None:
    """Topics are looked for under the deployment's prefix; without a cluster file nothing is said of partitions."""
    (found,) = doctor.kafka(replace(KAFKA, topic_prefix="t."), True, None, asker(KafkaAnswer(3, {"t.frames": 1})))
    assert found.finding.endswith(
        "3 brokers, topics t.alerts, t.watchlist, t.dead-letters will be made by 'beholden up'"
    )


def test_ask_kafka_where_nothing_listens() -> None:
    """A closed port is no Kafka; no client is made for it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert doctor.ask_kafka(KafkaSettings(bootstrap=f"127.0.0.1:{bound.getsockname()[1]}")) is None
        bound.listen()
        assert doctor.listens(f"127.0.0.1:{bound.getsockname()[1]}")


@pytest.mark.parametrize("address", ["localhost", "host:", ":9092", "host:http", "host:70000"])
def test_address_invalid(address: str) -> None:
    """What is not HOST:PORT is named as such."""
    with pytest.raises(BrokerUnavailable, match="HOST:PORT"):
        doctor.listens(address)


@pytest.mark.parametrize(
    ("answer", "level"), [(None, OK), (KafkaAnswer(1, {}), OK), (BrokerUnavailable("no; advice"), WARNING)]
)
def test_broker_port(answer: Any, level: Level) -> None:
    """The port may be free or Kafka's."""
    assert levels(doctor.broker_port(KAFKA, asker(answer))) == [level]


def test_broker_tools() -> None:
    """Java and Maven are missed only where a local broker may be wanted, and Maven only until Kafka is fetched."""

    def no_java() -> str:
        raise DeploymentFailed("there is no Java: install it")

    assert levels(doctor.broker_tools(True, lambda: "/java", "/mvn", has_jars=False)) == [OK, OK]
    assert levels(doctor.broker_tools(True, no_java, None, has_jars=True)) == [WARNING, OK]
    assert levels(doctor.broker_tools(True, no_java, None, has_jars=False)) == [WARNING, WARNING]
    assert levels(doctor.broker_tools(False, no_java, None, has_jars=False)) == [OK]


@pytest.mark.parametrize(
    ("address", "reachable", "token_named", "level"),
    [
        ("local", False, False, OK),
        ("head:6379", True, True, OK),
        ("head:6379", True, False, WARNING),
        ("head:6379", False, True, FAULT),
    ],
)
def test_ray(address: str, reachable: bool, token_named: bool, level: Level) -> None:
    """A Ray elsewhere must be there and its token named."""
    assert levels(doctor.ray("2.60.0", planned(ray=address), None, lambda _: reachable, token_named)) == [level]


@pytest.mark.parametrize(
    ("mode", "text", "level"), [(0o600, "t", OK), (0o400, "t", OK), (0o640, "t", FAULT), (0o600, "", FAULT)]
)
def test_ray_token_file(tmp_path: Path, mode: int, text: str, level: Level) -> None:
    """The token is a secret, and there is one in the file."""
    path = tmp_path / "ray-token"
    path.write_text(text)
    path.chmod(mode)
    assert levels(doctor.ray_token({}, path)) == [level]


def test_ray_token_elsewhere(tmp_path: Path) -> None:
    """Ours may not exist yet, one that is named must; authentication may not be off."""
    path = tmp_path / "missing"
    assert levels(doctor.ray_token({}, path)) == [OK]
    assert levels(doctor.ray_token({"RAY_AUTH_TOKEN": "t"}, path)) == [OK]
    assert levels(doctor.ray_token({"RAY_AUTH_TOKEN_PATH": str(path)}, tmp_path / "own")) == [FAULT]
    assert levels(doctor.ray_token({"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "t"}, path)) == [FAULT]


def test_cluster_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every fault of the file is a finding; a file without any is named by what it puts in force."""
    file = tmp_path / "c.yaml"
    file.write_text("cluster: a\nrecognisers: {count: 0}\ncolour: blue\n")
    found = doctor.cluster_file(file)
    assert levels(found) == [FAULT] * 4
    assert {part for each in found for part in ("colour", "policy", "models", "count") if part in each.finding} == {
        "colour",
        "policy",
        "models",
        "count",
    }
    good = planned()
    good.in_force = SimpleNamespace(policy=SimpleNamespace(deployment="d", policy=7))
    monkeypatch.setattr(plan, "read_plan", lambda _: good)
    assert doctor.cluster_file(file) == [Finding(OK, "cluster demo, deployment d, policy 7")]


def test_models(tmp_path: Path) -> None:
    """A model file must be there with the bytes pinned."""
    wanted = planned(tmp_path)
    assert levels(doctor.models(wanted)) == [FAULT, FAULT]
    (tmp_path / "m.onnx").write_bytes(b"model")
    assert levels(doctor.models(wanted)) == [OK, OK]
    (tmp_path / "m.onnx").write_bytes(b"madel")
    found = doctor.models(wanted)
    assert levels(found) == [FAULT, FAULT]
    assert "sha256" in found[0].finding


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), ImportError("x"), BrokerUnavailable("x")])
def test_guarded(error: Exception) -> None:
    """Whatever a check raises becomes a fault that names it."""

    def fail() -> list[Finding]:
        raise error

    found = doctor.guarded(fail)
    assert levels(found) == [FAULT]
    assert "x" in found[0].finding


def test_container_limits(tmp_path: Path) -> None:
    """A container's quota and limit count where they are less than the machine has; file pages are not lost memory."""
    cores, memory = cli.usable_cores(tmp_path), cli.available_bytes(tmp_path)
    assert cores >= 1
    assert memory > 1e6
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 500000\ninactive_file 400000\n")
    assert (cli.usable_cores(tmp_path), cli.available_bytes(tmp_path)) == (0.5, 500_000)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert cli.usable_cores(tmp_path) == cores


REPORT = {
    "good": [Finding(OK, "fine")],
    "worse": [Finding(WARNING, "slow [red]", "wait"), Finding(FAULT, "/a/" + "long/" * 30 + "path\udcff", "mend it")],
}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Finding]]:
    """What the command will find, shown in 80 columns."""
    report = {name: list(findings) for name, findings in REPORT.items()}
    monkeypatch.setattr(cli, "examine", lambda *_: report)
    monkeypatch.setenv("COLUMNS", "80")
    return report


def test_command_shows_and_fails(shown: dict[str, list[Finding]]) -> None:
    """One fault makes exit status 1; no line is wider than the terminal and nothing is cut short."""
    result = CliRunner().invoke(beholden, ["doctor"])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines[:3]] == [
        ["✓", "good", "fine"],
        ["!", "worse", "slow", "[red]"],
        ["->", "wait"],
    ]
    assert "path\\udcff" in result.output
    assert lines[-1] == "1 ok, 1 warning, 1 fault"
    shown["worse"].pop()
    assert CliRunner().invoke(beholden, ["doctor"]).exit_code == 0


def test_command_in_ascii(shown: dict[str, list[Finding]]) -> None:
    """A terminal without the symbols gets letters."""
    result = CliRunner(charset="ascii").invoke(beholden, ["doctor"])
    assert result.output.startswith("ok  good")
    assert "XX" in result.output


def test_command_json(shown: dict[str, list[Finding]]) -> None:
    """Machines get every finding, and the same exit status."""
    result = CliRunner().invoke(beholden, ["doctor", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.output)[1] == {
        "check": "worse",
        "level": "warning",
        "finding": "slow [red]",
        "advice": "wait",
    }


def test_examine_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every check runs here without falling over, without a cluster file and with one that cannot be used."""
    monkeypatch.setattr(doctor, "listens", lambda _: False)
    monkeypatch.setattr("cluster.kafka_node.find_java", lambda: "/java")
    file = tmp_path / "c.yaml"
    file.write_text("cluster: a\n")
    for given in (None, file):
        report = cli.examine(given, "somewhere:9092")
        assert [each.finding for each in report["Kafka"]] == ["nothing listens at somewhere:9092"]
        assert not [each for findings in report.values() for each in findings if "the check itself" in each.finding]
    assert set(levels(report["cluster file"])) == {FAULT}


def test_examine_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that cannot be imported is examined all the same."""
    for name in ("operators.onnx", "cluster.settings", "cluster.plan"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr("cluster.kafka_node.find_java", lambda: "/java")
    report = cli.examine(None, None)
    assert levels(report["device"]) == levels(report["Kafka"]) == [FAULT]
    assert levels(report["Python"]) == [OK]
    assert not [each for findings in report.values() for each in findings if "the check itself" in each.finding]


def test_defaults_agree() -> None:
    """The port examined is the one that the settings and the local broker start from."""
    assert cli.BROKER_ADDRESS == settings.DEFAULT_BOOTSTRAP
