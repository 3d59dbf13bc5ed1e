"""What is measured of the watchlist, the policy, the ledger, and those who do the work."""

from cluster.telemetry.metric import HOLDER, MEMBER, Sections, counter, gauge, histogram

SECTIONS: Sections = {
    "Watchlist": (
        gauge(
            "beholden_index_generation",
            HOLDER,
            "Records of the watchlist topic that have taken effect; 0 while the topic is read for the first time.",
            "Replicas of one shard that stay apart: the lower one cannot read Kafka.",
        ),
        gauge(
            "beholden_index_entries",
            (*HOLDER, "kind"),
            "Entries that are searched, those of another embedding contract (foreign), and records that are none "
            "(invalid).",
            "Foreign: enrol these people anew with the models in force. Invalid: find out who wrote them.",
        ),
        gauge(
            "beholden_index_bytes",
            HOLDER,
            "Vectors in memory, those included that were withdrawn and are not erased yet.",
            "Near the machine's memory: more shards.",
        ),
        histogram(
            "beholden_index_search_duration_seconds",
            HOLDER,
            "How long a search took where the list is held.",
            "Grown: more shards, or more threads for each.",
        ),
        histogram(
            "beholden_index_effect_duration_seconds",
            (*HOLDER, "kind"),
            "From a change's record until it was searched with: enrolled, or withdrawn (the logical purge lag).",
            "Withdrawn after more than seconds: somebody who must not be found can be; end the shard that is behind.",
        ),
        gauge(
            "beholden_index_last_effect_seconds",
            (*HOLDER, "kind"),
            "The same, of the last change.",
            "See beholden_index_effect_duration_seconds.",
        ),
        gauge(
            "beholden_index_waiting_seconds",
            (*HOLDER, "kind"),
            "How old the oldest change is that a holder has read and does not search with yet, as while it reads the "
            "topic anew; 0 where none is.",
            "Withdrawn, for more than seconds: `beholden status` says what the holder waits for.",
        ),
    ),
    "Policy": (
        gauge(
            "beholden_policy_info",
            (*MEMBER, "policy", "digest"),
            "1: this member goes by this policy; the supervisor says which one stands.",
            "More than one digest for longer than seconds: see the late members.",
        ),
        gauge(
            "beholden_policy_late_members",
            (),
            "Recognisers that go by an older policy than the newest.",
            "Above 0 for more than seconds: `beholden status` names them; `beholden restart` starts them anew.",
        ),
        gauge(
            "beholden_policy_spread_seconds",
            (),
            "How far apart the recognisers changed over to the newest policy; while some are late, for how long now.",
            "Above 2: the ledger has told of it; see what kept the last one.",
        ),
        gauge(
            "beholden_policy_halted",
            ("reason",),
            "1 for the reason why nothing is looked at: stopped, lapsed or out_of_hours; 0 otherwise.",
            "`beholden status` says why, and by whom.",
        ),
        gauge(
            "beholden_policy_alarms",
            (),
            "What is wrong with the policy: recognisers late, or a policy that cannot be gone by.",
            "`beholden status` names each.",
        ),
        gauge(
            "beholden_policy_ends_timestamp_seconds",
            ("kind",),
            "When the policy in force ends, and when its review is due, Unix time: end, review, loosening.",
            "Apply another one before; afterwards nothing is looked at.",
        ),
    ),
    "Privacy": (
        histogram(
            "beholden_nonmatch_lifetime_seconds",
            MEMBER,
            "How long faces existed that led to no alert, from before the decoder until they were dropped.",
            "Near the ceiling: the machine is overloaded, or a shard does not answer.",
        ),
        gauge(
            "beholden_nonmatch_ceiling_seconds",
            MEMBER,
            "The policy's max_nonmatch_s, once there was a face.",
            "Nothing: it is what lifetimes are held against.",
        ),
        counter(
            "beholden_nonmatch_late_drops_total",
            MEMBER,
            "Batches whose faces existed for longer than the policy allows; the ledger has each minute of them.",
            "Any: see the stages, and tell whoever answers for the policy.",
        ),
        gauge(
            "beholden_retention_oldest_seconds",
            ("kind",),
            "Age of the oldest record of a topic (the physical purge lag); 0 of an empty one; none of frames, which "
            "have the time of their camera, nor of lists.",
            "Older than promised: Kafka does not delete; see its log cleaner and `beholden retention check`.",
        ),
        gauge(
            "beholden_retention_possible_seconds",
            ("kind",),
            "How old a record of a topic can become as Kafka is set up; +Inf when nothing ends it.",
            "Above the promise: `beholden retention apply`.",
        ),
        gauge(
            "beholden_retention_promised_seconds",
            ("kind",),
            "How old a record of a topic may become, by the policy's retention profile.",
            "Nothing: it is what the others are held against.",
        ),
        gauge(
            "beholden_retention_early",
            ("kind",),
            "1 while Kafka is set up to delete records of a topic before their time to be kept is over; 0 otherwise.",
            "1: `beholden retention apply`, at once; `beholden retention check` says why.",
        ),
    ),
    "Ledger": (
        gauge(
            "beholden_ledger_sealed_timestamp_seconds",
            (),
            "When the last checkpoint was written, Unix time.",
            "Old while records are behind it: `beholden status` says why no checkpoint is written.",
        ),
        gauge(
            "beholden_ledger_unsealed_records",
            (),
            "Records behind the last checkpoint, which could be cut off unnoticed.",
            "Grows: as above.",
        ),
        gauge(
            "beholden_ledger_waits",
            MEMBER,
            "1 while a recogniser waits for the ledger: nobody is put on a screen then.",
            "See the broker of topic ledger.",
        ),
    ),
    "Members": (
        gauge(
            "beholden_member_up",
            (*MEMBER, "kind"),
            "1 while a shard or a recogniser is at work or stands by, 0 otherwise; none of one that was drained.",
            "0 for more than seconds: `beholden status` says why; Ray starts anew what has ended.",
        ),
        gauge(
            "beholden_member_state",
            (*MEMBER, "kind", "state"),
            "1 for the state of each member: at_work, halted, standing_by, starting, waiting, restarting, silent, "
            "failed, leaving or drained.",
            "As above.",
        ),
        counter(
            "beholden_member_restarts_total",
            ("member", "kind"),
            "How often a member was found in another process (process), or began anew at its last commit (dataflow).",
            "process: see its log for what ended it. dataflow: Kafka went away.",
        ),
        gauge(
            "beholden_recognisers_wanted",
            (),
            "Recognisers that are wanted now, those beside the least and those that stand by too.",
            "At recognisers.most and still behind: raise it, or look at fewer frames.",
        ),
        gauge(
            "beholden_supervisor_looked_timestamp_seconds",
            (),
            "When the supervisor last heard the members, Unix time: how old all of this is.",
            "Old: the supervisor is stuck; `beholden up` again replaces it.",
        ),
        gauge(
            "beholden_resident_bytes",
            MEMBER,
            "Memory that a member's process holds.",
            "Grows without end: `beholden restart` starts it anew; find out what it holds.",
        ),
        counter(
            "beholden_cpu_seconds_total",
            MEMBER,
            "Processor time that a member's process has used.",
            "Compare with its busy share: much less is waiting.",
        ),
        gauge(
            "beholden_gpu_memory_used_bytes",
            MEMBER,
            "Memory in use on the GPU of a member's process, by all that use it.",
            "Near the total: fewer recognisers on a card.",
            needs_gpu=True,
        ),
        gauge(
            "beholden_gpu_memory_bytes",
            MEMBER,
            "Memory of that GPU.",
            "Nothing: it is what the use is held against.",
            needs_gpu=True,
        ),
        gauge(
            "beholden_gpu_utilisation_ratio",
            MEMBER,
            "Part of the last moment that this GPU worked, 0 to 1.",
            "Low while recognisers are busy: processors decode too slowly for it; give it larger batches.",
            needs_gpu=True,
        ),
    ),
    "Telemetry itself": (
        counter(
            "beholden_spans_dropped_total",
            MEMBER,
            "Spans that were not sent: the queue was full, or nobody took them.",
            "See the collector; no frame waits for it.",
        ),
        counter(
            "beholden_pushes_total",
            ("outcome",),
            "Pushes of these metrics to telemetry.metrics.otlp: sent or failed.",
            "See the collector.",
        ),
    ),
}
