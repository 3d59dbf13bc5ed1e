"""A bound on what has been handed to a producer and is not acknowledged: kafka-python 3 has none of its own."""

import threading
from collections.abc import Callable
from typing import Any


class InFlight:
    """Counts bytes on their way, and has whoever adds to them wait while there are too many. Thread-safe.

    Args:
        limit_bytes: From so many on nothing is added; a single message may go beyond.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._room = threading.Condition()
        self._bytes = 0

    @property
    def size_bytes(self) -> int:
        """On their way."""
        return self._bytes

    def send(self, size_bytes: int, send: Callable[[], Any]) -> Any:
        """Wait for room, hand a message to the producer, and count it until its future is done; that future.

        What `send` raises is raised, and nothing counted.
        """
        self.add(size_bytes)
        try:
            future = send()
        except BaseException:
            self.remove(size_bytes)
            raise
        future.add_both(lambda _: self.remove(size_bytes))
        return future

    def add(self, size_bytes: int) -> None:
        """Wait for room, then count a message. The producer gives up what is not acknowledged in time: room comes."""
        with self._room:
            self._room.wait_for(lambda: self._bytes < self._limit_bytes)
            self._bytes += size_bytes

    def remove(self, size_bytes: int) -> None:
        """A message has been acknowledged or given up."""
        with self._room:
            self._bytes -= size_bytes
            self._room.notify_all()
