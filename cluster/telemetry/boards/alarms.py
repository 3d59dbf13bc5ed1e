"""Alarms about what is broken now."""

from cluster.telemetry.boards.objectives import LATE_EFFECT_S, LATE_WITHDRAWALS, WAITING_WITHDRAWAL
from cluster.telemetry.boards.rules import Alarm, Condition, Group, Recorded, Severity

SILENT = "deployment_camera:beholden_camera_silent:bool"
SILENT_S, HEARD_S, SEALED_S, WAITING_S = 60, 60, 300, 60
LOOSENED_S = 4 * 3600
_LAST_FRAME = "max by (deployment, camera) (beholden_camera_last_frame_timestamp_seconds)"
_EXPECTED = "max by (deployment, camera) (beholden_camera_expected)"
_HEARD = "beholden_supervisor_looked_timestamp_seconds"
_NEW = (
    'group by (deployment) (beholden_policy_info{member="supervisor"} unless beholden_policy_info{member="supervisor"} '
)
NEW_POLICY = f"{_NEW}offset 1m)"
"""A value for a minute after another policy has come into force."""

RECORDS = (
    Recorded(
        SILENT,
        f"({_EXPECTED} == 1) unless on (deployment, camera) (time() - {_LAST_FRAME} < {SILENT_S})\nor\n{_EXPECTED} * 0",
    ),
)


_ENDS = "min by (deployment, kind) (beholden_policy_ends_timestamp_seconds"
_LASTING = f'{_ENDS}{{kind!="loosening"}}) - time()'
_LOOSENED = (  # most end within the day that they begin; for ever away where there is none
    f'({_ENDS}{{kind="loosening"}})'
    " or on (deployment) max by (deployment) (beholden_policy_ends_timestamp_seconds) + Inf) - time()"
)


def _up(by: str) -> str:
    """Replicas of shards at work."""
    return _by_shard(by, 'beholden_member_up{kind="shard"}')


def _by_shard(by: str, replicas: str) -> str:
    held = rf'label_replace({replicas}, "shard", "$1", "member", "shard-(\\d+-of-\\d+)-r\\d+")'
    return f"{by} by (deployment, shard) ({held})"


_UNHELD = Condition(_up("max"), "== 0")


def _alarm(name: str, severity: Severity, lasts: str, summary: str, *conditions: Condition) -> Alarm:
    return _either(name, severity, lasts, summary, conditions)


def _either(name: str, severity: Severity, lasts: str, summary: str, *ways: tuple[Condition, ...]) -> Alarm:
    return Alarm(f"Beholden{name}", severity, f"{{{{ $labels.deployment }}}}: {summary}", ways, lasts)


_MARKED = 'sum by (deployment) (increase(beholden_frames_total{reason="canary"}[1h]))'
_WALKED = "sum by (deployment) (increase(beholden_canary_sent_total[1h]))"
_EARLY, _ACCOUNTS = "beholden_retention_early", "ledger|ledger-heads|policy"


def _early(kinds: str) -> str:
    return f"max by (deployment, kind) ({_EARLY}{{{kinds}}})"


