"""Spans to a collector, as OTLP over HTTP.

Whatever the collector does, nobody waits for it: spans are queued, the queue is bounded, and what has no room or is not
taken is counted.
"""

import gzip
import logging
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from cluster.software import software
from cluster.telemetry import names
from cluster.telemetry.otlp_spans import request
from cluster.telemetry.settings import signal_address
from cluster.telemetry.spans import Span
from cluster.traces import trace_of

QUEUE_SPANS = 4096  # 2 MB; of alerts' traces, those of some 200
BATCH_SPANS = 512
EVERY_MS = 2000  # a request costs 1 ms here and as much there, however few spans it has
TIMEOUT_S = 3.0
# A collector that has too much to do is asked again within a second; so is one that has just let go of the connection.
RETRY = Retry(
    total=3,
    read=1,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=None,
    backoff_factor=0.1,
    respect_retry_after_header=False,
    raise_on_status=False,
)

log = logging.getLogger("beholden.tracing")
# Its own words for a collector that does not answer, at each try; we say it once.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)

Post = Callable[[bytes], bool]
"""Takes one request to the collector; whether it has taken it."""


class Tracer:
    """Sends the spans of one process, in a thread of its own. Thread-safe.

    Args:
        post: See `Post`.
        service: What the process is: `recogniser`, `shard`, `camera`, `alert-reader`.
        instance: Which of them.
        cluster: Its name, from the cluster file.
    """

    def __init__(self, post: Post, service: str, instance: str, cluster: str) -> None:
        self._post = post
        self._process = _process(service, instance, cluster)
        self._lock = threading.Lock()
        self._queue: deque[Span] = deque()
        self._waiting = 0  # in the queue, and on their way
        self._dropped = 0
        self._is_answering = True
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Spans that were not sent: there was no room, nobody took them, or they came after the end."""
        return self._dropped

    def send(self, spans: Sequence[Span]) -> None:
        """Have spans sent as soon as may be. Returns at once. After `close` they are dropped."""
        with self._lock:
            room = 0 if self._closing.is_set() else max(0, min(len(spans), QUEUE_SPANS - self._waiting))
            self._waiting += room
            self._dropped += len(spans) - room
            self._queue.extend(spans[:room])
        if len(self._queue) >= BATCH_SPANS:
            self._wake.set()

    def close(self, timeout_s: float) -> None:
        """Send what is queued, and wait for that no longer than `timeout_s`."""
        with self._lock:
            self._closing.set()
        self._wake.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._wake.wait(EVERY_MS / 1000)
            self._wake.clear()
            is_last = self._closing.is_set()  # before the queue is looked at: what was given before that goes
            while self._queue:
                self._export([self._queue.popleft() for _ in range(min(len(self._queue), BATCH_SPANS))])

    def _export(self, spans: Sequence[Span]) -> None:
        is_sent = False
        try:
            is_sent = self._post(request(self._process, spans))
            self._say(is_sent)
        except Exception as error:  # noqa: BLE001 - whatever cannot be sent is dropped; nobody has refused it
            log.warning("%d spans cannot be encoded and are dropped: %s", len(spans), trace_of(error))
        with self._lock:
            self._waiting -= len(spans)
            self._dropped += 0 if is_sent else len(spans)

    def _say(self, is_sent: bool) -> None:
        if is_sent and not self._is_answering:
            log.info("the collector takes traces again")
        elif self._is_answering and not is_sent:
            log.warning("the collector takes no traces: they are dropped and counted, nothing waits for them")
        self._is_answering = is_sent


def open_tracer(otlp: str, service: str, instance: str, cluster: str) -> Tracer:
    """What sends spans to a collector; see `Tracer` and `settings.TraceSettings`."""
    return Tracer(Collector(otlp).take, service, instance, cluster)


class Collector:
    """A collector elsewhere.

    Args:
        otlp: Its address.
    """

    def __init__(self, otlp: str) -> None:
        self._address = signal_address(otlp, "traces")
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy, no password and no certificates from the environment
        self._session.headers.update({"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"})
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=RETRY))

    def take(self, body: bytes) -> bool:
        """See `Post`."""
        try:
            said = self._session.post(self._address, gzip.compress(body), timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException:
            return False
        status: int = said.status_code
        return status // 100 == 2


def _process(service: str, instance: str, cluster: str) -> dict[str, names.Value]:
    return {
        names.NAMESPACE: "beholden",
        names.SERVICE: service,
        names.INSTANCE: instance,
        names.VERSION: software(),
        names.HOST: socket.gethostname(),
        names.PID: os.getpid(),
        names.CLUSTER: cluster,
    }
