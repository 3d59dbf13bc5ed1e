"""Is everything there, and once? From the topics alone: it knows nothing of how alerts are made."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from tests.faults.traffic import Pair


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run left in the alerts topic.

    Attributes:
        expected: Passages that had to be alerted about.
        lost: Of those, the ones without an alert.
        doubled: Passages with alerts of different ids: a reader that gives each id once gives two.
        repeated: Records beyond the first of an id: what such a reader hides.
        wrong: Alerts about who was not there.
        longest_wait_s: Longest time from a frame's capture to its alert: what the fault cost.
    """

    expected: int
    lost: tuple[Pair, ...]
    doubled: tuple[Pair, ...]
    repeated: int
    wrong: tuple[Pair, ...]
    longest_wait_s: float

    @property
    def is_good(self) -> bool:
        """Whether a control room may trust its silence."""
        return not (self.lost or self.doubled or self.wrong)


def check(alerts: Iterable[bytes], expected: Mapping[Pair, datetime], known: Set[Pair]) -> Verdict:
    """Hold the alerts topic against the truth.

    Args:
        alerts: All its records.
        expected: Of this run.
        known: Of earlier runs on the same cluster; their alerts are theirs.
    """
    ids: defaultdict[Pair, set[str]] = defaultdict(set)
    records: Counter[Pair] = Counter()
    waits = [0.0]
    for value in alerts:
        alert = json.loads(value)
        pair = alert["camera"], alert["entry"]
        if pair not in known:
            ids[pair].add(alert["alert_id"])
            records[pair] += 1
            wait = datetime.fromisoformat(alert["alerted_at"]) - datetime.fromisoformat(alert["captured_at"])
            waits.append(wait.total_seconds())
    return Verdict(
        expected=len(expected),
        lost=tuple(sorted(expected.keys() - ids.keys())),
        doubled=tuple(sorted(pair for pair, names in ids.items() if len(names) > 1)),
        repeated=sum(records.values()) - sum(len(names) for names in ids.values()),
        wrong=tuple(sorted(ids.keys() - expected.keys())),
        longest_wait_s=max(waits),
    )
