"""How old records are is measured again and again, and what is not known is not told."""

import threading
from collections.abc import Sequence
from typing import Any
from unittest.mock import Mock

import pytest

from cluster.settings import ClusterSettings
from cluster.telemetry import kept
from cluster.telemetry.kept import Kept, KeptWatch
from operators.errors import BrokerUnavailable
from tests.waiting import PATIENCE_S

FOUND = [Kept("frames", 2.0, 1.0, 1.0)]


@pytest.mark.parametrize("error", [BrokerUnavailable("Kafka does not answer"), RuntimeError("nobody thought of it")])
def test_what_cannot_be_measured_is_not_told_and_is_measured_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After any error nothing is told, not what was true once; the next time it is told again."""
    seen: list[Sequence[Kept]] = []
    done = threading.Event()
    answers = iter([FOUND, error, FOUND])

    def look(watch: KeptWatch, policy: Any) -> list[Kept]:
        seen.append(watch.kept)
        answer = next(answers, None)
        if answer is None:
            done.set()
        if isinstance(answer, Exception):
            raise answer
        return answer or []

    monkeypatch.setattr(kept, "EVERY_S", 0.0)
    monkeypatch.setattr(KeptWatch, "_look", look)
    watch = KeptWatch(Mock(spec=ClusterSettings), Mock())
    assert done.wait(PATIENCE_S)
    watch.close()
    assert seen[:4] == [(), FOUND, (), FOUND]
    assert type(error).__name__ in caplog.text
