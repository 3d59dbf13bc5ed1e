"""Where does the time of a frame go, and who has too much to do?"""

from cluster.stages import Stage
from cluster.telemetry.boards.panels import Board, Kind, Limits, Needs, Panel, Query, Row, Unit, number
from cluster.telemetry.boards.promql import CHOSEN, INTERVAL, grown, mean, most, of, rate, total, within

_STAGE = "beholden_stage_duration_seconds"
_WORK = 'stage!~"topic|turn"'
_ALL = f"sum (rate({_STAGE}_sum{{{CHOSEN}, {_WORK}}}[{INTERVAL}]))"
_LOOKED_AT = f"sum (rate(beholden_camera_frames_total{{{CHOSEN}}}[{INTERVAL}]))"
_BATCHES = f'sum (rate({_STAGE}_count{{{CHOSEN}, stage="search"}}[{INTERVAL}]))'

_NOW = Row(
    "Now",
    (
        number(
            "Frames in, a second",
            "Of all cameras. 0 while cameras send: see the lag.",
            rate("beholden_frames_in_total"),
            Unit.A_SECOND,
        ),
        number(
            "Busiest recogniser",
            "Part of its time that it works. Near 1 for minutes: more recognisers (`recognisers.most`), fewer "
            "frames a second, or `freshness` in the policy.",
            f"max by (deployment) (rate({of('beholden_busy_seconds_total')}[{INTERVAL}]))",
            Unit.SHARE,
            Limits(0.85, 0.95),
        ),
        number(
            "Furthest behind",
            "How old the last fetched frame is where others wait. Near the policy's max_frame_age_ms frames are "
            "shed: see who is busy.",
            most("beholden_lag_seconds"),
            Unit.SECONDS,
            Limits(1, 5),
        ),
        number(
            "Bytes waiting",
            "JPEGs that wait for their turn. At 32 MiB a recogniser pauses its partitions.",
            most("beholden_waiting_bytes"),
            Unit.BYTES,
            Limits(16 * 2**20, 32 * 2**20),
        ),
        number(
            "Partitions paused",
            "Not fetched, since enough waits. Above 0 for long: too much to do.",
            total("beholden_paused_partitions"),
            limits=Limits(1, 4),
        ),
        number(
            "Failures of stages, a second",
            "Above 0: see which stage below.",
            rate("beholden_stage_errors_total"),
            Unit.A_SECOND,
            Limits(0.001, 0.1),
        ),
    ),
)
_STAGES = Row(
    "Stages",
    (
        Panel(
            "Waterfall: time of each stage, one on the other",
            "Means; topic is from capture to poll, of frames that are shed too, turn until the camera's turn has come. "
            "decode, detect and gate are of one frame, the others of a batch. topic and turn grow: too much to do. "
            "search grows: a shard; evidence and publish: the broker. `beholden trace --slowest` shows single frames.",
            tuple(Query(mean(_STAGE, f'stage="{stage}"', by="stage"), stage) for stage in Stage),
            unit=Unit.SECONDS,
            width=12,
            height=10,
            stacked=True,
        ),
        Panel(
            "99 % of each stage within",
            "A stage whose 99 % grows while its mean stays has single slow frames: see the slow cameras and "
            "`beholden trace --slowest`.",
            (Query(within(0.99, _STAGE, by="stage"), "{{stage}}"),),
            unit=Unit.SECONDS,
            width=6,
            height=10,
        ),
        Panel(
            "Where the work goes",
            "Part of each stage in all the time that is not waited. The largest of those between decode and decide is "
            "what to make faster.",
            (Query(f"{rate(f'{_STAGE}_sum', _WORK, by='stage')} / ignoring (stage) group_left {_ALL}", "part"),),
            Kind.TABLE,
            Unit.SHARE,
            width=6,
            height=10,
        ),
        Panel(
            "Age of frames when decided",
            "Each column is a moment, each row an age; darker is more. A band that climbs: recognisers fall "
            "behind. A second band: one camera or one partition is late.",
            (
                Query(
                    rate("beholden_frame_age_seconds_bucket", by="le"),
                    "{{le}}",
                    exemplars=True,
                ),
            ),
            Kind.HEATMAP,
            Unit.SECONDS,
            width=12,
        ),
        Panel(
            "Frames in a batch",
            "Embedding and search are done for a batch at once. At `recognisers.poll_frames` all the time: there is "
            "no headroom. On a GPU, 1 or 2: too little for it to do.",
            (Query(f"{_LOOKED_AT} / ({_BATCHES} > 0)", "frames"),),
            width=6,
        ),
        Panel(
            "Failures, by stage",
            "search: see which shard is down. decode: see the dead letters. evidence, publish: see the broker.",
            (Query(rate("beholden_stage_errors_total", by="stage"), "{{stage}}"),),
            unit=Unit.A_SECOND,
            width=6,
        ),
    ),
)
_FRAMES = Row(
    "Frames",
    (
        Panel(
            "What became of frames",
            "Everything that was taken in, by its end. shed grows: too much to do, or the policy wants it; "
            "dead_lettered grows: see the reasons.",
            (Query(rate("beholden_frames_total", by="outcome"), "{{outcome}}"),),
            unit=Unit.A_SECOND,
            stacked=True,
        ),
        Panel(
            "Shed, by reason",
            "too_old, skipped: recognisers are behind. superseded, sampled: freshness in the policy works. "
            "expired: Kafka deleted them unread.",
            (Query(rate("beholden_frames_total", 'outcome="shed"', by="reason"), "{{reason}}"),),
            unit=Unit.A_SECOND,
            stacked=True,
        ),
        Panel(
            "Dead letters, by reason",
            "The reason says what a camera sends; unknown_camera is one that the policy does not name. "
            "quarantined and model_failed need somebody to look: see runbook BeholdenDeadLetters.",
            (Query(rate("beholden_frames_total", 'outcome="dead_lettered"', by="reason"), "{{reason}}"),),
            unit=Unit.A_SECOND,
            stacked=True,
        ),
        Panel(
            "Behind, by partition",
            "Grows in all: too much to do. In one: its recogniser is ill, or one camera sends too much.",
            (Query(most("beholden_lag_seconds", by="partition"), "{{partition}}"),),
            unit=Unit.SECONDS,
            limits=Limits(2, 5),
        ),
        Panel(
            "Frames with recognisers",
            "waiting: taken in and not looked at; in flight: decided, and not acknowledged by the broker. In "
            "flight stays up: the broker does not answer.",
            (
                Query(total("beholden_frames_waiting", by="member"), "{{member}} waiting"),
                Query(total("beholden_in_flight_frames", by="member"), "{{member}} in flight"),
            ),
        ),
        Panel(
            "Slow cameras",
            "Frames that took more than a second to be decoded and searched for faces, over the time that is shown. "
            "Ask for smaller pictures of these cameras.",
            (
                Query(
                    f"topk (10, {grown('beholden_slow_frames_total', by='camera')})",
                    "slow",
                ),
            ),
            Kind.TABLE,
        ),
    ),
)
_PROCESSES = Row(
    "Processes",
    (
        Panel(
            "Busy, by recogniser",
            "Part of its time that each works. One far above the others: it has the busy cameras; more "
            "partitions spread them. All near 1: more recognisers.",
            (Query(rate("beholden_busy_seconds_total", by="member"), "{{member}}"),),
            unit=Unit.SHARE,
            limits=Limits(0.85, 0.95),
            width=6,
        ),
        Panel(
            "Processors used, by member",
            "1 is one processor. Much less than a recogniser's busy share: it waits, for shards or for the broker.",
            (Query(rate("beholden_cpu_seconds_total", by="member"), "{{member}}"),),
            width=6,
        ),
        Panel(
            "Memory, by member",
            "Grows without end: `beholden restart -f FILE RECOGNISER` starts it anew without losing a frame; then "
            "find out what it held.",
            (Query(most("beholden_resident_bytes", by="member"), "{{member}}"),),
            unit=Unit.BYTES,
            width=6,
        ),
        Panel(
            "Recognisers wanted and at work",
            "Wanted stays at recognisers.most while frames are shed: raise it, or look at fewer frames.",
            (
                Query(total("beholden_recognisers_wanted"), "wanted"),
                Query(total("beholden_member_up", 'kind="recogniser"'), "at work"),
            ),
            width=6,
        ),
        Panel(
            "GPU: working",
            "Low while recognisers are busy: processors decode too slowly for it; give it larger batches "
            "(`recognisers.poll_frames`, `detect_batch`).",
            (Query(most("beholden_gpu_utilisation_ratio", by="node, member"), "{{member}}"),),
            unit=Unit.SHARE,
            width=12,
            height=6,
            needs=Needs.GPU,
        ),
        Panel(
            "GPU: memory in use",
            "Near 100 %: fewer recognisers on a card (`recognisers.gpu_share`).",
            (
                Query(
                    f"{most('beholden_gpu_memory_used_bytes', by='member')}"
                    f" / {most('beholden_gpu_memory_bytes', by='member')}",
                    "{{member}}",
                ),
            ),
            unit=Unit.SHARE,
            limits=Limits(0.85, 0.95),
            width=12,
            height=6,
            needs=Needs.GPU,
        ),
    ),
)
BOARD = Board(
    "beholden-pipeline",
    "beholden: pipeline",
    "Where does the time of a frame go, and who has too much to do?",
    (
        _NOW,
        _STAGES,
        _FRAMES,
        _PROCESSES,
    ),
)
"""What the pipeline does with frames."""
