"""Whether a run was as its scenario asks."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.load.scenario import Limits


@dataclass(frozen=True, slots=True)
class Found:
    """What a run came to.

    Attributes:
        lost: See `Limits`; all others, too. None: not known.
        wrong: .
        repeated: .
        missed_share: .
        dead_lettered: .
        expected: Passages of listed people that were shown.
        again: Records of alerts beyond the first under one id; None: the delivery allows them.
        is_replaced: Whether a recogniser was replaced though nothing was to be broken.
        shed_share: .
        p50_ms: None: there was no alert.
        p95_ms: .
        p99_ms: .
        fps: Frames a second that reached their end.
        memory_mib: None: no recogniser was found among the processes.
        limit: Why the sender and not the cluster was the limit; None: it was not.
    """

    lost: int | None
    wrong: int
    repeated: int
    missed_share: float
    dead_lettered: int
    expected: int
    again: int | None
    is_replaced: bool
    shed_share: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    fps: float
    memory_mib: float | None
    limit: str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was asked.

    Attributes:
        name: In words.
        asked: The limit, with its unit.
        found: What was found.
        is_kept: Whether that is within the limit.
    """

    name: str
    asked: str
    found: str
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that was asked.

    Attributes:
        findings: One by one.
        limit: Why nothing follows for the cluster: the sender was the limit; None: it was not.
    """

    findings: tuple[Finding, ...]
    limit: str | None

    @property
    def is_good(self) -> bool:
        """Whether all of it was kept, and the sender sent what it was to."""
        return self.limit is None and all(each.is_kept for each in self.findings)

    @property
    def broken(self) -> Sequence[Finding]:
        """What was not kept."""
        return [each for each in self.findings if not each.is_kept]

    def __str__(self) -> str:
        """In a sentence."""
        if self.is_good:
            return "as it should be"
        parts = [f"{each.name} {each.found}, asked {each.asked}" for each in self.broken]
        return "not as it should be: " + "; ".join([*parts, *([self.limit] if self.limit else [])])


def judge(found: Found, limits: Limits) -> Verdict:
    """Hold what was found against what is asked; what is null is not asked."""
    most: list[tuple[str, float | None, float | None, str]] = [
        ("frames lost", found.lost, limits.lost, "{:.0f}"),
        ("wrong alerts", found.wrong, limits.wrong, "{:.0f}"),
        ("repeated alerts", found.repeated, limits.repeated, "{:.0f}"),
        ("passages missed", found.missed_share, limits.missed_share, "{:.1%}"),
        ("frames dead-lettered", found.dead_lettered, limits.dead_lettered, "{:.0f}"),
        ("records written twice", found.again, None if found.again is None else 0, "{:.0f}"),
        ("frames shed", found.shed_share, limits.shed_share, "{:.1%}"),
        ("capture to alert, p50", found.p50_ms, limits.p50_ms, "{:.0f} ms"),
        ("capture to alert, p95", found.p95_ms, limits.p95_ms, "{:.0f} ms"),
        ("capture to alert, p99", found.p99_ms, limits.p99_ms, "{:.0f} ms"),
        ("memory of recognisers", found.memory_mib, limits.memory_mib, "{:.0f} MiB"),
    ]
    findings = [_at_most(*each) for each in most if each[2] is not None]
    if limits.least_fps is not None:
        asked, is_kept = f"at least {limits.least_fps:.1f}/s", found.fps >= limits.least_fps
        findings.append(Finding("frames ended, whatever became of them", asked, f"{found.fps:.1f}/s", is_kept))
    if not found.expected:
        findings.append(Finding("passages of listed people", "at least 1", "0", is_kept=False))
    if found.is_replaced:
        findings.append(Finding("recognisers replaced", "none", "some", is_kept=False))
    return Verdict(tuple(findings), found.limit)


def _at_most(name: str, found: float | None, most: float | None, form: str) -> Finding:
    asked = "at most " + form.format(most)
    if found is None or most is None:
        return Finding(name, asked, "no alert came" if form.endswith(" ms") else "not known", False)
    return Finding(name, asked, form.format(found), found <= most)
