"""Calls that return, raise, or never do either."""

import contextlib
import faulthandler
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import cluster
from cluster.watchdog import GivenUp, or_die, within
from tests.waiting import PATIENCE_S


def test_what_returns_in_time() -> None:
    """Its value, or its own error: also a TimeoutError of its own, which is not the watchdog's."""
    assert within(PATIENCE_S, lambda: 7) == 7

    def fail() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        within(PATIENCE_S, fail)


def test_what_does_not_return() -> None:
    """It is given up, and goes on by itself."""
    goes_on, done = threading.Event(), threading.Event()
    with pytest.raises(GivenUp, match=r"0\.01 s"):
        within(0.01, lambda: (goes_on.wait(PATIENCE_S), done.set()))
    goes_on.set()
    assert done.wait(PATIENCE_S)


def test_a_block_that_does_not_end_ends_the_process() -> None:
    """With what it was doing on standard error and nothing of its values; what it was about to tidy up stays."""
    code = """
import sys, threading
sys.path.insert(0, sys.argv[1])
from cluster.watchdog import or_die
def hang(secret):
    with or_die(0.05):
        threading.Lock().acquire() and threading.Event().wait()
try:
    hang("secret" * 2)
finally:
    print("tidied up")
"""
    root = str(Path(str(cluster.__file__)).parent.parent)
    ended = subprocess.run([sys.executable, "-c", code, root], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "in hang" in ended.stderr
    assert "secretsecret" not in ended.stderr


def test_a_block_that_ends_in_time_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is stopped, also by an error; without a limit there is none."""
    calls: list[object] = []
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda timeout_s, **_: calls.append(timeout_s))
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", lambda: calls.append("stopped"))
    with or_die(7.0):
        calls.append("works")
    with contextlib.suppress(KeyError), or_die(8.0):
        raise KeyError
    with or_die(None):
        calls.append("for ever")
    assert calls == [7.0, "works", "stopped", 8.0, "stopped", "for ever"]
