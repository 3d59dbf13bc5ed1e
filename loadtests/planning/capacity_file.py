"""What `beholden-load capacity --json` wrote, as far as planning goes by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.load.capacity import FORM
from loadtests.load.markup import read_document
from loadtests.planning.demand import Ask
from operators.errors import SettingsRefused


@dataclass(frozen=True, slots=True)
class Measured:
    """One search for a capacity.

    Attributes:
        file: Where it stands.
        ask: What was shown, at one frame a second of each camera.
        recognisers: How many there were.
        threads: Of each one's models.
        partitions: Of the frames topic.
        p99_ms: Its limit; None: it had none.
        holds_fps: The highest rate that held; None: none did.
        fails_fps: The lowest that did not; None where sending was the limit there, or nothing failed.
        trials: As they stand there.
        machine: Where.
        on: When, 2026-11-26.
        command: How.
    """

    file: Path
    ask: Ask
    recognisers: int
    threads: int
    partitions: int
    p99_ms: float | None
    holds_fps: float | None
    fails_fps: float | None
    trials: Sequence[Mapping[str, Any]]
    machine: str
    on: str
    command: str

    @property
    def fps(self) -> float | None:
        """The capacity: between the two rates; None where one of them is not known."""
        if self.holds_fps is None or self.fails_fps is None:
            return None
        return (self.holds_fps + self.fails_fps) / 2


def read_measured(file: Path) -> Measured:
    """What a search for a capacity found.

    Raises:
        SettingsRefused: It is something else, or nothing was tried.
    """
    found = read_document(file, FORM, "capacity")
    scenario, about, trials = found["scenario"], found["about"], found["trials"]
    if not trials:
        raise SettingsRefused(f"{file}: nothing was tried; run it again with more --minutes")
    frames = sum(each["frames"] for each in trials)
    kb = sum(each["mean_bytes"] * each["frames"] for each in trials) / max(1, frames) / 1000
    people = scenario["people"]
    ask = Ask(scenario["cameras"], 1.0, people["list_size"], people["in_view"], kb, with_sender=True)
    fails = found["fails"]
    is_sender = fails is not None and fails["sender"] >= max(1, fails["fails"])
    return Measured(
        file=file,
        ask=ask,
        recognisers=scenario["cluster"]["recognisers"],
        threads=scenario["cluster"]["threads"],
        partitions=about["frame_partitions"],
        p99_ms=scenario["limits"]["p99_ms"],
        holds_fps=found["holds"] and found["holds"]["fps"],
        fails_fps=None if fails is None or is_sender else fails["fps"],
        trials=trials,
        machine=f"{about['processor']}, {about['cores']} cores",
        on=found["begin"][:10],
        command=about["command"],
    )
