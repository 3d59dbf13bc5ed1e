"""Is everything there, and once? From the topics alone: it knows nothing of how alerts are made."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from tests.faults.traffic import Pair

LATE_S = 0.5


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
        late_until: When the last alert was made that came more than LATE_S after its frame; None: none was late.
    """

    expected: int
    lost: tuple[Pair, ...]
    doubled: tuple[Pair, ...]
    repeated: int
    wrong: tuple[Pair, ...]
    longest_wait_s: float
    late_until: datetime | None

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
    waits, late = [0.0], list[datetime]()
    for value in alerts:
        alert = json.loads(value)
        pair = alert["camera"], alert["entry"]
        if pair not in known:
            ids[pair].add(alert["alert_id"])
            records[pair] += 1
            alerted_at = datetime.fromisoformat(alert["alerted_at"])
            waits.append((alerted_at - datetime.fromisoformat(alert["captured_at"])).total_seconds())
            late += [alerted_at] * (waits[-1] > LATE_S)
    return Verdict(
        expected=len(expected),
        lost=tuple(sorted(expected.keys() - ids.keys())),
        doubled=tuple(sorted(pair for pair, names in ids.items() if len(names) > 1)),
        repeated=sum(records.values()) - sum(len(names) for names in ids.values()),
        wrong=tuple(sorted(ids.keys() - expected.keys())),
        longest_wait_s=max(waits),
        late_until=max(late, default=None),
    )
