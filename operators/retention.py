"""How long things are kept, as a policy says it: topics, the check of them and the public notice are made of this."""

import re
from dataclasses import dataclass

_LASTS = re.compile(r"([1-9][0-9]{0,5}) (s|min|h|d)")
_UNIT_MS = {"s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LEDGER_FLOOR = "183 d"  # six months: Regulation (EU) 2024/1689, articles 19 and 26(6)


def lasts_ms(text: str) -> int:
    """Milliseconds of a length of time such as `10 min`.

    Raises:
        ValueError: It is written otherwise.
    """
    found = _LASTS.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r}: write a whole number and s, min, h or d, as 10 min")
    return int(found[1]) * _UNIT_MS[found[2]]


@dataclass(frozen=True, slots=True)
class Kept:
    """How long records of one topic are kept.

    Attributes:
        keep: What Kafka is told: at least so long. Too short, and what is wanted is gone.
        roll: How long a segment is written; its first record waits for its last. Too short makes many small files.
        at_most: What is promised of the oldest record.
    """

    keep: str
    roll: str
    at_most: str

    def __post_init__(self) -> None:
        keep, roll, most = (lasts_ms(text) for text in (self.keep, self.roll, self.at_most))
        if keep + roll >= most:
            raise ValueError(
                f"at_most: a record kept for {self.keep} in a segment of {self.roll} grows older than {self.at_most}; "
                "keep or roll must be shorter"
            )


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """How long what was withdrawn from a list may still lie on a disk.

    Attributes:
        at_most: What is promised.
    """

    at_most: str

    def __post_init__(self) -> None:
        lasts_ms(self.at_most)


@dataclass(frozen=True, slots=True)
class RetentionProfile:
    """One profile.

    Attributes:
        profile: Its name, that of the file in configs/retention whose numbers these are.
        about: What it is, in words a member of the public understands.
        frames: Images of cameras.
        alerts: Possible matches, without pictures.
        evidence: What each was decided from, encrypted.
        dead_letters: Frames that could not be looked at, without pictures.
        watchlist: Entries that were withdrawn.
        ledger: Decisions, changes, deletions and counts.
    """

    profile: str
    about: str
    frames: Kept
    alerts: Kept
    evidence: Kept
    dead_letters: Kept
    watchlist: Withdrawn
    ledger: Kept

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.profile):
            raise ValueError("profile: must be the name of a profile, such as uk-strict")
        if not self.about.strip():
            raise ValueError("about: must not be empty")
        if lasts_ms(self.ledger.keep) < lasts_ms(LEDGER_FLOOR):
            raise ValueError(f"ledger.keep: must be at least {LEDGER_FLOOR}, found {self.ledger.keep}")
        if lasts_ms(self.evidence.at_most) > lasts_ms(self.ledger.keep):
            raise ValueError("ledger.keep: the ledger must outlast evidence, it says what became of it")
