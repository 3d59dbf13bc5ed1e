"""Recognisers that stand by: who is called when the process of another ends, and when they stand by again."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from cluster.recogniser_status import STANDING_BY
from cluster.status import Member

log = logging.getLogger("beholden.supervisor")


class Standbys:
    """Calls one for each that ends, and sends all of them back when everybody else is at work. Thread-safe.

    Args:
        names: Those whose place it is to stand by.
        tell: Has a recogniser, by name, stand by, or not.

    Attributes:
        names: As above.
    """

    def __init__(self, names: Iterable[str], tell: Callable[[str, bool], None]) -> None:
        self.names = frozenset(names)
        self._tell = tell
        self._lock = threading.Lock()
        self._called: dict[str, float] = {}

    def replace(self, name: str, members: Mapping[str, Member]) -> None:
        """Somebody's process has ended: call one that stands by, unless it was one of these itself.

        Args:
            name: Whose.
            members: Everybody as they were last heard, by name.
        """
        with self._lock:
            if name not in members:  # nobody wants it any more
                return
            ended_at_work = name in self._called or members[name].state != STANDING_BY
            self._called.pop(name, None)
            waiting = [each for each, member in members.items() if member.state == STANDING_BY and each != name]
            ready = [each for each in waiting if each not in self._called]
            if ended_at_work and ready:
                log.info("the process of %s has ended: one that stands by goes to work", name)
                self._called[ready[0]] = time.monotonic()
                self._tell(ready[0], False)

    def send_back(self, heard: Mapping[str, Member], asked_s: float) -> None:
        """Have all stand by again when everybody else is at work, and there is somebody.

        Args:
            heard: All recognisers that are wanted, by name.
            asked_s: When they were asked, by `time.monotonic`: who was called since is needed for what has come since.
        """
        with self._lock:
            others = [member for name, member in heard.items() if name not in self.names]
            if not others or not all(member.is_at_work for member in others):
                return
            for name in heard.keys() & self.names:
                if heard[name].state != STANDING_BY and self._called.get(name, asked_s) <= asked_s:
                    self._called.pop(name, None)
                    self._tell(name, True)
