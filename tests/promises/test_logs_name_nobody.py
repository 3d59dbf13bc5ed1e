"""Promise: no line of a log says who was seen or who is listed, and none holds a picture or a vector.

What a log call may be given is an allow-list of expressions. A new one is put on it on purpose, with what it is.
"""

import ast
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cluster import in_hand, looking
from cluster.in_hand import InHand
from cluster.privacy import nonmatches
from cluster.traces import trace_of
from operators.errors import FrameRefused, IndexIncomplete
from operators.vision import Seen
from tests.builders import FakeIndex, FakeVision, Lane, entry, record, unit

ROOT = Path(__file__).resolve().parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
NUMBERS = {"self._slot", "slot", "self._shard", "self._shards", "self._scale.extra", "after.extra", "suspect.deaths"}
NUMBERS |= {"batch.faces", "lived_ms", "self._ceiling_ms", "len(news)", "len(records)", "len(spans)"}
PLACES = {"shown", "path", "status.node_id", "camera", "self._layout"}  # files, machines, cameras
PLACES |= {"record.ref", "records[0].ref"}  # where a frame stands in its topic
PLACES |= {"listen", "otlp"}  # addresses of the cluster file
# Texts of our own, of Kafka, Ray and the file system: none of them is given a face or the reference of a person.
TEXTS = {"error", "unavailable", "unknown", "refused", "trouble", "self._trouble", "said", "case", "said.why", "loads"}
TEXTS |= {"self._failing[1]", "trace_of(error)", "self.close(LEAVE_S)"}
ALLOWED = NUMBERS | PLACES | TEXTS
NAMES = {"cluster/departures.py", "cluster/standbys.py", "cluster/supervisor.py"}  # where a name is that of a process
WITH_TRACEBACK = {"cluster/supervisor.py", "cluster/ledger/checkpoint_keeper.py"}  # no face ever comes there


def log_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of `log.info` and its like."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            owner = node.func.value
            if "log" in ast.unparse(owner).lower():
                yield node


def given(call: ast.Call) -> list[str]:
    """What a log call is given beside its text, as it is written; a constant is nothing."""
    return [ast.unparse(value) for value in call.args[1:] if not isinstance(value, ast.Constant)]


def faults_of(call: ast.Call, file: str = "") -> set[str]:
    """What a log call is given that it may not be."""
    faults = set() if isinstance(call.args[0], ast.Constant) else {"its text is made at run time"}
    faults |= set(given(call)) - ALLOWED - ({"name"} if file in NAMES else set())
    return faults | {f"{keyword.arg}=" for keyword in call.keywords if keyword.arg != "exc_info"}


def test_a_log_call_is_given_what_the_list_allows_and_nothing_else() -> None:
    """Also none with a traceback where faces are: an error's text may hold what it was given."""
    calls, wrong, used = 0, [], set[str]()
    for path in (path for package in ("operators", "indexes", "cluster") for path in (ROOT / package).rglob("*.py")):
        name, text = str(path.relative_to(ROOT)), path.read_text()
        for call in log_calls(ast.parse(text)) if "log" in text else ():
            calls += 1
            with_traceback = ast.unparse(call.func).endswith("exception") or call.keywords
            used.update(given(call))
            faults = faults_of(call, name) | (
                {"a traceback"} if with_traceback and name not in WITH_TRACEBACK else set()
            )
            if faults:
                wrong.append(f"{name}:{call.lineno}: {', '.join(sorted(faults))}")
    assert wrong == []
    assert calls > 20
    assert used >= ALLOWED  # what nobody logs is not allowed beforehand


@pytest.mark.parametrize(
    "line",
    [
        "log.info('%s', jpeg)",
        "log.info('%s', ref)",
        "log.info('%s', person.ref)",
        "log.info('%s', name)",
        "log.info('%s', self.name)",
        "log.info('%s', record.value)",
        "log.info('%s', entry.entry)",
        "log.info('%s', seen.vectors[0])",
        "log.info('%s', vector.tolist())",
        "log.info(f'{ref} matched')",
        "log.info('%s', f'{who}')",
        "log.info('seen', extra={'crop': crop})",
        "logging.getLogger('x').warning('%s', crop)",
        "self.log.debug('%s', hit)",
    ],
)
def test_what_must_not_be_logged_is_found(line: str) -> None:
    """The positive control."""
    [call] = log_calls(ast.parse(line))
    assert faults_of(call)


CANARY = "Jane-Canary-Doe"


class Breaks(FakeVision):
    """Fails on some pictures as a library might: with what it was given in its text."""

    def see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
        """See `FakeVision`."""
        if any(b"break" in jpeg for jpeg in jpegs):
            raise ValueError(f"cannot decode {jpegs!r} of {CANARY}")
        return super().see(jpegs)


def test_a_run_in_which_everything_fails_names_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listed person whose reference is a name, models that tell what they were given, a frame that ends processes."""
    monkeypatch.setattr(looking, "PAUSE_S", 0.0)
    monkeypatch.setattr(looking, "LONGEST_PAUSE_S", 0.0)
    monkeypatch.setattr(in_hand, "LONGEST_S", None)
    index = FakeIndex([entry(CANARY, unit(1))], silent=1)
    lane = Lane(vision=Breaks(), index=index, in_hand=InHand(tmp_path, "recogniser-0"))
    frames = [b"anna stranger", f"break {CANARY}".encode(), CANARY.encode(), b"anna"]
    with caplog.at_level(logging.DEBUG):
        lane.run([record(value, at) for at, value in enumerate(frames)])
    assert len(lane.alerts.messages) == 1
    assert CANARY in lane.alerts.messages[0].value.decode()
    assert "the models fail on 1 frames" in caplog.text
    logged = caplog.text + "".join(repr(each.__dict__) for each in caplog.records)
    assert CANARY not in logged
    assert "stranger" not in logged


def test_a_trace_says_where_and_never_what() -> None:
    """The text of an error of ours is ours; of others, only its kind."""
    try:
        Breaks().see([b"break"])
    except ValueError as error:
        trace = trace_of(error)
    assert "ValueError at " in trace
    assert "test_logs_name_nobody.py" in trace
    assert CANARY not in trace
    assert "shard 1 does not answer" in trace_of(IndexIncomplete("shard 1 does not answer"))


def test_the_alarm_of_a_late_drop_is_counts_alone() -> None:
    """It stands in the module that has every face in hand."""
    [call] = log_calls(ast.parse(Path(nonmatches.__file__).read_text()))
    assert all(isinstance(value, ast.Name | ast.Attribute) for value in call.args[1:])
