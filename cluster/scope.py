"""Whether anything may follow from a frame, by the policy in force and the moment."""

from datetime import timedelta

from cluster.account import Shed
from cluster.policies.standing import Halt, Halting
from cluster.ports import Clock
from operators.errors import FrameReason, FrameRefused
from operators.policy import Policy
from operators.types import Frame

MAX_AGE_MS = 10**13  # three centuries, for ages beyond any calendar


class Scope:
    """What the policy in force covers now. Not thread-safe.

    Args:
        policy: What decides.
        digest: Its digest.
        clock: The time.
        halting: What halts everything that this policy decides.

    Attributes:
        policy: As above; another one once it is exchanged.
        digest: As above.
    """

    def __init__(self, policy: Policy, digest: str, clock: Clock, halting: Halting) -> None:
        self.policy = policy
        self.digest = digest
        self._clock = clock
        self._halting = halting

    @property
    def max_age(self) -> timedelta:
        """Older frames are not looked at."""
        return timedelta(milliseconds=min(self.policy.max_frame_age_ms, MAX_AGE_MS))

    def check(self, frame: Frame) -> None:
        """Refuse a frame of another camera.

        Raises:
            FrameRefused: UNKNOWN_CAMERA.
        """
        if frame.camera not in self.policy.cameras:
            raise FrameRefused(FrameReason.UNKNOWN_CAMERA, "the policy in force does not cover this camera")

    def halt(self) -> Halt | None:
        """Why no frame at all is looked at now; None: nothing halts."""
        return self._halting(self.digest)

    def barred(self, frame: Frame) -> Halt | None:
        """Why a frame is not looked at now, and nothing may follow from it; None: it may be.

        Both the moment at which it was taken and the present must lie within the policy's times.
        """
        if halt := self.halt():
            return halt
        times = (self._clock.now(), frame.captured_at)
        is_in_scope = all(self.policy.in_scope(frame.camera, at) for at in times)
        return None if is_in_scope else Halt(Shed.OUT_OF_HOURS, "outside the times of the policy")
