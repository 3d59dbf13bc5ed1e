"""Starting and stopping a broker, with a stand-in for Java that only lives or dies."""

import json
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from cluster.broker import control
from cluster.broker import state as broker_state
from cluster.broker import status as broker_status
from cluster.broker.control import BrokerSpec, RunningBroker, running_broker, start_broker, stop_broker
from cluster.broker.state import free_port, load_state
from cluster.broker.status import BrokerStatus
from cluster.cli.broker import broker as command
from operators.errors import BrokerUnavailable, DeploymentFailed
from tests.waiting import PATIENCE_S

JAVA = """\
#!/bin/sh
home=${0%/*}
for properties; do :; done
case " $* " in
*" -version "*) echo 'openjdk version "17.0.1"' >&2; exit ;;
*" kafka.tools.StorageTool "*)
    storage=$(sed -n 's/^log.dirs=//p' "$properties")
    mkdir "$storage" && : >"$storage/meta.properties"
    exit ;;
esac
if [ -e "$home/die" ]; then echo "no memory for the heap" >&2; exit 1; fi
if [ -e "$home/stubborn" ]; then trap "" TERM; fi
: >"$home/up-$(sed -n 's/^node.id=//p' "$properties")"
mkfifo "$home/never-$$" && read -r _ <"$home/never-$$"
"""


@pytest.fixture
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a `java` that pretends to be a broker; files put beside it change what it does."""
    home = tmp_path / "java" / "bin"
    home.mkdir(parents=True)
    (home / "java").write_text(JAVA)
    (home / "java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(home.parent))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(control, "ensure_jars", lambda progress: [tmp_path / "a.jar"])
    monkeypatch.setattr(control, "wait_ready", _wait_for_files(home))
    monkeypatch.setattr(broker_status, "live_brokers", lambda address: frozenset({1, 2, 3}))
    yield home
    for state in list(tmp_path.rglob("state.json")):
        stop_broker(state.parent, wipe=True)


def _wait_for_files(home: Path) -> Callable[[str, int, float, Callable[[], None]], None]:
    def wait(bootstrap: str, nodes: int, timeout_s: float, still_starting: Callable[[], None]) -> None:
        while not all((home / f"up-{node}").exists() for node in range(1, nodes + 1)):
            still_starting()
            time.sleep(0.002)

    return wait


def _start(data: Path, nodes: int = 1, port: int | None = None) -> tuple[RunningBroker, list[str]]:
    lines: list[str] = []
    spec = BrokerSpec(port or free_port(nodes), nodes, data, heap_mb=256)
    return start_broker(spec, lines.append), lines


def _alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def _kill(pid: int) -> None:
    process = psutil.Process(pid)
    process.kill()
    process.wait(PATIENCE_S)


def _java_processes(home: Path) -> list[int]:
    found = (process.info for process in psutil.process_iter(["pid", "cmdline"]))
    return [info["pid"] for info in found if str(home / "java") in (info["cmdline"] or [])]


def test_start_and_stop(tmp_path: Path, java: Path) -> None:
    """A started broker lives in a session of its own, is shown, and ends with stop; its data stays."""
    data = tmp_path / "data"
    running, lines = _start(data)
    assert running.started == 1
    assert _alive(running.pids[0])
    assert Path(f"/proc/{running.pids[0]}/stat").read_text().split()[5] == str(running.pids[0])
    assert broker_status.broker_status(data).healthy
    assert [line.split(":")[0] for line in lines] == ["formatting", "starting", "ready"]
    assert stop_broker(data, wipe=False) == 1
    assert not _alive(running.pids[0])
    assert not broker_status.broker_status(data).healthy
    assert (data / "node-1" / "storage").is_dir()


def test_data_is_for_its_owner_only(tmp_path: Path, java: Path) -> None:
    """Nobody else can read the folder: frames with faces lie in it."""
    _start(tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_second_start_finds_the_first(tmp_path: Path, java: Path) -> None:
    """Starting again on the same port changes nothing and says so."""
    port = free_port()
    first, _ = _start(tmp_path / "data", port=port)
    second, lines = _start(tmp_path / "data", port=port)
    assert (second.pids, second.started) == (first.pids, 0)
    assert lines == [f"broker: already running at 127.0.0.1:{port}"]


def test_start_raises_only_the_node_that_is_down(tmp_path: Path, java: Path) -> None:
    """Of three nodes with one killed, start brings back that one and leaves the others alone."""
    port = free_port(3)
    first, _ = _start(tmp_path / "data", 3, port)
    _kill(first.pids[1])
    assert [node.answers for node in broker_status.broker_status(tmp_path / "data").nodes] == [True, False, True]
    (java / "up-2").unlink()
    second, lines = _start(tmp_path / "data", 3, port)
    assert second.started == 1
    assert (second.pids[0], second.pids[2]) == (first.pids[0], first.pids[2])
    assert lines[0].startswith("recovering")
    assert stop_broker(tmp_path / "data", wipe=True) == 3


def test_stale_state_is_recovered_and_a_foreign_process_left_alone(tmp_path: Path, java: Path) -> None:
    """A noted process id that belongs to another program by now counts as down and is never signalled."""
    data = tmp_path / "data"
    _start(data)
    stop_broker(data, wipe=False)
    other = psutil.Process()
    noted = json.loads((data / "state.json").read_text())
    (data / "state.json").write_text(json.dumps({**noted, "pids": [other.pid]}))
    assert stop_broker(data, wipe=False) == 0
    (data / "state.json").write_text(json.dumps({**noted, "pids": [other.pid]}))
    running, lines = _start(data)
    assert running.pids != (other.pid,)
    assert lines[0].startswith("recovering")
    assert load_state(data.resolve()) is not None


def test_wipe_removes_everything(tmp_path: Path, java: Path) -> None:
    """No process and no folder is left, and doing it twice is no error."""
    data = tmp_path / "data"
    running, _ = _start(data, nodes=3)
    assert stop_broker(data, wipe=True) == 3
    assert not any(map(_alive, running.pids))
    assert not data.exists()
    assert stop_broker(data, wipe=True) == 0


def test_stubborn_node_is_killed(tmp_path: Path, java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that ignores SIGTERM goes by SIGKILL after the grace time."""
    (java / "stubborn").touch()
    monkeypatch.setattr(control, "STOP_GRACE_S", 0.1)
    running, _ = _start(tmp_path / "data")
    assert stop_broker(tmp_path / "data", wipe=False) == 1
    assert not _alive(running.pids[0])


