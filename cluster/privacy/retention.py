"""How long things are kept: one profile, from which the topics, the check of them and the public notice are made."""

import re
from dataclasses import dataclass
from pathlib import Path

from cluster.kafka_io import ALERTS, DEAD_LETTERS, EVIDENCE, FRAMES, LEDGER
from cluster.settings import ClusterSettings
from cluster.strict_yaml import read
from operators.errors import SettingsRefused
from operators.policy import Policy

_LASTS = re.compile(r"([1-9][0-9]{0,5}) (s|min|h|d)")
_UNIT_MS = {"s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
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

    @property
    def topic_settings(self) -> dict[str, str]:
        """What its topic is made with. Kafka's own clock counts: a producer's may run ahead, and records would stay."""
        return {
            "cleanup.policy": "delete",
            "retention.ms": str(lasts_ms(self.keep)),
            "segment.ms": str(lasts_ms(self.roll)),
            "message.timestamp.type": "LogAppendTime",
        }


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
        profile: Its name, that of its file.
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
        if not self.about.strip():
            raise ValueError("about: must not be empty")
        if lasts_ms(self.ledger.keep) < lasts_ms(LEDGER_FLOOR):
            raise ValueError(f"ledger.keep: must be at least {LEDGER_FLOOR}, found {self.ledger.keep}")
        if lasts_ms(self.evidence.at_most) > lasts_ms(self.ledger.keep):
            raise ValueError("ledger.keep: the ledger must outlast evidence, it says what became of it")

    @property
    def topics(self) -> dict[str, Kept]:
        """By name of the topic, without prefix."""
        return {
            FRAMES: self.frames,
            ALERTS: self.alerts,
            EVIDENCE: self.evidence,
            DEAD_LETTERS: self.dead_letters,
            LEDGER: self.ledger,
        }


def read_profile(policy: Policy, folder: Path) -> RetentionProfile:
    """The profile that a policy names.

    Raises:
        SettingsRefused: There is none of that name, or something in it is wrong, by line.
    """
    path = folder / f"{policy.retention}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml"))) or "none"
        raise SettingsRefused(
            f"no retention profile {path.name} in {folder} (there: {known}); name one of them in the policy, or set "
            "'retention' in the cluster file to the folder that has it"
        )
    profile = read(path, RetentionProfile)
    if profile.profile != policy.retention:
        raise SettingsRefused(f"{path}: is profile {profile.profile}; name the file after its profile")
    return profile


def profile_of(settings: ClusterSettings, policy: Policy) -> RetentionProfile:
    """The same, from the folder that a cluster file names.

    Raises:
        SettingsRefused: As `read_profile`.
    """
    return read_profile(policy, settings.retention_folder)
