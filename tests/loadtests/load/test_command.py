"""What `beholden-load` says by its exit status, and what it refuses before a run."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from loadtests.bench_result import load_command
from loadtests.load import command, session
from loadtests.load.command import load, main
from loadtests.load.scenario import FOLDER, find_scenario


class Opened(Exception):
    """A session was opened."""


@pytest.fixture(autouse=True)
def unopened(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker and no cluster: whoever opens a session is told by an error."""

    @contextmanager
    def opens(*_: object) -> Iterator[None]:
        raise Opened
        yield

    monkeypatch.setattr(session, "open_session", opens)
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_a_file_that_cannot_be_written_is_refused_before_the_run(option: str, tmp_path: Path) -> None:
    """And not after hours."""
    done = CliRunner().invoke(load, ["run", "smoke", option, str(tmp_path / "nowhere" / "run")])
    assert isinstance(done.exception, SystemExit), done.exception
    assert "nowhere" in done.output


@pytest.mark.parametrize(
    ("name", "more", "told"),
    [
        ("run", ["--seconds", "40"], "beholden-load run mine.yaml --seconds 40.0"),
        ("capacity", ["--from", "12", "--minutes", "3"], "beholden-load capacity mine.yaml --minutes 3.0 --from 12.0"),
    ],
)
def test_the_command_that_is_kept_names_no_folder_of_this_machine(
    name: str, more: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it reads by its name, what it writes not at all."""
    mine, kept = tmp_path / "mine.yaml", list[str]()
    document = yaml.safe_load(find_scenario("smoke").read_text())
    document["cluster"]["file"] = str((FOLDER / document["cluster"]["file"]).resolve())
    mine.write_text(yaml.safe_dump(document))

    @contextmanager
    def opens(*_: object) -> Iterator[None]:
        kept.append(load_command())
        raise Opened
        yield

    monkeypatch.setattr(session, "open_session", opens)
    files = ["--json", str(tmp_path / "found.json"), "--html", str(tmp_path / "found.html")]
    done = CliRunner().invoke(load, [name, str(mine), *more, *files])
    assert isinstance(done.exception, Opened), done.output
    assert kept == [told]


def test_a_file_is_neither_made_nor_changed_before_there_is_a_result(tmp_path: Path) -> None:
    """A run that fails leaves what was there."""
    new, old = tmp_path / "new.json", tmp_path / "old.html"
    old.write_text("before")
    done = CliRunner().invoke(load, ["run", "smoke", "--json", str(new), "--html", str(old)])
    assert isinstance(done.exception, Opened)
    assert not new.exists()
    assert old.read_text() == "before"


def test_what_breaks_a_run_is_no_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, and where it broke: 1 says that the cluster is not as asked."""
    monkeypatch.setattr(command.sys, "argv", ["beholden-load", "run", "smoke"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "Opened" in capsys.readouterr().err
