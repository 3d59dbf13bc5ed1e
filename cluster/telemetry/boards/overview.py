"""Is every camera watched, and are alerts in time?"""

from cluster.telemetry.boards.alarms import SILENT
from cluster.telemetry.boards.objectives import ALLOWED, MISSED
from cluster.telemetry.boards.panels import Board, Kind, Limits, Panel, Query, Row, Unit, number, with_words
from cluster.telemetry.boards.promql import RARE, grown, most, of, rate, within

_EXPECTED = most("beholden_camera_expected", by="deployment, camera")
_SILENT = of(SILENT)
_BURN = f"{of(MISSED + '1h')} / on (objective) group_left {ALLOWED}"
_LATE = of(MISSED + "5m", 'objective="alerts_in_time"')

_NOW = Row(
    "Now",
    (
        number(
            "Cameras to be watched",
            "Cameras of the policy in force that may look now. Fewer than you expect: `beholden policy show "
            "current -f FILE` names the cameras and hours of the policy.",
            f"sum by (deployment) ({_EXPECTED})",
        ),
        number(
            "Cameras silent",
            "Cameras that are to be watched and have shown no frame for a minute. Above 0: the table below "
            "names them; look at the camera, its network, and its publisher. See runbook BeholdenCameraSilent.",
            f"sum by (deployment) ({_SILENT})",
            limits=Limits(1, 1),
        ),
        with_words(
            number(
                "Policy",
                "Whether anything may be looked at. `halted`: `beholden status -f FILE` says why, and by whom.",
                most("beholden_policy_halted"),
                limits=Limits(1, 2),
            ),
            {0: "in force", 1: "halted"},
        ),
        number(
            "Members not at work",
            "Recognisers and shards that do not work now. Above 0 for more than a minute: `beholden status -f "
            "FILE` says why.",
            f"sum by (deployment) ({of('beholden_member_up')} == bool 0)",
            limits=Limits(1, 2),
        ),
        number(
            "Alerts shown",
            "Alerts over the time that is shown, those about the canary left out. Far more than usual: look at "
            "them before anybody acts; one person can say `beholden stop`.",
            grown("beholden_alerts_total"),
        ),
        number(
            "Alerts late, 5 min",
            "Part of the alerts of five minutes that took longer than telemetry.objective_ms. Red: see "
            "runbook BeholdenAlertsLate. No data: no alerts.",
            _LATE,
            Unit.SHARE,
            Limits(0.01, 0.1),
        ),
    ),
)
_WATCHED = Row(
    "Is every camera watched?",
    (
        Panel(
            "Frames looked at, by camera",
            "A line that falls to 0 is a camera that nobody watches: look at the camera and its publisher, then "
            "at the lag on the pipeline board. All lines fall: recognisers or Kafka.",
            (Query(rate("beholden_camera_frames_total", by="camera"), "{{camera}}"),),
            unit=Unit.A_SECOND,
            width=12,
        ),
        Panel(
            "Age of the newest frame, by camera",
            "How long ago the newest frame that was looked at was taken. Grows: the camera sends nothing, or it "
            "waits. Negative: set the camera's clock.",
            (
                Query(
                    f"time() - {most('beholden_camera_last_frame_timestamp_seconds', by='camera')}",
                    "{{camera}}",
                ),
            ),
            unit=Unit.SECONDS,
            limits=Limits(10, 60),
            width=6,
        ),
        Panel(
            "Silent cameras",
            "1: this camera is to be watched and shows no frame. Look at the camera, its network and its "
            "publisher, in this order.",
            (Query(f"max by (camera) ({_SILENT})", "silent"),),
            Kind.TABLE,
            width=6,
            limits=Limits(1, 1),
            words={0: "watched", 1: "silent"},
        ),
    ),
)
_IN_TIME = Row(
    "Are alerts in time?",
    (
        Panel(
            "From capture to alert",
            "Half and 99 % of alerts take no longer than this; the dashed line is telemetry.objective_ms. Points "
            "are single alerts: `beholden trace` shows the way of one. Grown: see the stages on the pipeline "
            "board for where.",
            (
                Query(within(0.5, "beholden_alert_latency_seconds", over=RARE), "half within"),
                Query(within(0.99, "beholden_alert_latency_seconds", over=RARE), "99 % within", exemplars=True),
                Query(most("beholden_alert_objective_seconds"), "objective", is_limit=True),
            ),
            unit=Unit.SECONDS,
            width=6,
        ),
        Panel(
            "Alerts in 10 minutes, by list and camera",
            "Each is a lead for a person to judge. One camera far above the others: look at its alerts first; "
            "`beholden explain ALERT -f FILE` decides one again.",
            (Query(grown("beholden_alerts_total", by="camera, list", over=RARE), "{{list}} {{camera}}"),),
            stacked=True,
            width=6,
        ),
        Panel(
            "The canary, in 10 minutes",
            "Passages of a person who exists for this only: sent, and found in time. The lines part: people are "
            "being missed; see runbook BeholdenCanaryMissed. No data: `beholden canary` does not run.",
            (
                Query(grown("beholden_canary_sent_total", over=RARE), "sent"),
                Query(grown("beholden_canary_alerted_total", over=RARE), "found in time"),
                Query(grown("beholden_canary_late_total", over=RARE), "found too late"),
            ),
            width=6,
        ),
        Panel(
            "Until the canary's alert can be read",
            "99 % of its passages, from the first frame on: what a control room waits for, delivery too. Grown: see "
            "the stages, and `delivery` in the cluster file.",
            (
                Query(within(0.99, "beholden_canary_latency_seconds", over=RARE), "99 % within"),
                Query(most("beholden_alert_objective_seconds"), "objective", is_limit=True),
            ),
            unit=Unit.SECONDS,
            width=6,
        ),
    ),
)
_PROMISED_30D = Row(
    "What is promised over 30 days",
    (
        Panel(
            "How fast what may go wrong is used up",
            "1: as fast as 30 days allow; 14.4: a fiftieth of it in an hour, and somebody is woken. Above 1: the "
            "runbook of that objective's alarm.",
            (Query(_BURN, "{{objective}}"),),
            limits=Limits(6, 14.4),
            width=12,
        ),
        Panel(
            "Missed in the last hour",
            "The part that went wrong, by objective, within an hour. What each promises stands in "
            "docs/observability.md.",
            (Query(f"max by (objective) ({of(MISSED + '1h')})", "missed"),),
            Kind.TABLE,
            Unit.SHARE,
            width=6,
            limits=Limits(0.005, 0.05),
        ),
        Panel(
            "Frames not looked at, by reason",
            "too_old, skipped, superseded: too much to do; see the pipeline board. out_of_hours, stopped, lapsed: "
            "the policy wants it so.",
            (Query(rate("beholden_frames_total", 'outcome=~"shed|dead_lettered"', by="reason"), "{{reason}}"),),
            unit=Unit.A_SECOND,
            width=6,
            stacked=True,
        ),
    ),
)
BOARD = Board(
    "beholden-overview",
    "beholden: overview",
    "Is every camera watched, and are alerts in time?",
    (
        _NOW,
        _WATCHED,
        _IN_TIME,
        _PROMISED_30D,
    ),
)
"""The first page to look at."""
