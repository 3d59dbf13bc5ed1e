"""Is the whole watchlist searched, quickly, and as it is now?"""

from cluster.telemetry.boards.panels import Board, Kind, Limits, Panel, Query, Row, Unit, number
from cluster.telemetry.boards.promql import mean, most, of, rate, total, within

_SEARCH = "beholden_index_search_duration_seconds"
_EFFECT = "beholden_index_effect_duration_seconds"
_UP = of("beholden_member_up", 'kind="shard"')
_ENTRIES = most("beholden_index_entries", 'kind="searched"', by="deployment, shard")

_NOW = Row(
    "Now",
    (
        number(
            "Entries searched",
            "Of all shards. Fewer than `beholden watchlist list -f FILE` says: see the shards' states, and foreign "
            "entries.",
            f"sum by (deployment) ({_ENTRIES})",
        ),
        number(
            "Replicas not at work",
            "With one replica of each shard any is an outage: see runbook BeholdenShardDown.",
            f"sum by (deployment) ({_UP} == bool 0)",
            limits=Limits(1, 2),
        ),
        number(
            "Replicas apart",
            "The largest difference between two holders of one shard, in records. Stays above 0: the lower one "
            "cannot read Kafka.",
            f"max by (deployment) ({most('beholden_index_generation', by='deployment, shard')}"
            f" - min by (deployment, shard) ({of('beholden_index_generation')}))",
            limits=Limits(1, 100),
        ),
        number(
            "99 % of searches within",
            "Where the list is held. Grown: more shards, or more threads for each (`index.shards`, `index.threads`).",
            within(0.99, _SEARCH),
            Unit.SECONDS,
            Limits(0.1, 0.5),
        ),
        number(
            "Withdrawn: effect after",
            "More than 5 s: somebody who must not be found could be. See runbook BeholdenErasureLate.",
            most("beholden_index_last_effect_seconds", 'kind="withdrawn"'),
            Unit.SECONDS,
            Limits(1, 5),
        ),
        number(
            "Entries not searched",
            "Foreign ones were enrolled with other models: enrol these people anew. Invalid ones: find out who "
            "wrote them; `beholden watchlist verify -f FILE` names what is amiss.",
            total("beholden_index_entries", 'kind=~"foreign|invalid"'),
            limits=Limits(1, 10),
        ),
    ),
)
_SEARCHES = Row(
    "Searches",
    (
        Panel(
            "Searches, by holder",
            "One of two replicas without searches: recognisers do not ask it; see its state.",
            (Query(rate(f"{_SEARCH}_count", by="member"), "{{member}}"),),
            unit=Unit.A_SECOND,
        ),
        Panel(
            "99 % of searches within, by shard",
            "One shard above the others: its machine is busy. All grow: the list has grown, or too many ask at "
            "once; more shards.",
            (Query(within(0.99, _SEARCH, by="shard"), "shard {{shard}}"),),
            unit=Unit.SECONDS,
            limits=Limits(0.1, 0.5),
        ),
        Panel(
            "A search, seen by a recogniser and by the holder",
            "Means. The recogniser's is the slowest shard and the way there and back; far above the holder's: Ray "
            "or the network.",
            (
                Query(mean("beholden_stage_duration_seconds", 'stage="search"'), "recogniser"),
                Query(mean(_SEARCH), "holder"),
            ),
            unit=Unit.SECONDS,
        ),
    ),
)
_CHANGES = Row(
    "Changes of the list",
    (
        Panel(
            "Entries, by shard",
            "Shards that differ by much: few lists are so small; otherwise see foreign and invalid entries.",
            (Query(f"max by (shard) ({_ENTRIES})", "shard {{shard}}"),),
        ),
        Panel(
            "Generation, by holder",
            "Records that have taken effect. Holders of one shard run together; one that stays behind cannot read "
            "Kafka: `beholden status -f FILE` says why.",
            (Query(most("beholden_index_generation", by="member"), "{{member}}"),),
        ),
        Panel(
            "Until a change is searched with",
            "99 % of changes, by kind; withdrawn is the logical purge lag. Above 5 s: see runbook BeholdenErasureLate.",
            (Query(within(0.99, _EFFECT, by="kind", over="30m"), "{{kind}}"),),
            unit=Unit.SECONDS,
            limits=Limits(1, 5),
        ),
    ),
)
_HOLDERS = Row(
    "Holders",
    (
        Panel(
            "Who holds which shard",
            "Records that have taken effect, by holder; 0 while the topic is read for the first time. A shard "
            "missing here is not searched.",
            (Query(most("beholden_index_generation", by="shard, replica, member, node"), "generation"),),
            Kind.TABLE,
            width=12,
        ),
        Panel(
            "Memory of vectors, by holder",
            "Near the machine's memory: more shards.",
            (Query(most("beholden_index_bytes", by="member"), "{{member}}"),),
            unit=Unit.BYTES,
            width=6,
        ),
        Panel(
            "Entries not searched, by kind",
            "foreign: enrolled with other models; invalid: records that are no entries. `beholden watchlist verify "
            "-f FILE` says more.",
            (Query(total("beholden_index_entries", 'kind=~"foreign|invalid"', by="kind"), "{{kind}}"),),
            width=6,
        ),
    ),
)
BOARD = Board(
    "beholden-index",
    "beholden: watchlist index",
    "Is the whole watchlist searched, quickly, and as it is now?",
    (
        _NOW,
        _SEARCHES,
        _CHANGES,
        _HOLDERS,
    ),
)
"""The watchlist where it is searched."""
