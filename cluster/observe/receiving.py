"""The small collector of `cluster.telemetry.receiver`, for the length of a block."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from cluster.telemetry.receiver import Receiver
from cluster.telemetry.settings import host_and_port
from cluster.telemetry.span_store import SpanStore
from operators.errors import DeploymentFailed


@contextmanager
def receiving(listen: str, store: Path) -> Iterator[str]:
    """Take spans and metrics over OTLP; spans are kept, metrics are acknowledged and dropped.

    Args:
        listen: HOST:PORT.
        store: File that spans are kept in.

    Yields:
        Its address.

    Raises:
        DeploymentFailed: Nothing can listen there.
        SettingsRefused: The file is no store of traces.
    """
    try:
        host, port = host_and_port(listen)
    except ValueError:
        raise DeploymentFailed(
            f"nothing can listen on {listen}: name HOST:PORT with --otlp, and http://HOST:PORT in the cluster file"
        ) from None
    with closing(SpanStore(store)) as spans:
        try:
            receiver = Receiver(host, port, spans)
        except OSError as error:
            raise DeploymentFailed(
                f"nothing can listen on {listen} ({error.strerror or error}): free that address, or name another one "
                "with --otlp and in the cluster file"
            ) from None
        with receiver:
            thread = threading.Thread(target=receiver.serve_forever, args=(0.05,), name="receiver", daemon=True)
            thread.start()
            try:
                yield receiver.address
            finally:
                receiver.shutdown()
                thread.join()
