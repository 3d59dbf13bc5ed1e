"""Where a process' samples go: to whoever scrapes, and to a collector. Nothing that it does is waited for."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cluster.telemetry.samples import Sample
from cluster.telemetry.settings import MetricSettings

if TYPE_CHECKING:
    from cluster.telemetry.otlp_metrics import MetricPusher
    from cluster.telemetry.scrape import ScrapeServer

RETRY_LISTEN_S = 5.0  # the one before may be about to let go of the address

log = logging.getLogger("beholden.telemetry")


class MetricOutlets:
    """Serves and sends until closed, in a thread of its own, as far as the settings ask for it.

    Of what cannot be sent nothing is kept: the next sending has all counts again.

    Args:
        settings: Where to.
        source: What there is.

    Attributes:
        pushes: Sendings, by outcome.
        listening_on: Port that is listened on; None while there is none.
    """

    def __init__(self, settings: MetricSettings, source: Callable[[], Sequence[Sample]]) -> None:
        self._settings = settings
        self._source = source
        self.pushes = Counter[str]()
        self.listening_on: int | None = None
        self._is_told = False
        self._closing = threading.Event()
        self._pusher: MetricPusher | None = None
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, wanted, run in (
                ("metrics-scrape", settings.listen, self._serve),
                ("metrics-push", settings.otlp, self._send),
            )
            if wanted
        ]
        for thread in self._threads:
            thread.start()

    def close(self, timeout_s: float) -> None:
        """Serve and send nothing more."""
        self._closing.set()
        if self._pusher:
            self._pusher.close()
        for thread in self._threads:
            thread.join(timeout_s)

    def _serve(self) -> None:
        server = None
        while not self._closing.is_set() and server is None:
            server = self._try_to_listen()
            if server is None:
                self._closing.wait(RETRY_LISTEN_S)
        self._closing.wait()
        if server is not None:
            self.listening_on = None
            server.close()

    def _try_to_listen(self) -> "ScrapeServer | None":
        from cluster.telemetry.scrape import ScrapeServer

        listen = self._settings.listen
        assert listen is not None  # noqa: S101 - there is no thread otherwise
        try:
            server = ScrapeServer(listen, self._source)
        except OSError as error:
            if not self._is_told:
                self._is_told = True
                log.warning(
                    "metrics.listen: nothing can listen on %s (%s): free that address or name another one; it is tried "
                    "again, and all else goes on",
                    listen,
                    error,
                )
            return None
        self.listening_on = server.port
        log.info("metrics are served on %s", listen)
        return server

    def _send(self) -> None:
        from cluster.telemetry.otlp_metrics import MetricPusher

        otlp = self._settings.otlp
        assert otlp is not None  # noqa: S101 - as above
        pusher = self._pusher = MetricPusher(otlp, time.time())
        while not self._closing.wait(self._settings.every_s):
            sent = pusher.push(self._source(), time.time())
            self.pushes["sent" if sent else "failed"] += 1
            if not sent and self.pushes["failed"] == 1:
                log.warning("metrics.otlp: %s takes no metrics; it is tried again, and all else goes on", otlp)
