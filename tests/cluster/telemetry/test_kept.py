"""How old records are is measured again and again, and what is not known is not told."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import pytest

from cluster.kafka.reader import Extent
from cluster.privacy.retention_check import AHEAD, Age
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


def test_no_camera_whose_clock_is_wrong_has_a_topic_called_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames have the time of their camera, and one of last year came just now: no age is told of them."""
    ages = [
        Age("frames", 2000, {"retention.ms": 1000, AHEAD: 1000}),
        Age("alerts", 2000, {"retention.ms": 1000}),
        Age("watchlist", 2000, {"segment.ms": 1000}),
        Age("policy", None, {}, endless="for ever"),
    ]
    monkeypatch.setattr(kept, "measure", lambda *_: ages)
    monkeypatch.setattr(kept, "read_extent", lambda *_: Extent(datetime(2020, 1, 1, tzinfo=UTC), 0))
    monkeypatch.setattr(KeptWatch, "_run", lambda _: None)
    found = KeptWatch(Mock(), Mock())._look(Mock())
    assert {each.topic for each in found if each.oldest_s is not None} == {"alerts"}
    assert [(each.topic, each.possible_s) for each in found][:2] == [("frames", 2.0), ("alerts", 1.0)]
