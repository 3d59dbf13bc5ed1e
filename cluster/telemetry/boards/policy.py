"""Which policy is in force, is it kept to by all, and is nothing kept for longer than promised?"""

from cluster.telemetry.boards.objectives import LATE
from cluster.telemetry.boards.panels import Board, Kind, Limits, Panel, Query, Row, Unit, number, with_words
from cluster.telemetry.boards.promql import most, of, rate, total, within

_DAY_S = 86400.0
_ENDS = "beholden_policy_ends_timestamp_seconds"
_GOES_BY = of("beholden_policy_info", 'member!="supervisor"')
_LIFE = "beholden_nonmatch_lifetime_seconds"
_OLDEST, _POSSIBLE, _PROMISED = (
    f"max by (kind) ({of(f'beholden_retention_{which}_seconds')})" for which in ("oldest", "possible", "promised")
)

_NOW = Row(
    "Now",
    (
        with_words(
            number(
                "Policy",
                "Whether anything may be looked at. `halted`: `beholden status -f FILE` says why, and by whom; "
                "`beholden resume` takes two people.",
                most("beholden_policy_halted"),
                limits=Limits(1, 2),
            ),
            {0: "in force", 1: "halted"},
        ),
        number(
            "Ends, or is to be reviewed, in",
            "Afterwards nothing is looked at. Propose the next policy before: `beholden policy propose`. See "
            "runbook BeholdenPolicyReviewDue.",
            f"min by (deployment) ({of(_ENDS)}) - time()",
            Unit.SECONDS,
            Limits(7 * _DAY_S, _DAY_S),
        ),
        number(
            "Recognisers late",
            "They go by an older policy than the newest. Above 0 for more than seconds: `beholden status -f FILE` "
            "names them; `beholden restart` starts them anew.",
            most("beholden_policy_late_members"),
            limits=Limits(1, 1),
        ),
        number(
            "Spread of the last change",
            "How far apart recognisers changed over. Above 2 s: see runbook BeholdenPolicySwitchSlow.",
            most("beholden_policy_spread_seconds"),
            Unit.SECONDS,
            Limits(1, 2),
        ),
        number(
            "Batches dropped too late",
            "Since members began: faces that match nobody and existed for longer than max_nonmatch_s. Any: `beholden "
            "ledger show -f FILE --type nonmatch.late` has each; tell whoever answers for the policy.",
            total("beholden_nonmatch_late_drops_total"),
            limits=Limits(1, 1),
        ),
        number(
            "Fullest promise of retention",
            "The oldest record of a topic against what is promised; above 100 % a promise is broken. `beholden "
            "retention check -f FILE` says of what it is made.",
            f"max ({_OLDEST} / on (kind) {_PROMISED})",
            Unit.SHARE,
            Limits(0.9, 1.0),
        ),
    ),
)
_POLICY = Row(
    "Policy",
    (
        Panel(
            "Who goes by which policy",
            "All the same: well. One that stays behind: `beholden restart -f FILE RECOGNISER`. A digest that you do "
            "not know: `beholden policy history -f FILE` says who wanted it and why.",
            (Query(most("beholden_policy_info", by="member, policy, digest"), "goes by it"),),
            Kind.TABLE,
            width=12,
            words={1: "yes"},
        ),
        Panel(
            "Digests in force",
            "How many policies recognisers go by. 2 for a moment is a change; for longer it is an alarm.",
            (Query(f"count (group by (digest) ({_GOES_BY}))", "digests"),),
            width=6,
            limits=Limits(2, 3),
        ),
        Panel(
            "Late recognisers, and for how long",
            "Both above 0 for more than seconds: see runbook BeholdenPoliciesApart.",
            (
                Query(most("beholden_policy_late_members"), "recognisers late"),
                Query(most("beholden_policy_spread_seconds"), "spread, seconds"),
                Query(most("beholden_policy_alarms"), "alarms"),
            ),
            width=6,
        ),
    ),
)
_DOES = Row(
    "What the policy does",
    (
        Panel(
            "Faces, by what the gates said",
            "Few compared: cameras hang too far, too high or out of focus; `beholden evaluate` says what the gates "
            "cost. Nothing here tells one face from another.",
            (Query(rate("beholden_faces_total", by="reason"), "{{reason}}"),),
            unit=Unit.A_SECOND,
            stacked=True,
        ),
        Panel(
            "Faces above a threshold, by outcome",
            "unconfirmed and no alert: confirm_frames may ask for more frames than the camera shows. repeated: "
            "people who stand before a camera.",
            (Query(rate("beholden_sightings_total", by="list, outcome"), "{{list}} {{outcome}}"),),
            unit=Unit.A_SECOND,
            stacked=True,
        ),
        Panel(
            "Halted, by reason",
            "out_of_hours is the policy's wish. stopped: somebody has ordered it; lapsed: the policy has ended or "
            "was to be reviewed; `beholden status -f FILE` says which.",
            (Query(most("beholden_policy_halted", by="reason"), "{{reason}}"),),
        ),
    ),
)
_NOTHING_LEFT = Row(
    "Nothing left of anybody else",
    (
        Panel(
            "How long faces existed that match nobody",
            "Each column is a moment, each row a time; darker is more. A band that climbs towards the ceiling: the "
            "machine is overloaded, or a shard does not answer.",
            (Query(rate(f"{_LIFE}_bucket", by="le"), "{{le}}"),),
            Kind.HEATMAP,
            Unit.SECONDS,
        ),
        Panel(
            "99 % of them within, and the ceiling",
            "Near the policy's max_nonmatch_s: see the stages on the pipeline board.",
            (
                Query(within(0.99, _LIFE), "99 % within"),
                Query(most("beholden_nonmatch_ceiling_seconds"), "ceiling", is_limit=True),
            ),
            unit=Unit.SECONDS,
        ),
        Panel(
            "What outlives its end now",
            "1: withdrawn (a withdrawal took more than 5 s), nonmatch (faces were dropped too late), oldest (a record "
            "is older than promised), possible (Kafka can keep one for longer). See runbook BeholdenErasureLate.",
            (Query(f"max by (part) ({of(LATE)})", "{{part}}"),),
            limits=Limits(1, 1),
        ),
    ),
)
_KEPT = Row(
    "What is kept, and the ledger",
    (
        Panel(
            "Oldest record, of the promise",
            "The physical purge lag, as part of what is promised. Above 100 %: Kafka does not delete; `beholden "
            "retention check -f FILE` says why.",
            (Query(f"{_OLDEST} / on (kind) {_PROMISED}", "{{kind}}"),),
            unit=Unit.SHARE,
            limits=Limits(1, 1),
            width=5,
        ),
        Panel(
            "What Kafka can keep, of the promise",
            "From what Kafka is set to. Above 100 %: `beholden retention apply -f FILE`; what brokers are set to, "
            "their administrator changes.",
            (Query(f"{_POSSIBLE} / on (kind) {_PROMISED}", "of the promise"),),
            Kind.TABLE,
            Unit.SHARE,
            width=5,
            limits=Limits(1.0001, 1.0001),
        ),
        Panel(
            "What can be gone too soon",
            "Topics that can lose a record before its time to be kept is over. Any: `beholden retention apply -f FILE` "
            "at once. None at all: nobody knows; see runbook BeholdenRetentionUnknown.",
            (Query(most("beholden_retention_early", by="kind"), "too soon"),),
            Kind.TABLE,
            width=4,
            limits=Limits(1, 1),
            words={0: "kept", 1: "too soon"},
        ),
        Panel(
            "Age of the last checkpoint",
            "Grows while records are behind it: `beholden status -f FILE` says why no checkpoint is written. See "
            "runbook BeholdenLedgerHeadOld.",
            (Query(f"time() - {most('beholden_ledger_sealed_timestamp_seconds')}", "age"),),
            unit=Unit.SECONDS,
            limits=Limits(120, 300),
            width=5,
        ),
        Panel(
            "Records behind it, and who waits",
            "Records that could be cut off unnoticed. `waits` above 0: nobody is put on a screen; see runbook "
            "BeholdenLedgerStopped.",
            (
                Query(most("beholden_ledger_unsealed_records"), "records"),
                Query(total("beholden_ledger_waits"), "recognisers that wait"),
            ),
            width=5,
        ),
    ),
)
BOARD = Board(
    "beholden-policy",
    "beholden: policy and privacy",
    "Which policy is in force, is it kept to by all, and is nothing kept for longer than promised?",
    (
        _NOW,
        _POLICY,
        _DOES,
        _NOTHING_LEFT,
        _KEPT,
    ),
)
"""The policy, and what it promises to everybody else."""
