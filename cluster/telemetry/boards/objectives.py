"""What is promised over 30 days, and alarms when too much of what may go wrong is being used up.

Two windows must agree: the long one says that it matters, the short one that it still goes on. Factors and windows are
those of Google's SRE Workbook, for 30 days: at 14.4 times what is allowed, a fiftieth of all of it is gone in an hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cluster.telemetry.boards.rules import Alarm, Condition, Group, Recorded, Severity

MISSED = "deployment:beholden_objective_missed:ratio"
ALLOWED = "beholden_objective_allowed:ratio"
LATE = "deployment:beholden_erasure_late:bool"
APART = "deployment:beholden_policies_apart:bool"
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
BURNS = (
    (Severity.PAGE, ((14.4, "1h", "5m"), (6.0, "6h", "30m"))),
    (Severity.TICKET, ((3.0, "1d", "2h"), (1.0, "3d", "6h"))),
)
LATE_EFFECT_S = 5.0  # a withdrawal takes effect within a second; a broker that hiccups may cost some more
LATE_SWITCH_S = 2.0  # that recognisers may go by different policies, see cluster/policies/spread.py
_PASSED_OVER = "out_of_hours|stopped|lapsed|sampled|superseded|unknown_camera"  # as the policy wants it
_MISSED_FRAMES = "too_old|skipped|expired"


@dataclass(frozen=True, slots=True)
class Events:
    """A promise about each of many events.

    Attributes:
        bad: How many went wrong in a time `{window}`, by deployment.
        all: How many there were.
        least: So many must have gone wrong in the long window: one of two at night is no trend.
    """

    bad: str
    all: str
    least: int = 3

    def ratio(self, window: str) -> str:
        """The part that went wrong; nothing where there were no events."""
        return f"({self.bad}) / (({self.all}) > 0)".replace("{window}", window)

    def enough(self, window: str) -> tuple[Condition, ...]:
        """Whether enough went wrong to say so."""
        return (Condition(self.bad.replace("{window}", window), f"> {self.least - 0.5}"),)


@dataclass(frozen=True, slots=True)
class Moments:
    """A promise about every moment.

    Attributes:
        wrong: Series that are 1 while something is wrong and 0 otherwise.
    """

    wrong: str

    def ratio(self, window: str) -> str:
        """The part of the time in which something was wrong; of several things the worst."""
        return f"max by (deployment) (avg_over_time({self.wrong}[{window}]))"

    def enough(self, window: str) -> tuple[Condition, ...]:
        """Always: it is about time."""
        return ()


@dataclass(frozen=True, slots=True)
class Objective:
    """One promise.

    Attributes:
        name: Label `objective` of what is recorded.
        alarm: Name of its alarms.
        goal: The part that is to go well, over 30 days.
        kept: What is promised, a sentence.
        measured: By what it is judged.
    """

    name: str
    alarm: str
    goal: float
    kept: str
    measured: Events | Moments


def _sum(metric: str, *matchers: str) -> str:
    chosen = f"{{{', '.join(matchers)}}}" if matchers else ""
    return f"sum by (deployment) (increase({metric}{chosen}[{{window}}]))"


def _none_yet(expr: str, instead: str) -> str:
    """A counter that has not begun counts as 0."""
    return f"{expr} or 0 * {instead}"


_FRAMES = _sum("beholden_frames_total", f'reason!~"{_PASSED_OVER}"')
_UNSEEN = _sum("beholden_frames_total", 'outcome=~"shed|dead_lettered"', f'reason!~"{_PASSED_OVER}"')
_SENT = _sum("beholden_canary_sent_total")

OBJECTIVES = (
    Objective(
        "alerts_in_time",
        "BeholdenAlertsLate",
        0.99,
        "99 % of alerts can be read within telemetry.objective_ms of their frame's capture",
        Events(
            _none_yet(_sum("beholden_alerts_late_total"), _sum("beholden_alert_latency_seconds_count")),
            _sum("beholden_alert_latency_seconds_count"),
        ),
    ),
    Objective(
        "canary_found",
        "BeholdenCanaryMissed",
        0.99,
        "99 % of the canary's passages lead to an alert in time",
        Events(f"{_SENT} - ({_none_yet(_sum('beholden_canary_alerted_total'), _SENT)})", _SENT),
    ),
    Objective(
        "frames_watched",
        "BeholdenFramesUnwatched",
        0.99,
        "99 % of the frames that the policy wants looked at are looked at",
        Events(_none_yet(_UNSEEN, _FRAMES), _FRAMES, least=100),
    ),
    Objective(
        "erased_in_time",
        "BeholdenErasureLate",
        0.995,
        "in 99.5 % of all time nothing outlives its end: withdrawals take effect, faces that match nobody are dropped, "
        "and topics keep nothing for longer than promised",
        Moments(LATE),
    ),
    Objective(
        "policies_agree",
        "BeholdenPoliciesApart",
        0.999,
        "in 99.9 % of all time no recogniser goes by an older policy than the newest for more than 2 s",
        Moments(APART),
    ),
)


def _late(part: str, expr: str) -> Recorded:
    return Recorded(LATE, f"sum by (deployment) ({expr}) > bool 0", {"part": part})


_EFFECT = "beholden_index_effect_duration_seconds"
_IN_TIME = rf'kind="withdrawn", le=~"{LATE_EFFECT_S:g}(\\.0)?"'
LATE_WITHDRAWALS = f'({_EFFECT}_count{{kind="withdrawn"}} - ignoring (le) {_EFFECT}_bucket{{{_IN_TIME}}})'
"""How many took effect too late; a range of it is written `[2m:30s]`."""
WAITING_WITHDRAWAL = 'beholden_index_waiting_seconds{kind="withdrawn"}'
WRONG = (
    _late("withdrawn", f"increase({LATE_WITHDRAWALS}[2m:30s])"),
    _late("waiting", f"{WAITING_WITHDRAWAL} > bool {LATE_EFFECT_S:g}"),
    _late("nonmatch", "increase(beholden_nonmatch_late_drops_total[2m])"),
    _late("oldest", "beholden_retention_oldest_seconds > bool beholden_retention_promised_seconds"),
    _late("possible", "beholden_retention_possible_seconds > bool beholden_retention_promised_seconds"),
    Recorded(
        APART,
        "max by (deployment) (beholden_policy_late_members > bool 0)"
        f" * max by (deployment) (beholden_policy_spread_seconds > bool {LATE_SWITCH_S:g})",
    ),
)
"""What is wrong at a moment: 1, else 0."""


def _records(objective: Objective) -> Iterator[Recorded]:
    labels = {"objective": objective.name}
    yield Recorded(ALLOWED, f"vector({round(1 - objective.goal, 9):g})", labels)
    for window in WINDOWS:
        yield Recorded(f"{MISSED}{window}", objective.measured.ratio(window), labels)


def _missed(objective: Objective, factor: float, window: str) -> Condition:
    chosen = f'{{objective="{objective.name}"}}'
    return Condition(f"{MISSED}{window}{chosen}", f"> {factor:g} * {round(1 - objective.goal, 9):g}")


def _burns(objective: Objective) -> Iterator[Alarm]:
    for severity, pairs in BURNS:
        either = tuple(
            (
                _missed(objective, factor, long),
                _missed(objective, factor, short),
                *objective.measured.enough(long),
            )
            for factor, long, short in pairs
        )
        summary = f"{{{{ $labels.deployment }}}}: {{{{ $value | humanizePercentage }}}} missed of: {objective.kept}"
        yield Alarm(objective.alarm, severity, summary, either)


GROUPS = (
    Group("beholden-wrong", WRONG),
    *(Group(f"beholden-{each.name.replace('_', '-')}", (*_records(each), *_burns(each)), "1m") for each in OBJECTIVES),
)
