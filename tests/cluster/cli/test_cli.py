import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from cluster import cli
from cluster.cli.alerts import line
from cluster.cli.options import Time
from cluster.policies.in_force import read_policy
from cluster.wire.alerts import Alert, encode_alert
from cluster.wire.evidence import EvidenceName
from operators.decide import Match
from operators.errors import BrokerUnavailable
from operators.types import Frame, FrameRef
from tests.builders import NOW, context, hit, policy_document
from tests.drawn import write_deployment

ROOT = Path(__file__).resolve().parents[3]

_HELP = """
import sys
from cluster.cli import beholden
try:
    beholden.main(["--help"], prog_name="beholden")
except SystemExit as ended:
    assert not ended.code
print("LOADED", sorted({name.partition(".")[0] for name in sys.modules} & {"ray", "kafka", "onnxruntime", "faiss"}))
"""


def test_help_lists_all_commands_and_loads_nothing_heavy() -> None:
    """Whoever asks for help does not wait for Ray, Kafka or the models."""
    done = subprocess.run([sys.executable, "-c", _HELP], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "LOADED []"
    listed = {words[0] for row in done.stdout.splitlines() if (words := row.split())}
    assert listed >= {*cli.GROUPS, *cli.ABOVE}
    assert set(cli.ABOVE) == set(entry_points(group="beholden.commands").names)


def test_every_listed_command_exists_and_has_help() -> None:
    """Of this package and of those above; nothing is listed that cannot be called."""
    runner = CliRunner()
    for name in (*cli.GROUPS, *cli.ABOVE):
        found = runner.invoke(cli.beholden, [name, "--help"])
        assert found.exit_code == 0, name
        assert f"Usage: beholden {name}" in found.output


def _main(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    monkeypatch.setattr(sys, "argv", ["beholden", *args])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_an_error_raised_on_purpose_is_one_line_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """No traceback."""
    assert _main(monkeypatch, "policy", "check", str(tmp_path / "absent.yaml")) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("error: ")
    assert "absent.yaml: cannot be read" in err


@pytest.mark.parametrize("args", [("nonsense",), ("policy", "nonsense"), ("policy", "check"), ("up",), ("--nonsense",)])
def test_a_wrong_call_is_status_2_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], args: tuple[str, ...]
) -> None:
    """As everywhere."""
    assert _main(monkeypatch, *args) == 2
    assert "Error: " in capsys.readouterr().err


def test_any_deliberate_error_of_a_command_is_status_1_and_ctrl_c_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Others stay what they are: a traceback is right for what nobody foresaw."""
    faults: dict[BaseException, int] = {BrokerUnavailable("no broker"): 1, KeyboardInterrupt(): 130, click.Abort(): 130}
    path = tmp_path / "policy.yaml"
    for fault, status in faults.items():

        def fail(_: Path, fault: BaseException = fault) -> None:
            raise fault

        monkeypatch.setattr("cluster.policies.files.read_policy", fail)
        assert _main(monkeypatch, "policy", "check", str(path)) == status
    assert capsys.readouterr().err.startswith("error: no broker\n")
    monkeypatch.setattr("cluster.policies.files.read_policy", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_help_and_version_are_status_0(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Short and long."""
    assert [_main(monkeypatch, option) for option in ("-h", "--help", "--version")] == [0, 0, 0]
    assert "Commands" in capsys.readouterr().out


def test_policy_check_prints_number_deployment_and_digest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], write_document: Any
) -> None:
    """One line a file."""
    first = write_document(policy_document(), "one.yaml")
    second = write_document({**policy_document(), "policy": 8}, "two.yaml")
    assert _main(monkeypatch, "policy", "check", str(first), str(second)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"{path}: policy {number} of test, digest {read_policy(path).digest}"
        for path, number in ((first, 7), (second, 8))
    ]


def test_policy_check_names_every_fault_of_a_bad_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], write_document: Any
) -> None:
    """By line, with status 1."""
    document = policy_document()
    del document["watchlists"]["sought"]["threshold"]
    document["camera"] = document.pop("cameras")
    assert _main(monkeypatch, "policy", "check", str(write_document(document))) == 1
    err = capsys.readouterr().err
    for words in ("watchlists.sought.threshold: is missing", "camera: is not a known key: did you mean cameras?"):
        assert words in err


def test_the_policies_of_the_project_are_good() -> None:
    """Those that are shipped, with the manifests that are."""
    files = sorted(map(str, (ROOT / "configs" / "policies").glob("*.yaml")))
    assert files
    manifests = str(ROOT / "configs" / "models")
    assert CliRunner().invoke(cli.beholden, ["policy", "check", "--manifests", manifests, *files]).exit_code == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"people": "real"}, "policy.yaml: embedder.model: drawn-embedder was trained on people who do not exist"),
        ({"detector": {"model": "absent", "sha256": "a" * 64, "manifest": "a" * 64}}, "no manifest absent.yaml"),
        ({"detector": {"model": "drawn-detector", "sha256": "a" * 64, "manifest": "a" * 64}}, "the policy names aaaa"),
    ],
)
def test_policy_check_looks_at_the_manifests_when_it_is_told_where(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    changes: dict[str, Any],
    words: str,
) -> None:
    """A model that is absent, another one, or one that knows no real face, with status 1; else the file alone."""
    write_deployment(tmp_path)
    path = tmp_path / "policy.yaml"
    check = ("policy", "check", str(path))
    assert _main(monkeypatch, *check, "--manifests", str(tmp_path)) == 0
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}, allow_unicode=True))
    assert _main(monkeypatch, *check) == 0
    capsys.readouterr()
    assert _main(monkeypatch, *check, "--manifests", str(tmp_path)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err


def _time(text: str) -> datetime:
    return Time().convert(text, None, None)


def test_a_time_is_given_with_its_zone_or_in_days_from_now() -> None:
    """Both are UTC afterwards."""
    assert _time("2026-01-31T14:00:00+02:00") == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert _time("2026-01-31T12:00:00Z").tzinfo is UTC
    for text, days in (("0d", 0), ("1d", 1), ("30d", 30), ("0365d", 365)):
        assert abs(_time(text) - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=1)
    assert Time().convert(NOW, None, None) is NOW


@pytest.mark.parametrize(
    "text",
    ["", "d", "30", "-1d", "1.5d", "30 d", "²d", "99999999999d", "tomorrow", "2026-01-31T12:00:00", "9" * 5000 + "d"],
)
def test_what_is_no_time_is_a_wrong_call(text: str) -> None:
    """The message shows both forms."""
    with pytest.raises(click.BadParameter, match=r"2026-01-31T12:00:00Z.*30d"):
        _time(text)


def test_an_alert_is_one_line_that_says_possible_match() -> None:
    """With camera, entry, both numbers and the id to look it up by."""
    frame = Frame(FrameRef("frames", 0, 1), "Süd-Tor 3 出口", b"", NOW)
    match = Match("sought", "Find them.", 0.6, (hit("anna", 0.91234),))
    alert = Alert(frame, 0, (0, 0, 1, 1), 0.9, match, "0" * 16, 1, NOW, NOW)
    body = json.loads(encode_alert(alert, context(), EvidenceName("1" * 64, "2" * 16, "3" * 64))[0])
    text = line(body).plain
    assert "\n" not in text
    for words in (
        "12:00:00.000",
        "Süd-Tor 3 出口",
        "possible match anna on sought",
        "0.912 >= 0.600",
        body["alert_id"],
    ):
        assert words in text
