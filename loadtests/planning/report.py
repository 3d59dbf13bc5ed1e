"""A plan as lines with reasons, and what is not known about it."""

from collections.abc import Sequence
from typing import Any

from loadtests.planning.demand import MS, Ask
from loadtests.planning.node import Node, Source
from loadtests.planning.plan import (
    BROKER_ROOM,
    PARTITION_MB_S,
    PARTITIONS_EACH,
    REPLICATION,
    Line,
    Sizes,
    broker_shares,
    in_units,
    lane_gib,
    list_bytes,
    storage,
)
from operators.retention import RetentionProfile

FORM = "beholden.plan.v1"
_UNEVEN = 0.1  # more than a node is used, one of its recognisers is busy
_UNKNOWN = (
    "what cameras and the network before Kafka do, and how long a picture is on its way",
    "what a node that is lost does to p99: its recognisers' frames wait for seconds, then others have them",
    "frames in which nobody is, or many are: all have the same number of faces here",
    "real models, where figures are of models that know only people who do not exist",
)


def lines_of(node: Node, ask: Ask, sizes: Sizes, kept: RetentionProfile, alerts_hour: float) -> Sequence[Line]:
    """The plan."""
    each, mb_s = sizes.ceiling, ask.frames_s * ask.jpeg_kb * MS
    shares = broker_shares(node, ask)
    most = max(shares, key=lambda name: shares[name])
    gpus = sizes.nodes * int(node.gpus.value)
    per_partition = f"{PARTITIONS_EACH} or more for each recogniser, equally many, and {PARTITION_MB_S:g} MB/s at most"
    return [
        Line(
            "nodes",
            f"{sizes.nodes:,}",
            f"{node.name}: {each.fps:,.0f} frames/s each, of which {sizes.used:.0%} are used{_why(sizes)}",
        ),
        Line("GPUs", f"{gpus:,}", f"{node.gpus.value:g} on each node"),
        Line(
            "recognisers", f"{sizes.recognisers:,}", f"{sizes.lanes} on each node; the busiest is busy {sizes.busy:.0%}"
        ),
        Line("partitions", f"{sizes.partitions:,}", per_partition),
        Line(
            "brokers", f"{sizes.brokers:,}", f"{most} alone fills {shares[most]:.1f}; {BROKER_ROOM:.0%} of each is used"
        ),
        Line("into Kafka", _gbps(mb_s), f"{ask.frames_s:,.0f} frames/s of {ask.jpeg_kb:g} KB"),
        Line("out of Kafka", _gbps(mb_s), "each frame to one recogniser"),
        Line("between brokers", _gbps((REPLICATION - 1) * mb_s), f"{REPLICATION} replicas"),
        Line("into a node", _gbps(mb_s / sizes.nodes), f"its link takes {node.network_gbps.value:g} Gbit/s"),
        *storage(ask, kept, alerts_hour),
        Line("list, one copy", in_units(list_bytes(ask)), f"{ask.list_size:,.0f} entries of {ask.dimension} numbers"),
        Line(
            "memory of a node",
            f"{sizes.lanes * lane_gib(node, ask):.1f} GiB",
            f"{sizes.lanes} recognisers, each with the list, of {node.memory_gib.value:g} GiB",
        ),
        Line("capture to alert, p50", f"{1000 * sizes.waits.p50_s:.0f} ms", "at the busiest recogniser"),
        Line(
            "capture to alert, p99", f"{1000 * sizes.waits.p99_s:.0f} ms", f"batches of {sizes.waits.batch:.1f} frames"
        ),
        Line("used up first", each.first, _ceilings(sizes)),
    ]


def unknown(node: Node) -> list[str]:
    """What nobody knows."""
    by_source = {source: [name for name, each in node.figures if each.source is source] for source in Source}
    found = [
        f"{len(by_source[source])} figures of {node.name} are {source}, not measured: {', '.join(by_source[source])}"
        for source in (Source.ASSUMED, Source.COMPUTED)
        if by_source[source]
    ]
    return [*found, *_UNKNOWN]


def as_json(node: Node, ask: Ask, sizes: Sizes, lines: Sequence[Line]) -> dict[str, Any]:
    """The plan for machines, with each figure and what it rests on."""
    return {
        "form": FORM,
        "node": node.name,
        "cameras": ask.cameras,
        "fps": ask.fps,
        "list": ask.list_size,
        "nodes": sizes.nodes,
        "recognisers": sizes.recognisers,
        "partitions": sizes.partitions,
        "brokers": sizes.brokers,
        "p50_ms": 1000 * sizes.waits.p50_s,
        "p99_ms": 1000 * sizes.waits.p99_s,
        "saturates": sizes.ceiling.first,
        "lines": [{"name": each.name, "value": each.value, "why": each.why} for each in lines],
        "figures": {
            name: {"value": each.value, "source": str(each.source), "how": each.text} for name, each in node.figures
        },
        "unknown": unknown(node),
    }


def _why(sizes: Sizes) -> str:
    is_uneven = sizes.busy > sizes.used + _UNEVEN
    return ": cameras are not spread evenly, and the busiest recogniser counts" if is_uneven else ""


def _ceilings(sizes: Sizes) -> str:
    names = ("recognisers", "processor", "gpus", "network")
    found = {name: getattr(sizes.ceiling, name) for name in names}
    return ", ".join(f"{name} {fps:,.0f}/s" for name, fps in found.items() if fps != float("inf"))


def _gbps(mb_s: float) -> str:
    return f"{mb_s / 125:,.1f} Gbit/s" if mb_s >= 12.5 else f"{8 * mb_s:,.1f} Mbit/s"