PAGE, TICKET = Severity.PAGE, Severity.TICKET
ALARMS = (
    _either(
        "ShardDown",
        PAGE,
        "1m",
        "no replica of shard {{ $labels.shard }} answers, so nobody is searched for",
        (
            _UNHELD,
            Condition(
                _by_shard("max", 'beholden_member_state{kind="shard", state="starting"}'), "== 0", "deployment, shard"
            ),
        ),
        (  # shards of a new layout are not asked before all of them have read the list
            _UNHELD,
            Condition('sum by (deployment) (increase(beholden_stage_errors_total{stage="search"}[2m]))', "> 0"),
        ),
    ),
    _alarm(
        "ShardDown",
        TICKET,
        "30m",
        "no replica of shard {{ $labels.shard }} has read the list for half an hour",
        _UNHELD,
    ),
    _alarm(
        "ShardWithoutReplica",
        TICKET,
        "5m",
        "only one replica of shard {{ $labels.shard }} is at work; when it is lost, searches stop",
        Condition(_up("sum"), "== 1"),
        Condition(_up("count"), "> 1", "deployment, shard"),
    ),
    _either(
        "WithdrawalLate",
        TICKET,
        "0s",
        f"a withdrawal from a list took more than {LATE_EFFECT_S:g} s to take effect, or waits for it",
        (Condition(f"sum by (deployment) (increase({LATE_WITHDRAWALS}[1h:30s]))", "> 0"),),
        (Condition(f"max by (deployment) ({WAITING_WITHDRAWAL})", f"> {WAITING_S}"),),
    ),
    _alarm(
        "RecogniserDown",
        PAGE,
        "1m",
        "no recogniser is at work, so no camera is watched",
        Condition('max by (deployment) (beholden_member_up{kind="recogniser"})', "== 0"),
    ),
    _alarm(
        "RecogniserDown",
        TICKET,
        "5m",
        "{{ $labels.member }} is not at work; others have its cameras",
        Condition('max by (deployment, member) (beholden_member_up{kind="recogniser"})', "== 0"),
    ),
    _alarm(
        "MemberRestarts",
        TICKET,
        "0s",
        "{{ $labels.member }} has begun anew {{ $value | humanize }} times within an hour",
        Condition("sum by (deployment, member) (increase(beholden_member_restarts_total[1h]))", "> 3.5"),
    ),
    _alarm(
        "CameraSilent",
        PAGE,
        "2m",
        "no camera has shown a frame for a minute",
        Condition(f"sum by (deployment) ({SILENT})", "> 0"),
        Condition(f"sum by (deployment) ({_EXPECTED}) - sum by (deployment) ({SILENT})", "== 0"),
    ),
    _alarm(
        "CameraSilent",
        TICKET,
        "5m",
        "camera {{ $labels.camera }} is to be watched and shows no frame",
        Condition(f"max by (deployment, camera) ({SILENT})", "== 1"),
    ),
    _alarm(
        "LagGrowing",
        TICKET,
        "5m",
        "partition {{ $labels.partition }} is {{ $value | humanizeDuration }} behind, and more waits all the time",
        Condition("max by (deployment, partition) (beholden_lag_seconds)", "> 2"),
        Condition("sum by (deployment, partition) (deriv(beholden_lag_frames[10m]))", "> 0", "deployment, partition"),
    ),
    _alarm(
        "DeadLetters",
        TICKET,
        "0s",
        "{{ $value | humanize }} frames within 15 minutes cannot be looked at: {{ $labels.reason }}",
        Condition(
            'sum by (deployment, reason) (increase(beholden_frames_total{outcome="dead_lettered"}[15m]))', "> 9.5"
        ),
    ),
    _alarm(
        "LedgerStopped",
        PAGE,
        "1m",
        "{{ $labels.member }} cannot write the ledger, so nobody is put on a screen",
        Condition("max by (deployment, member) (beholden_ledger_waits)", "== 1"),
    ),
    _alarm(
        "LedgerHeadOld",
        TICKET,
        "5m",
        "the last checkpoint of the ledger is {{ $value | humanizeDuration }} old, and records are behind it",
        Condition("time() - max by (deployment) (beholden_ledger_sealed_timestamp_seconds)", f"> {SEALED_S}"),
        Condition("max by (deployment) (beholden_ledger_unsealed_records)", "> 0"),
    ),
    _alarm(
        "PolicySwitchSlow",
        TICKET,
        "0s",
        "recognisers changed over to the newest policy {{ $value | humanizeDuration }} apart",
        Condition("max by (deployment) (beholden_policy_spread_seconds)", "> 2"),
        Condition(f"{_NEW}offset 1h) or 0 * max by (deployment) (beholden_policy_late_members)", "== 1"),
    ),
    _alarm(
        "PolicyReviewDue",
        PAGE,
        "5m",
        "the policy's {{ $labels.kind }} comes in {{ $value | humanizeDuration }}; nothing is looked at afterwards",
        Condition(_LASTING, "< 86400"),
    ),
    _either(
        "PolicyReviewDue",
        TICKET,
        "5m",
        "the policy's {{ $labels.kind }} comes in {{ $value | humanizeDuration }}",
        (Condition(_LASTING, f"< {7 * 86400}"),),
        (Condition(_LOOSENED, f"< {LOOSENED_S}"),),
    ),
    _alarm(
        "CanaryStopped",
        TICKET,
        "5m",
        "the canary was to have walked past {{ $labels.camera }} {{ $value | humanizeDuration }} ago: nobody knows "
        "whether people are found",
        Condition(
            "time() - max by (deployment, camera) (last_over_time(beholden_canary_due_timestamp_seconds[7d]))", "> 0"
        ),
        Condition("max by (deployment) (beholden_policy_halted)", "== 0"),
    ),
    _alarm(
        "CanaryOther",
        TICKET,
        "0s",
        "{{ $value | humanize }} more alerts within an hour are marked as the canary's than it walked: who else passes "
        "its camera?",
        Condition(f"{_MARKED} - ({_WALKED} or 0 * {_MARKED})", "> 1.5"),
    ),
    _alarm(
        "KeptTooShort",
        PAGE,
        "0s",
        "topic {{ $labels.kind }} can lose what everything is accounted for by",
        Condition(_early(f'kind=~"{_ACCOUNTS}"'), "== 1"),
    ),
    _alarm(
        "KeptTooShort",
        TICKET,
        "0s",
        "topic {{ $labels.kind }} can lose what is to be kept",
        Condition(_early(f'kind!~"{_ACCOUNTS}"'), "== 1"),
    ),
    _alarm(
        "RetentionUnknown",
        TICKET,
        "30m",
        "for half an hour nobody has known how old records are, or can become",
        Condition(f"count by (deployment) ({_EARLY}) or on (deployment) 0 * max by (deployment) ({_HEARD})", "== 0"),
    ),
    _alarm(
        "SpansDropped",
        TICKET,
        "15m",
        "{{ $value | humanize }} spans within 5 minutes were not sent, so some traces have holes",
        Condition("sum by (deployment) (increase(beholden_spans_dropped_total[5m]))", "> 0"),
    ),
    Alarm(
        "BeholdenTargetAbsent",
        PAGE,
        "{{ with $labels.deployment }}{{ . }}: {{ end }}nothing has been heard of the supervisor for a minute or more: "
        "no other alarm can be believed",
        (
            (
                Condition(
                    f"time() - max by (deployment) (max_over_time({_HEARD}[7d])) or 1e9 * absent({_HEARD})",
                    f"> {HEARD_S}",
                ),
            ),
        ),
        "1m",
    ),
)
GROUPS = (Group("beholden-cameras", RECORDS), Group("beholden-alarms", ALARMS))
