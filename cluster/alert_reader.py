"""Alerts for a control room: each one once, also across restarts, whatever the mode of delivery.

    with closing(AlertReader(kafka, Path("alerts.sqlite"))) as reader:
        while True:
            reader.read(show, timeout_s=1.0)

`show(record, connection)` is called with one alert; `json.loads(record.value)` has the form of
cluster/schemas/alert.schema.json. When it returns, the alert is taken. To have the effect of an alert exactly once,
write it with `connection`, into tables of your own in the same file, and do not commit: the reader does, together with
its position. An effect elsewhere, on a screen or in another system, happens at least once: a process that ends before
`read` has returned may repeat the alert it was about to note. An alert that says `canary` is about nobody: show it to
nobody who acts on alerts.
"""

from pathlib import Path

from cluster.alert_store import AlertStore, Take
from cluster.clocks import SystemClock
from cluster.kafka.admin import topic_id
from cluster.kafka.reader import OffsetsUnknown, TopicReader
from cluster.kafka.topics import ALERTS
from cluster.kafka_settings import KafkaSettings
from cluster.ports import Clock


class AlertReader:
    """Reads topic `alerts` from where it ended last, at first from its beginning, and gives each alert id once.

    Of aborted transactions it sees nothing. It belongs to no consumer group: every control room has its own store and
    gets all alerts.

    Args:
        kafka: Which Kafka.
        file: The store; made when it is missing. One process at a time.
        clock: The time.

    Raises:
        BrokerUnavailable: Kafka does not answer, or the topic does not exist.
        SettingsRefused: The file is not such a store, or another process uses it.
    """

    def __init__(self, kafka: KafkaSettings, file: Path, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._store = AlertStore(file)
        try:
            since = self._store.positions(topic_id(kafka, ALERTS))
            try:
                self._reader = TopicReader(kafka, ALERTS, 0, 1, from_beginning=True, since=since)
            except OffsetsUnknown:  # the topic has lost records: what is there is read again, and known by its ids
                self._store.forget_positions()
                self._reader = TopicReader(kafka, ALERTS, 0, 1, from_beginning=True)
        except BaseException:
            self._store.close()
            raise

    def read(self, take: Take, timeout_s: float) -> int:
        """Hand over what has come; how many alerts that were. Waits up to `timeout_s` for the first.

        Should `take` raise, this reader must be closed: a new one goes on with the alert that was not taken.

        Raises:
            BrokerUnavailable: Kafka has gone away; reading again later goes on.
        """
        return sum(self._store.take(record, self._clock.now(), take) for record in self._reader.poll(timeout_s))

    def close(self) -> None:
        """Let go of the connection and of the file."""
        self._reader.close()
        self._store.close()
