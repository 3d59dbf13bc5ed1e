"""Whoever asks how a cluster is gets an answer, or hears that there is none."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import onlooker
from tests.onlooker import Onlooker


def test_whoever_never_answers_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that hangs fails a test and does not hold it for ever; the next question starts another process."""
    started: list[subprocess.Popen[str]] = []

    def silent(_: Any, **options: Any) -> subprocess.Popen[str]:
        started.append(begin(["sleep", "30"], **options))
        return started[-1]

    begin = subprocess.Popen
    monkeypatch.setattr(onlooker, "ANSWER_S", 0.05)
    monkeypatch.setattr(subprocess, "Popen", silent)
    asking = Onlooker(Path("cluster.yaml"), {"PATH": "/usr/bin:/bin"})
    for number in (1, 2):
        with pytest.raises(LookupError, match="did not answer"):
            asking.members()
        assert len(started) == number
        assert started[-1].returncode is not None
