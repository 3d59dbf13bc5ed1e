"""Whether anything may be looked at, and who or what says that it may not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cluster.account import Shed


@dataclass(frozen=True, slots=True)
class Halt:
    """Nothing is looked at.

    Attributes:
        reason: What the account of frames says.
        why: What people are told.
    """

    reason: Shed
    why: str


HaltAt = Callable[[datetime], Halt | None]
"""What halts everything at a moment, UTC-aware; None: nothing does. Waits until that is known."""


def nothing_halts(now: datetime) -> None:
    """For a dataflow that nobody gives orders to."""
