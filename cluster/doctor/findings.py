"""What every check of `beholden doctor` gives."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from operators.errors import BeholdenError

INSTALL = "pip install 'beholden[cpu]' (or [gpu]) in an environment of its own"


class Level(StrEnum):
    """How bad a finding is: a warning works, only worse than it could; a fault does not work."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        level: How bad it is.
        finding: What was found.
        advice: What to do; empty when there is nothing to do.
    """

    level: Level
    finding: str
    advice: str = ""


Checks = dict[str, Callable[[], list[Finding]]]
Report = dict[str, list[Finding]]


def ok(finding: str) -> Finding:
    """Nothing to do."""
    return Finding(Level.OK, finding)


def warning(finding: str, advice: str) -> Finding:
    """Works, only worse than it could."""
    return Finding(Level.WARNING, finding, advice)


def fault(finding: str, advice: str) -> Finding:
    """Does not work."""
    return Finding(Level.FAULT, finding, advice)


def refused(error: BeholdenError) -> Finding:
    """An error of ours as a fault: the last part of its text says what to do."""
    finding, found, advice = str(error).rpartition("; ")
    return fault(finding, advice) if found else fault(advice, "change what the message names")


def guarded(check: Callable[[], list[Finding]]) -> list[Finding]:
    """The findings of a check, or a fault that names what it raised."""
    try:
        return check()
    except ImportError as error:
        return [fault(f"cannot be checked: {error}", f"{INSTALL}, then look again")]
    except BeholdenError as error:
        return [refused(error)]
    except Exception as error:  # noqa: BLE001 - a doctor that falls over helps nobody; the finding carries the error
        return [fault(f"the check itself failed: {type(error).__name__}: {error}", "please report this as a bug")]
