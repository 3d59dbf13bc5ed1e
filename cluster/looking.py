"""Has frames looked at so that none of them can stop a recogniser for ever, and none is passed over for an ill machine.

See docs/decisions/0017-poison-frames.md.
"""

import logging
import time
from collections.abc import Callable, Sequence

from cluster.backoff import pause_s
from cluster.in_hand import InHand
from cluster.ports import Record
from cluster.watchdog import or_die
from operators.errors import BeholdenError, FrameReason, FrameRefused, ModelsFail
from operators.vision import Seen, Vision

TRIES = 3  # of a frame by itself, until it is to blame
PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
PARKED_TRIES = 10  # 15 s on average; then the process ends: a CUDA context that is broken needs a new one

log = logging.getLogger("beholden.looking")


class Looking:
    """The models, and whose fault it is when they fail.

    What they fail on is tried again: all of it, then frame by frame. A frame is to blame once the models have failed on
    it three times and each time, right after, have not failed on a plain picture. While they fail on that too, nothing
    goes on and nothing is passed over.

    Args:
        vision: The models.
        in_hand: Where the frames they are given are written down.
        stopping: Whether to give up waiting for models that fail.

    Attributes:
        waiting_for: What nothing goes on for; None while the models work.
    """

    def __init__(self, vision: Vision, in_hand: InHand, stopping: Callable[[], bool]) -> None:
        self._vision = vision
        self._in_hand = in_hand
        self._stopping = stopping
        self.waiting_for: str | None = None

    def see(self, records: Sequence[Record]) -> list[Seen | FrameRefused]:
        """See `Vision.see`.

        Raises:
            ModelsFail: This process is stopping; or the models have failed for so long that another one must be tried.
        """
        return [one for part in self._in_hand.parts(records) for one in self._see(part)]

    def _see(self, records: Sequence[Record]) -> list[Seen | FrameRefused]:
        """Faces of these; of several that the models fail on, one after the other.

        Where it raises because the models fail, the frames stay in hand: they may be what the models choke on.
        """
        self._in_hand.take(records)
        enough, failures, trouble = TRIES if len(records) == 1 else 1, 0, ""
        for _ in range(PARKED_TRIES):
            try:
                with or_die(self._in_hand.longest_s):
                    found = self._vision.see([record.value for record in records])
            except Exception as error:  # noqa: BLE001 - networks, OpenCV and CUDA raise what they like
                trouble = _name(error)
                log.warning("the models fail on %d frames, from %s on: %s", len(records), records[0].ref, trouble)
                failures = failures + 1 if self._are_well() else 0
            else:
                self._in_hand.put_down(records)
                return found
            if failures == enough:
                return self._blame(records, trouble)
            time.sleep(pause_s(failures, PAUSE_S, LONGEST_PAUSE_S))
        raise ModelsFail(f"the models fail, now and then on a plain picture too: {trouble}; no frame was passed over")

    def _blame(self, records: Sequence[Record], trouble: str) -> list[Seen | FrameRefused]:
        """One of these it is: the one that fails by itself."""
        if len(records) > 1:
            return [one for record in records for one in self._see([record])]
        self._in_hand.put_down(records)
        return [FrameRefused(FrameReason.MODEL_FAILED, f"{TRIES} times, and not on a plain picture: {trouble}")]

    def _are_well(self) -> bool:
        """Wait until the models can see a plain picture; whether they could at once."""
        for attempt in range(PARKED_TRIES):
            try:
                with or_die(self._in_hand.longest_s):
                    self._vision.check()
            except Exception as error:  # noqa: BLE001 - as above
                self.waiting_for = f"the models fail, on a plain picture too: {_name(error)}"
                self._give_up_if_stopping()
                time.sleep(pause_s(attempt, PAUSE_S, LONGEST_PAUSE_S))
            else:
                self.waiting_for = None
                return attempt == 0
        raise ModelsFail(f"{self.waiting_for}; no frame was passed over") from None

    def _give_up_if_stopping(self) -> None:
        if self._stopping():
            self._in_hand.put_down([])
            raise ModelsFail(f"{self.waiting_for}; stopped") from None


def _name(error: Exception) -> str:
    """What to say of an error. The texts of others' may hold what they were given, ours never do."""
    said = str(error) if isinstance(error, BeholdenError) else ""
    return f"{type(error).__name__} ({said})" if said else type(error).__name__
