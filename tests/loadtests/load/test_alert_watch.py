"""Reading alerts as a control room does."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from cluster.kafka_settings import KafkaSettings
from loadtests.load import alert_watch
from loadtests.load.alert_watch import AlertWatch
from tests.waiting import wait_until


class Garbled:
    """A topic with something in it that is no alert."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.is_closed = False

    def poll(self, _: float) -> list[SimpleNamespace]:
        """See `TopicReader`."""
        return [SimpleNamespace(value=b"no JSON", timestamp_ms=0)]

    def close(self) -> None:
        """See `TopicReader`."""
        self.is_closed = True


def test_what_cannot_be_read_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else nobody would see the alerts after it."""
    monkeypatch.setattr(alert_watch, "TopicReader", Garbled)
    watch = AlertWatch(cast("KafkaSettings", None))

    def fails() -> bool:
        try:
            watch.take()
        except ValueError:
            return True
        return False

    wait_until(fails)
    watch.close()
