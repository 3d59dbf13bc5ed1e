"""The same simulation while policies are switched: each process changes over in its own time."""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cluster.pipeline import Pipeline
from operators.decide import WatchlistRule
from operators.policy import Policy
from tests.builders import in_force, policy
from tests.faults.simulator import Faults, World, frames_of, undisturbed

MOST_POLICIES = 5
Alert = dict[str, Any]


def simulate_switches(seed: int, faults: Faults, make: Callable[..., Pipeline] = Pipeline) -> list[str]:
    """Run one schedule with switches; what is wrong with the alerts it leaves, nothing when all is well.

    With policies that differ in what confirms an alert, whom it is about depends on when each process changed over. So
    half of the schedules have policies that differ in their threshold alone, out of everybody's reach: then every alert
    that a run without switches has must be there, and no other.
    """
    chosen = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    policies = _policies(chosen, alike=seed % 2 == 0)
    frames = frames_of(chosen)
    world = World(chosen, faults, policies, frames, make)
    if not world.run():
        return ["a partition is stuck"]
    alerts = [json.loads(value) for value in world.alerts]
    wrong = [text for alert in alerts for text in _disagrees(alert, policies)]
    if seed % 2 == 0:
        expected = [json.loads(value) for value in undisturbed(policies[:1], frames)]
        return wrong + _differences(Counter(map(_about, expected)), Counter(map(_about, alerts)))
    return wrong if world.late else wrong + _repeated(alerts)


def _policies(chosen: random.Random, alike: bool) -> list[Policy]:
    """Numbered from 1."""
    rule = policy().watchlists["sought"]
    found = []
    for number in range(1, chosen.randint(2, MOST_POLICIES) + 1):
        confirm = 1 if alike else chosen.randint(1, 3)
        sightings = replace(policy().sightings, confirm_frames=confirm, of_frames=1 if alike else confirm + 1)
        threshold = chosen.uniform(0.75, 0.95) if alike else chosen.uniform(0.5, 0.95)
        lists: dict[str, WatchlistRule] = {"sought": replace(rule, threshold=threshold, cameras={})}
        found.append(policy(policy=number, sightings=sightings, max_frame_age_ms=3_600_000, watchlists=lists))
    return found


def _disagrees(alert: Alert, policies: Sequence[Policy]) -> list[str]:
    """What of an alert is not as the policy says that it names."""
    named = policies[alert["policy"]["number"] - 1]
    holds = {
        "digest": alert["policy"]["digest"] == in_force(named)[0].digest,
        "threshold": alert["threshold"] == named.watchlists["sought"].threshold <= alert["cosine"],
        "frames": alert["passage"]["frames"] >= named.sightings.confirm_frames,
        "of_frames": alert["passage"]["of_frames"] == named.sightings.of_frames,
    }
    return [f"{_about(alert)}: {what} is not that of policy {named.policy}" for what, held in holds.items() if not held]


def _about(alert: Alert) -> tuple[Any, ...]:
    return alert["camera"], alert["entry"], alert["frame"]["partition"], alert["frame"]["offset"]


def _differences(expected: Counter[tuple[Any, ...]], found: Counter[tuple[Any, ...]]) -> list[str]:
    """One frame may have two records: of a process that was killed, and of the one after it."""
    lost = [f"lost: {about}" for about in expected.keys() - found.keys()]
    return lost + [f"too much: {about}" for about in found.keys() - expected.keys()]


def _repeated(alerts: Sequence[Alert]) -> list[str]:
    """Nobody alerts twice on one camera within the cool-down, which is longer than all frames together."""
    frames: dict[tuple[str, str], set[tuple[Any, ...]]] = {}
    for alert in alerts:
        frames.setdefault((alert["camera"], alert["entry"]), set()).add(_about(alert))
    return [f"{len(found)} alerts: {who}" for who, found in frames.items() if len(found) > 1]
