"""Do Kafka and Ray do their part?"""

from cluster.telemetry.boards.panels import Board, Kind, Limits, Needs, Panel, Query, Row, Unit, number
from cluster.telemetry.boards.promql import RARE, grown, most, of, rate, total, within

_STAGE = "beholden_stage_duration_seconds"
_UP = of("beholden_member_up")

_NOW = Row(
    "Now",
    (
        number(
            "Frames not fetched",
            "In Kafka, over all partitions. Grows: recognisers are too slow, or a partition is nobody's.",
            total("beholden_lag_frames"),
        ),
        number(
            "Waiting for the ledger",
            "Any: nobody is put on a screen. See runbook BeholdenLedgerStopped.",
            total("beholden_ledger_waits"),
            limits=Limits(1, 1),
        ),
        number(
            "99 % published within",
            "From the first alert or dead letter of a batch until the broker has all. Grown: the broker, its disks, or "
            "its replicas.",
            within(0.99, _STAGE, 'stage="publish"', over=RARE),
            Unit.SECONDS,
            Limits(0.5, 2),
        ),
        number(
            "Members not at work",
            "`beholden status -f FILE` says why; Ray starts anew what has ended.",
            f"sum by (deployment) ({_UP} == bool 0)",
            limits=Limits(1, 2),
        ),
        number(
            "Begun anew",
            "Over the time that is shown. process: its log says what ended it; dataflow: Kafka went away.",
            grown("beholden_member_restarts_total"),
            limits=Limits(1, 4),
        ),
        number(
            "Supervisor heard",
            "How old all of this is. Above a minute: nothing here can be believed; see runbook BeholdenTargetAbsent.",
            f"time() - {most('beholden_supervisor_looked_timestamp_seconds')}",
            Unit.SECONDS,
            Limits(30, 60),
        ),
    ),
)
_KAFKA = Row(
    "Kafka",
    (
        Panel(
            "Frames not fetched, by partition",
            "Grows in all: too much to do. In one: its recogniser is ill, or one camera sends too much.",
            (Query(total("beholden_lag_frames", by="partition"), "{{partition}}"),),
        ),
        Panel(
            "Partitions, by recogniser",
            "Without a line for each partition, somebody's are nobody's: `beholden status -f FILE` says whose. A "
            "step is a rebalance.",
            (Query(f"count by (member) ({of('beholden_lag_frames')})", "{{member}}"),),
        ),
        Panel(
            "Partitions paused, by recogniser",
            "Not fetched, since enough waits. For long: too much to do.",
            (Query(total("beholden_paused_partitions", by="member"), "{{member}}"),),
        ),
        Panel(
            "Until the broker has it: half and 99 %",
            "topic is on the way in, from capture to poll; evidence and publish are on the way out. All grow: the "
            "broker. Only topic: cameras or recognisers.",
            (
                Query(within(0.5, _STAGE, 'stage=~"evidence|publish"', by="stage", over=RARE), "{{stage}} half"),
                Query(within(0.99, _STAGE, 'stage=~"evidence|publish"', by="stage", over=RARE), "{{stage}} 99 %"),
            ),
            unit=Unit.SECONDS,
        ),
        Panel(
            "Not acknowledged yet, by recogniser",
            "Stays above 0 without frames: the broker does not acknowledge; `beholden doctor -f FILE` looks at it.",
            (Query(total("beholden_in_flight_frames", by="member"), "{{member}}"),),
        ),
        Panel(
            "Frames given back, a second",
            "Counted again by whoever reads them next, after a rebalance or a lost broker. Many: members or Kafka "
            "come and go.",
            (Query(rate("beholden_frames_given_back_total", by="member"), "{{member}}"),),
            unit=Unit.A_SECOND,
        ),
    ),
)
_MEMBERS = Row(
    "Members, which Ray keeps alive",
    (
        Panel(
            "State of each member",
            "at_work is well; halted is the policy's wish. Anything else for minutes: `beholden status -f FILE`.",
            (
                Query(
                    f"max by (member, kind, node, state) ({of('beholden_member_state')}) == 1",
                    "since it was heard",
                ),
            ),
            Kind.TABLE,
            width=12,
            words={1: "now"},
        ),
        Panel(
            "At work, by kind",
            "A step down is a member that ended; Ray starts it anew within seconds, with a long list in minutes.",
            (Query(total("beholden_member_up", by="kind"), "{{kind}}"),),
            width=6,
        ),
        Panel(
            "Begun anew in 10 minutes",
            "Again and again the same member: its log says what ends it. See runbook BeholdenMemberRestarts.",
            (
                Query(
                    grown("beholden_member_restarts_total", by="member, kind", over=RARE),
                    "{{member}} {{kind}}",
                ),
            ),
            width=6,
        ),
    ),
)
_RAY = Row(
    "Ray's own metrics: install ray[default], and have Prometheus scrape its exporter",
    (
        Panel(
            "Actors, by state",
            "PENDING_CREATION for minutes: no node has room for them. RESTARTING: see the members above.",
            (Query('sum by (State) (ray_actors{Source="gcs"})', "{{State}}"),),
            width=6,
            needs=Needs.RAY,
        ),
        Panel(
            "Processors, by node",
            "Near 100 %: recognisers on this machine share too few processors; move some elsewhere.",
            (Query("max by (instance) (ray_node_cpu_utilization) / 100", "{{instance}}"),),
            unit=Unit.SHARE,
            limits=Limits(0.9, 0.97),
            width=6,
            needs=Needs.RAY,
        ),
        Panel(
            "Memory, by node",
            "Near 95 %: Ray ends processes. Fewer members on this machine, or more memory.",
            (Query("max by (instance) (ray_node_mem_used / ray_node_mem_total)", "{{instance}}"),),
            unit=Unit.SHARE,
            limits=Limits(0.85, 0.95),
            width=6,
            needs=Needs.RAY,
        ),
        Panel(
            "Object store, by node",
            "Searches and answers pass through it. It does not grow when all is well.",
            (Query("sum by (instance) (ray_object_store_memory)", "{{instance}}"),),
            unit=Unit.BYTES,
            width=6,
            needs=Needs.RAY,
        ),
    ),
)
_TELEMETRY = Row(
    "Telemetry itself",
    (
        Panel(
            "Spans not sent, by member",
            "The queue was full, or nobody took them: see the collector. No frame waits for it.",
            (Query(rate("beholden_spans_dropped_total", by="member"), "{{member}}"),),
            unit=Unit.A_SECOND,
            width=12,
        ),
        Panel(
            "Pushes of metrics, by outcome",
            "failed: see the collector at telemetry.metrics.otlp. Both 0: nothing is pushed, Prometheus scrapes.",
            (Query(rate("beholden_pushes_total", by="outcome"), "{{outcome}}"),),
            unit=Unit.A_SECOND,
            width=12,
        ),
    ),
)
BOARD = Board(
    "beholden-kafka-ray",
    "beholden: Kafka and Ray",
    "Do Kafka and Ray do their part?",
    (
        _NOW,
        _KAFKA,
        _MEMBERS,
        _RAY,
        _TELEMETRY,
    ),
)
"""What beholden stands on."""