def test_node_that_dies_at_its_start_is_reported(tmp_path: Path, java: Path) -> None:
    """The message holds the node's last words, and nothing of it stays among the processes."""
    (java / "die").touch()
    with pytest.raises(DeploymentFailed, match="node 1 died at its start: no memory for the heap"):
        _start(tmp_path / "data")
    assert "java" not in {child.name() for child in psutil.Process().children()}


def test_failed_start_leaves_no_process(tmp_path: Path, java: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes that never answer are stopped again."""

    def never(*arguments: object) -> None:
        raise BrokerUnavailable("no answer")

    monkeypatch.setattr(control, "wait_ready", never)
    with pytest.raises(BrokerUnavailable):
        _start(tmp_path / "data", nodes=3)
    assert _java_processes(java) == []


def test_failed_start_ends_a_node_that_has_no_command_line_yet(
    tmp_path: Path, java: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a moment at each step of a start the system does not say what it runs; it would run on for good."""

    def never(*arguments: object) -> None:
        raise BrokerUnavailable("no answer")

    monkeypatch.setattr(control, "wait_ready", never)
    with monkeypatch.context() as patch:
        patch.setattr(control, "find_process", lambda *_: None)
        with pytest.raises(BrokerUnavailable):
            _start(tmp_path / "data", nodes=2)
    assert _java_processes(java) == []


def test_taken_port_is_named_with_a_remedy(tmp_path: Path, java: Path) -> None:
    """A port that another program listens on is refused before anything starts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(DeploymentFailed, match=f"port {port} is taken by another program.*--port"):
            _start(tmp_path / "data", port=port)
    assert _java_processes(java) == []


def test_other_number_of_nodes_is_refused(tmp_path: Path, java: Path) -> None:
    """A folder made for one node does not silently become three."""
    _start(tmp_path / "data")
    with pytest.raises(DeploymentFailed, match=r"--nodes 1, not 3.*--wipe"):
        _start(tmp_path / "data", nodes=3)


def test_running_broker_does_not_move(tmp_path: Path, java: Path) -> None:
    """A running broker keeps its port; a stopped one may take another."""
    first, _ = _start(tmp_path / "data")
    with pytest.raises(DeploymentFailed, match="stop it first"):
        _start(tmp_path / "data")
    stop_broker(tmp_path / "data", wipe=False)
    port = free_port(reserved=[int(first.bootstrap.split(":")[1])])
    second, _ = _start(tmp_path / "data", port=port)
    assert second.bootstrap == f"127.0.0.1:{port}" != first.bootstrap


def test_foreign_folder_is_neither_used_nor_deleted(tmp_path: Path, java: Path) -> None:
    """A folder with something else in it is refused by start and by stop --wipe."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").touch()
    with pytest.raises(DeploymentFailed, match="holds something else"):
        _start(tmp_path / "photos")
    with pytest.raises(DeploymentFailed, match="holds something else"):
        stop_broker(tmp_path / "photos", wipe=True)
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["holiday.jpg"]


