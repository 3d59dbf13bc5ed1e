"""Answers over HTTP whether this process lives, and whether what it looks after is ready: for probes of containers."""

import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Any

from cluster.telemetry.settings import host_and_port

SILENT_S = 300.0  # longer than any step may take, a wait for another command that holds the cluster's lock included
ASKER_S = 5.0  # whoever asks and then says nothing
NOTICES_S = 0.1  # that it is to be closed


class Health(ThreadingHTTPServer):
    """Answers `/livez` and `/readyz` until closed; the body says why to whoever asks from this machine.

    Args:
        listen: HOST:PORT; port 0 takes any that is free.

    Raises:
        ValueError: It is no HOST:PORT.
        OSError: It cannot listen there.
    """

    daemon_threads = True

    def __init__(self, listen: str) -> None:
        self._noted = time.monotonic(), False, "starting"
        super().__init__(host_and_port(listen), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(NOTICES_S,), name="health", daemon=True)
        self._thread.start()

    def note(self, is_ready: bool, why: str) -> None:
        """Answer so from now on."""
        self._noted = time.monotonic(), is_ready, why

    def answer(self, path: str, asker: str) -> tuple[HTTPStatus, str]:
        """What is said to whoever asks there from this address; why names others, and is for this machine alone."""
        status, why = self._answer(path)
        if status == HTTPStatus.NOT_FOUND or ip_address(asker).is_loopback:
            return status, why
        return status, "well" if status == HTTPStatus.OK else "not well: the log says why"

    def _answer(self, path: str) -> tuple[HTTPStatus, str]:
        noted_s, is_ready, why = self._noted
        is_alive = time.monotonic() - noted_s < SILENT_S
        if path == "/livez" or not is_alive:
            why = why if is_alive else f"nobody has looked for {SILENT_S:.0f} s"
            return _status(is_alive), why
        return (_status(is_ready), why) if path == "/readyz" else (HTTPStatus.NOT_FOUND, "ask /livez or /readyz")

    def close(self) -> None:
        """Answer no more."""
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Health
    timeout = ASKER_S

    def do_GET(self) -> None:
        """Answer one question."""
        status, why = self.server.answer(self.path, self.client_address[0])
        body = f"{why}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
        """Nothing: a line for each question tells nobody anything."""


def _status(is_well: bool) -> HTTPStatus:
    return HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE
