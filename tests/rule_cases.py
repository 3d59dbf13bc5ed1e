"""For each alarm, courses of metrics under which it comes and under which it does not, as promtool takes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Courses = Mapping[str, str]
PAGE, TICKET = "page", "ticket"
LANE = "member:recogniser-0,node:n"


@dataclass(frozen=True, slots=True)
class Case:
    """One course.

    Attributes:
        alarm: Name without `Beholden`.
        severity: Of the rule that is meant.
        what: What has happened.
        courses: Values by series, a minute apart, in promtool's notation; labels as `name{label:value}`.
        minutes: How long it goes on.
        fires: Labels of each alarm that is firing then, beside its name, severity and deployment.
    """

    alarm: str
    severity: str
    what: str
    courses: Courses
    minutes: int
    fires: Sequence[Mapping[str, str]] = field(default_factory=list)

    def __str__(self) -> str:
        """As a test names it."""
        comes = "comes" if self.fires else "does not come"
        return f"{self.alarm}, {self.severity}, {comes}: {self.what}"


def promtool(cases: Sequence[Case], rules: str) -> dict[str, Any]:
    """A test file of promtool. Each case is a deployment of its own, so that all go on at once.

    Cases without courses are apart: what is absent is absent of all deployments.
    """
    numbered = [(str(number), case) for number, case in enumerate(cases)]
    apart = [[each] for each in numbered if not each[1].courses]
    together = [each for each in numbered if each[1].courses]
    tests = [_test(group) for group in [together, *apart] if group]
    return {"rule_files": [rules], "evaluation_interval": "1m", "tests": tests}


def _test(cases: Sequence[tuple[str, Case]]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [
            {"series": _series(name, number), "values": course}
            for number, case in cases
            for name, course in case.courses.items()
        ],
        "promql_expr_test": [_expected(number, case) for number, case in cases],
    }


def _expected(number: str, case: Case) -> dict[str, Any]:
    rule = {"alertname": f"Beholden{case.alarm}", "alertstate": "firing", "severity": case.severity}
    whose = {"deployment": number} if case.courses else {}
    labels = [f"ALERTS{_quoted({**rule, **whose, **fires})}" for fires in case.fires]
    samples = [{"labels": each, "value": 1} for each in labels]
    return {"expr": f"ALERTS{_quoted({**rule, **whose})}", "eval_time": f"{case.minutes}m", "exp_samples": samples}


def _series(text: str, deployment: str) -> str:
    """`name{label:value,...}` as PromQL, with a deployment."""
    name, _, rest = text.partition("{")
    labels = dict(pair.split(":", 1) for pair in rest.rstrip("}").split(",") if pair)
    return f"{name}{_quoted({'deployment': deployment, **labels})}"


def _quoted(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _ratio(alarm: str, good: Courses, bad: Mapping[int, Courses], once: Courses) -> Iterator[Case]:
    """An objective about events: by how many of 100 in each minute go wrong."""
    fires = [{"objective": _OBJECTIVES[alarm]}]
    yield Case(alarm, PAGE, "a fifth goes wrong", bad[20], 60, fires)
    yield Case(alarm, TICKET, "a twentieth goes wrong", bad[5], 60, fires)
    yield Case(alarm, PAGE, "a twentieth goes wrong", bad[5], 60)
    yield Case(alarm, TICKET, "a fiftieth goes wrong", bad[2], 60, fires)
    yield Case(alarm, PAGE, "all goes well", good, 60)
    yield Case(alarm, TICKET, "all goes well", good, 60)
    yield Case(alarm, PAGE, "one of two goes wrong", once, 60)
    yield Case(alarm, TICKET, "one of two goes wrong", once, 60)


_OBJECTIVES = {
    "AlertsLate": "alerts_in_time",
    "CanaryMissed": "canary_found",
    "FramesUnwatched": "frames_watched",
    "ErasureLate": "erased_in_time",
    "PoliciesApart": "policies_agree",
}


def _alerts(late: str, count: str = "0+100x60") -> Courses:
    return {
        f"beholden_alerts_late_total{{{LANE}}}": late,
        f"beholden_alert_latency_seconds_count{{{LANE}}}": count,
    }


def _canary(alerted: str, sent: str = "0+100x60") -> Courses:
    where = "camera:c,list:canary"
    return {f"beholden_canary_sent_total{{{where}}}": sent, f"beholden_canary_alerted_total{{{where}}}": alerted}


def _frames(shed: str, seen: str = "0+100x60") -> Courses:
    of = f"beholden_frames_total{{{LANE},outcome:"
    return {
        f"{of}no_match,reason:no_face}}": seen,
        f"{of}shed,reason:too_old}}": shed,
        f"{of}shed,reason:superseded}}": "0+1000x60",
        f"{of}dead_lettered,reason:unknown_camera}}": "0+1000x60",
    }


def _objectives() -> Iterator[Case]:
    yield from _ratio(
        "AlertsLate",
        _alerts("0+0x60"),
        {n: _alerts(f"0+{n}x60") for n in (2, 5, 20)},
        _alerts("0x29 1x31", "0x20 1x9 2x31"),
    )
    yield from _ratio(
        "CanaryMissed",
        _canary("0+100x60"),
        {n: _canary(f"0+{100 - n}x60") for n in (2, 5, 20)},
        _canary("0x29 1x31", "0x20 1x9 2x31"),
    )
    yield from _ratio(
        "FramesUnwatched",
        _frames("0+0x60"),
        {n: _frames(f"0+{n}x60", f"0+{100 - n}x60") for n in (2, 5, 20)},
        _frames("0x29 1x31", "0x20 1x9 2x31"),
    )
    burnt = _alerts("0+20x60 1200+0x40", "0+100x100")
    yield Case("AlertsLate", PAGE, "a fifth went wrong, and that is over", burnt, 100)
    yield Case(
        "CanaryMissed",
        TICKET,
        "no canary has ever alerted",
        {"beholden_canary_sent_total{camera:c,list:l}": "0+1x60"},
        60,
        [{"objective": "canary_found"}],
    )
    yield from _erasure()
    yield from _apart()


def _erasure() -> Iterator[Case]:
    alarm, fires = "ErasureLate", [{"objective": "erased_in_time"}]
    drops = f"beholden_nonmatch_late_drops_total{{{LANE}}}"
    effect = "beholden_index_effect_duration_seconds_{}{{kind:withdrawn,member:s,node:n,shard:0,replica:0{}}}"
    count, quick = effect.format("count", ""), effect.format("bucket", ",le:5.0")
    kept = "beholden_retention_{}_seconds{{kind:frames}}"
    yield Case(alarm, PAGE, "faces are dropped too late all the time", {drops: "0+1x60"}, 60, fires)
    yield Case(alarm, TICKET, "faces were dropped too late once in two hours", {drops: "0x97 1 1 1"}, 100, fires)
    yield Case(alarm, PAGE, "faces were dropped too late once in two hours", {drops: "0x97 1 1 1"}, 100)
    yield Case(alarm, PAGE, "withdrawals take too long", {count: "0+3x60", quick: "0+2x60"}, 60, fires)
    yield Case(alarm, PAGE, "withdrawals take effect in time", {count: "5+3x60", quick: "5+3x60"}, 60)
    yield Case(alarm, PAGE, "one was late long ago, none since", {count: "9+3x60", quick: "0+3x60"}, 60)
    waiting = "beholden_index_waiting_seconds{kind:withdrawn,member:s,node:n,shard:0,replica:0}"
    yield Case(alarm, PAGE, "a withdrawal waits and waits", {waiting: "0x50 60+60x9"}, 60, fires)
    yield Case("WithdrawalLate", TICKET, "a withdrawal waits and waits", {waiting: "0x50 60+60x9"}, 60, [{}])
    yield Case("WithdrawalLate", TICKET, "one was late", {count: "9x30 10x30", quick: "9x60"}, 60, [{}])
    yield Case("WithdrawalLate", TICKET, "one was late two hours ago", {count: "9x9 10x150", quick: "9x160"}, 150)
    yield Case("WithdrawalLate", TICKET, "all are in time", {count: "5+3x60", quick: "5+3x60", waiting: "0x60"}, 60)
    possible = {kept.format("oldest"): "50x60", kept.format("possible"): "1e12x60", kept.format("promised"): "100x60"}
    yield Case(alarm, PAGE, "Kafka may keep a topic for ever", possible, 60, fires)
    older = {kept.format("oldest"): "150x60", kept.format("possible"): "90x60", kept.format("promised"): "100x60"}
    yield Case(alarm, PAGE, "a record is older than promised", older, 60, fires)
    well = {kept.format("oldest"): "50x60", kept.format("possible"): "90x60", kept.format("promised"): "100x60"}
    yield Case(alarm, TICKET, "nothing is late", {**well, drops: "7+0x60", count: "9+1x60", quick: "9+1x60"}, 60)


def _apart() -> Iterator[Case]:
    alarm, fires = "PoliciesApart", [{"objective": "policies_agree"}]
    late, spread = "beholden_policy_late_members", "beholden_policy_spread_seconds"
    yield Case(alarm, PAGE, "one has been late for minutes", {late: "0x50 1x10", spread: "0x50 5+60x10"}, 60, fires)
    yield Case(
        alarm, TICKET, "one was late for minutes, long ago", {late: "0x5 1x5 0x90", spread: "0x5 5+60x95"}, 100, fires
    )
    yield Case(alarm, PAGE, "one was late for minutes, long ago", {late: "0x5 1x5 0x90", spread: "0x5 5+60x95"}, 100)
    yield Case(alarm, PAGE, "all changed over within a second", {late: "0x30 1 0x29", spread: "0x30 0.4x30"}, 60)
    yield Case(alarm, TICKET, "all changed over within a second", {late: "0x30 1 0x29", spread: "0x30 0.4x30"}, 60)


def _up(kind: str, **members: str) -> Courses:
    return {
        f"beholden_member_up{{kind:{kind},node:n,member:{name.replace('_', '-')}}}": each
        for name, each in members.items()
    }


def _starting(**members: str) -> Courses:
    return {
        f"beholden_member_state{{kind:shard,node:n,state:starting,member:{name.replace('_', '-')}}}": each
        for name, each in members.items()
    }


def _members() -> Iterator[Case]:
    two = {
        "shard_0_of_2_r0": "1x5 0x5",
        "shard_0_of_2_r1": "1x10",
        "shard_1_of_2_r0": "1x10",
        "shard_1_of_2_r1": "1x10",
    }
    dead = {
        **_up("shard", shard_0_of_2_r0="1x5 0x5", shard_1_of_2_r0="1x10"),
        **_starting(shard_0_of_2_r0="0x10", shard_1_of_2_r0="0x10"),
    }
    yield Case("ShardDown", PAGE, "the only replica of a shard is killed", dead, 8, [{"shard": "0-of-2"}])
    brief = {**_up("shard", shard_0_of_2_r0="1x5 0 1x4"), **_starting(shard_0_of_2_r0="0x10")}
    yield Case("ShardDown", PAGE, "it is back within a minute", brief, 7)
    none_starts = _starting(**dict.fromkeys(two, "0x10"))
    yield Case("ShardDown", PAGE, "another replica answers", {**_up("shard", **two), **none_starts}, 10)
    new = {"shard_0_of_2_r0": "1x40", "shard_0_of_3_r0": "_x4 0x36"}
    reads = {**_up("shard", **new), **_starting(shard_0_of_2_r0="0x40", shard_0_of_3_r0="_x4 1x36")}
    fails = {f"beholden_stage_errors_total{{{LANE},stage:search}}": "0x4 1+5x36"}
    works = {f"beholden_stage_errors_total{{{LANE},stage:search}}": "3x40"}
    yield Case("ShardDown", PAGE, "a shard of another layout reads the list", {**reads, **works}, 12)
    yield Case("ShardDown", PAGE, "it reads, and searches fail", {**reads, **fails}, 12, [{"shard": "0-of-3"}])
    yield Case("ShardDown", TICKET, "a shard of another layout reads the list", {**reads, **works}, 12)
    yield Case("ShardDown", TICKET, "it does so for ever", {**reads, **works}, 39, [{"shard": "0-of-3"}])
    lonely = _up("shard", **{**two, "shard_0_of_2_r0": "1x2 0x8"})
    yield Case("ShardWithoutReplica", TICKET, "one of two is gone", lonely, 10, [{"shard": "0-of-2"}])
    yield Case("ShardWithoutReplica", TICKET, "there is to be one only", _up("shard", shard_0_of_1_r0="1x10"), 10)
    lanes = {"recogniser_0": "1x2 0x8", "recogniser_1": "1x10"}
    yield Case(
        "RecogniserDown", TICKET, "one of two is gone", _up("recogniser", **lanes), 10, [{"member": "recogniser-0"}]
    )
    yield Case("RecogniserDown", PAGE, "one of two is gone", _up("recogniser", **lanes), 10)
    none = {"recogniser_0": "1x2 0x8", "recogniser_1": "1x2 0x8"}
    yield Case("RecogniserDown", PAGE, "both are gone", _up("recogniser", **none), 6, [{}])
    yield Case("RecogniserDown", TICKET, "it is back after a minute", _up("recogniser", recogniser_0="1x2 0 0 1x6"), 10)
    begins = "beholden_member_restarts_total{member:recogniser-0,kind:process}"
    yield Case(
        "MemberRestarts",
        TICKET,
        "it ends every five minutes",
        {begins: "0x4 1x5 2x5 3x5 4x5 5x5"},
        29,
        [{"member": "recogniser-0"}],
    )
    yield Case("MemberRestarts", TICKET, "it ended twice", {begins: "0x4 1x5 2x20"}, 29)


def _camera(**last: str) -> Courses:
    seen = {f"beholden_camera_last_frame_timestamp_seconds{{{LANE},camera:{name}}}": at for name, at in last.items()}
    return {**seen, **{f"beholden_camera_expected{{camera:{name}}}": "1x20" for name in last}}


def _cameras() -> Iterator[Case]:
    """Of camera `a` the last frame comes after five minutes; `b` goes on."""
    one = _camera(a="0+60x5 300x15", b="0+60x20")
    yield Case("CameraSilent", TICKET, "one of two is silent", one, 14, [{"camera": "a"}])
    yield Case("CameraSilent", PAGE, "one of two is silent", one, 14)
    none = _camera(a="0+60x5 300x15", b="0+60x5 300x15")
    yield Case("CameraSilent", PAGE, "all are silent", none, 12, [{}])
    walking = {**none, f"beholden_camera_last_frame_timestamp_seconds{{{LANE},camera:canary}}": "0+60x20"}
    yield Case("CameraSilent", PAGE, "all are silent but the canary's", walking, 12, [{}])
    hourly = {**_camera(b="0+60x20"), f"beholden_camera_last_frame_timestamp_seconds{{{LANE},camera:canary}}": "0x20"}
    yield Case("CameraSilent", TICKET, "the canary's has not been walked past for long", hourly, 14)
    never = {"beholden_camera_expected{camera:a}": "1x20"}
    yield Case("CameraSilent", TICKET, "it has never shown one", never, 14, [{"camera": "a"}])
    closed = {**_camera(a="0+60x5 300x15"), "beholden_camera_expected{camera:a}": "0x20"}
    yield Case("CameraSilent", PAGE, "the policy does not want it looked at now", closed, 14)
    yield Case("CameraSilent", TICKET, "the policy does not want it looked at now", closed, 14)


def _work() -> Iterator[Case]:
    lag, behind = f"beholden_lag_frames{{{LANE},partition:3}}", f"beholden_lag_seconds{{{LANE},partition:3}}"
    yield Case(
        "LagGrowing", TICKET, "more waits all the time", {lag: "0+50x20", behind: "0+1x20"}, 20, [{"partition": "3"}]
    )
    yield Case("LagGrowing", TICKET, "it is being worked off", {lag: "900-50x20", behind: "20-1x20"}, 12)
    yield Case("LagGrowing", TICKET, "more waits, and not for long", {lag: "0+1x20", behind: "0.5x20"}, 20)
    dead = f"beholden_frames_total{{{LANE},outcome:dead_lettered,reason:truncated}}"
    yield Case("DeadLetters", TICKET, "a camera sends half pictures", {dead: "0+2x20"}, 20, [{"reason": "truncated"}])
    yield Case("DeadLetters", TICKET, "one was lost", {dead: "3x10 4x10"}, 20)


def _ledger() -> Iterator[Case]:
    waits = f"beholden_ledger_waits{{{LANE}}}"
    yield Case("LedgerStopped", PAGE, "one waits for minutes", {waits: "0x2 1x8"}, 6, [{"member": "recogniser-0"}])
    yield Case("LedgerStopped", PAGE, "one waited for a moment", {waits: "0x5 1 0x4"}, 6)
    sealed, behind = "beholden_ledger_sealed_timestamp_seconds", "beholden_ledger_unsealed_records"
    yield Case("LedgerHeadOld", TICKET, "none has been written for long", {sealed: "0x20", behind: "7x20"}, 20, [{}])
    yield Case("LedgerHeadOld", TICKET, "nothing is behind the last", {sealed: "0x20", behind: "0x20"}, 20)
    yield Case("LedgerHeadOld", TICKET, "one is written each minute", {sealed: "0+60x20", behind: "7x20"}, 20)


def _policy() -> Iterator[Case]:
    spread, late = "beholden_policy_spread_seconds", "beholden_policy_late_members"
    old, new = (f"beholden_policy_info{{member:supervisor,node:,policy:{n},digest:{n}}}" for n in "78")
    slow = {spread: "0x19 6x80", late: "0x99", old: "1x19 stale", new: "_x19 1x80"}
    yield Case("PolicySwitchSlow", TICKET, "the last followed six seconds later", slow, 30, [{}])
    yield Case("PolicySwitchSlow", TICKET, "that was more than an hour ago", slow, 90)
    yield Case("PolicySwitchSlow", TICKET, "all followed at once", {**slow, spread: "0x19 0.3x80"}, 30)
    ends = "beholden_policy_ends_timestamp_seconds{kind:review}"
    day = 86400
    yield Case("PolicyReviewDue", TICKET, "in six days", {ends: f"{6 * day}x20"}, 10, [{"kind": "review"}])
    yield Case("PolicyReviewDue", PAGE, "in six days", {ends: f"{6 * day}x20"}, 10)
    yield Case("PolicyReviewDue", PAGE, "in twelve hours", {ends: f"{day // 2}x20"}, 10, [{"kind": "review"}])
    loosened = ends.replace("review", "loosening")
    yield Case("PolicyReviewDue", PAGE, "a loosening ends in an hour", {loosened: "3600x20"}, 10)
    yield Case(
        "PolicyReviewDue", TICKET, "a loosening ends in an hour", {loosened: "3600x20"}, 10, [{"kind": "loosening"}]
    )
    yield Case("PolicyReviewDue", TICKET, "a loosening ends in six hours", {loosened: "21600x20"}, 10)
    yield Case("PolicyReviewDue", TICKET, "in a month", {ends: f"{30 * day}x20"}, 10)


def _kept() -> Iterator[Case]:
    early, heard = "beholden_retention_early{{kind:{}}}", "beholden_supervisor_looked_timestamp_seconds"
    well = {early.format(kind): "0x60" for kind in ("frames", "ledger", "policy", "ledger-heads")}
    for kind, severity, other in (("policy", PAGE, TICKET), ("frames", TICKET, PAGE)):
        short = {**well, early.format(kind): "0x5 1x55"}
        what = f"topic {kind} can lose something"
        yield Case("KeptTooShort", severity, what, short, 10, [{"kind": kind}])
        yield Case("KeptTooShort", other, what, short, 10)
        yield Case("KeptTooShort", severity, "all is kept as it is to be", well, 10)
        yield Case("KeptTooShort", severity, "nobody knows", {heard: "0+60x60"}, 10)
    gone = {early.format("frames"): "0x5 stale", heard: "0+60x60"}
    yield Case("RetentionUnknown", TICKET, "nothing has been measured for long", gone, 50, [{}])
    yield Case("RetentionUnknown", TICKET, "nothing has ever been measured", {heard: "0+60x60"}, 50, [{}])
    yield Case("RetentionUnknown", TICKET, "nothing has been measured for minutes", gone, 20)
    yield Case("RetentionUnknown", TICKET, "all is measured", {**well, heard: "0+60x60"}, 50)
    unknown = {"beholden_retention_oldest_seconds{kind:frames}": "50x5 stale", heard: "0+60x60"}
    yield Case("ErasureLate", TICKET, "nothing is measured, which is not late", unknown, 60)


def _telemetry() -> Iterator[Case]:
    due, halted = "beholden_canary_due_timestamp_seconds{camera:c,list:canary}", "beholden_policy_halted{reason:%s}"
    open_ = {halted % "stopped": "0x99", halted % "out_of_hours": "0x99"}
    fires = [{"camera": "c"}]
    yield Case("CanaryStopped", TICKET, "it runs and walks no more", {**open_, due: "60+60x10 660x30"}, 40, fires)
    yield Case("CanaryStopped", TICKET, "its process is gone", {**open_, due: "60+60x10 stale"}, 40, fires)
    yield Case("CanaryStopped", TICKET, "it walks each minute", {**open_, due: "60+60x40"}, 40)
    yield Case("CanaryStopped", TICKET, "it walks each hour", {**open_, due: "3610x60 7210x39"}, 99)
    night = {**open_, halted % "out_of_hours": "0x10 1x89"}
    yield Case("CanaryStopped", TICKET, "it has ended, and nothing is looked at now", {**night, due: "60x99"}, 40)
    seen = f"beholden_frames_total{{{LANE},outcome:alerted,reason:canary}}"
    sent = "beholden_canary_sent_total{camera:c,list:canary}"
    yield Case("CanaryOther", TICKET, "nobody walks, and two are alerted about", {seen: "0x9 1 2x29"}, 30, [{}])
    yield Case("CanaryOther", TICKET, "others pass as well", {seen: "0+3x40", sent: "0+1x40"}, 40, [{}])
    yield Case("CanaryOther", TICKET, "it alone passes", {seen: "0+1x40", sent: "0+1x40"}, 40)
    yield Case("CanaryOther", TICKET, "one is alerted about twice", {seen: "0+1x20 22+1x19", sent: "0+1x40"}, 40)
    dropped = f"beholden_spans_dropped_total{{{LANE}}}"
    yield Case("SpansDropped", TICKET, "nobody takes them", {dropped: "0+9x40"}, 30, [{}])
    yield Case("SpansDropped", TICKET, "some were dropped once", {dropped: "0x5 9x35"}, 30)
    heard = "beholden_supervisor_looked_timestamp_seconds"
    yield Case("TargetAbsent", PAGE, "its supervisor is gone", {heard: "0+60x10 stale"}, 15, [{}])
    yield Case(
        "TargetAbsent", PAGE, "it has been gone for hours, and others go on", {heard: "0+60x10 stale"}, 300, [{}]
    )
    yield Case("TargetAbsent", PAGE, "its supervisor is stuck", {heard: "0+60x10 600x20"}, 15, [{}])
    yield Case("TargetAbsent", PAGE, "there has never been one", {}, 15, [{}])
    yield Case("TargetAbsent", PAGE, "all is well", {heard: "0+60x20"}, 15)


CASES = [
    *_objectives(),
    *_members(),
    *_cameras(),
    *_work(),
    *_ledger(),
    *_policy(),
    *_kept(),
    *_telemetry(),
]