def test_unreadable_state_says_what_to_delete(tmp_path: Path) -> None:
    """A damaged state file is an error with a remedy, not a traceback."""
    (tmp_path / "state.json").write_text('{"pids": [1]}')
    with pytest.raises(DeploymentFailed, match="cannot be understood"):
        load_state(tmp_path)


def test_running_broker_cleans_up_after_a_failing_block(tmp_path: Path, java: Path) -> None:
    """Whatever happens inside, neither process nor folder is left."""

    def use() -> None:
        with running_broker(tmp_path / "data", nodes=3) as bootstrap:
            assert len(bootstrap.split(",")) == 3
            raise LookupError

    with pytest.raises(LookupError):
        use()
    assert _java_processes(java) == []
    assert not (tmp_path / "data").exists()


def test_free_ports_keep_off_reserved_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reserved and taken ports are passed over; the run found is adjacent and in range."""
    monkeypatch.setenv("BEHOLDEN_PORTS", "20000-20007")
    reserved = [20_000, 20_001, 20_002, 20_006, 20_007]
    monkeypatch.setattr(broker_state, "_is_free", lambda _: True)
    assert {free_port(3, reserved) for _ in range(20)} == {20_003}
    monkeypatch.setattr(broker_state, "_is_free", lambda port: port > 20_004)
    assert {free_port(3) for _ in range(20)} == {20_005}
    with pytest.raises(DeploymentFailed, match="no 4 free ports among 20000-20007: stop something, or name others"):
        free_port(4)


@pytest.mark.parametrize("named", ["20000", "20000-", "-1-5", "30000-20000", "0-9", "65000-65536", "a-b", "1-2-3"])
def test_ports_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    """Whoever names them is told how."""
    monkeypatch.setenv("BEHOLDEN_PORTS", named)
    with pytest.raises(DeploymentFailed, match=r"BEHOLDEN_PORTS is .*: name the first and the last port"):
        free_port()


def test_commands_say_what_happened(tmp_path: Path, java: Path) -> None:
    """start, status, start, stop and status over the command line, each with its exit code."""
    port = ["--port", str(free_port())]
    runner = CliRunner()
    dialogue = [
        (["status"], 3, "Start one with: beholden broker start"),
        (["start"], 0, "Stop it with: beholden broker stop"),
        (["status"], 0, "up"),
        (["start"], 0, "already running"),
        (["start", "--nodes", "3"], 1, "Error:"),
        (["stop"], 0, "Stopped 1 node."),
        (["status"], 3, "down"),
        (["stop", "--wipe"], 0, "Deleted"),
        (["stop"], 0, "No broker was running"),
    ]
    for arguments, code, words in dialogue:
        result = runner.invoke(command, [*arguments, *port])
        assert (result.exit_code, words in result.output) == (code, True), (arguments, result.output)
    assert not any((tmp_path / "state" / "beholden" / "broker").iterdir())


def test_unusable_folder_is_one_line(tmp_path: Path, java: Path) -> None:
    """A folder that cannot be made is an error line with a remedy, not a traceback."""
    (tmp_path / "file").touch()
    result = CliRunner().invoke(command, ["start", "--data", str(tmp_path / "file" / "data")])
    assert (result.exit_code, result.output.startswith("Error: ")) == (1, True)
    assert "--data" in result.output


def test_no_broker_is_not_healthy(tmp_path: Path) -> None:
    """Zero nodes never count as all nodes answering."""
    assert broker_status.broker_status(tmp_path) == BrokerStatus(tmp_path.resolve(), "", ())
    assert not broker_status.broker_status(tmp_path).healthy
