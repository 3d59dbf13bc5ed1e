"""How many of what are needed for so many cameras, and what can be expected of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from loadtests.planning.demand import MS, Ask, Ceiling, batch_s, ceiling, cpu_s, gpu_s, lane_fps
from loadtests.planning.lane import Waits, simulate
from loadtests.planning.node import Node
from operators.errors import SettingsRefused
from operators.retention import RetentionProfile, lasts_ms

ROOM = 0.7  # of what a node can do: the rest is for what fails, and for what comes by chance
BROKER_ROOM = 0.5  # of a broker: when one of three is away the others have half as much again
REPLICATION = 3
PARTITIONS_EACH = 2  # of a recogniser: what a lost one had can be shared by two others
PARTITION_MB_S = 10.0  # that one partition is given at the most: its leader is one broker's one disk
ALERT_KB, EVIDENCE_KB, LEDGER_KB = 3.0, 60.0, 2.0
_HOURS_MS = 3_600_000
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plan.

    Attributes:
        name: What.
        value: How many.
        why: The reason.
    """

    name: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many of what.

    Attributes:
        nodes: Machines with recognisers.
        lanes: Recognisers on each.
        partitions: Of the frames topic.
        brokers: Of Kafka.
        busy: How busy the busiest recogniser is, 0 to 1.
        used: How much of a node is used, of the part that is used up first, 0 to 1.
        ceiling: What one node can do.
        waits: From capture to alert.
    """

    nodes: int
    lanes: int
    partitions: int
    brokers: int
    busy: float
    used: float
    ceiling: Ceiling
    waits: Waits

    @property
    def recognisers(self) -> int:
        """On all nodes."""
        return self.nodes * self.lanes


def size(node: Node, ask: Ask, nodes: int | None = None, room: float = ROOM) -> Sizes:
    """How many of what are needed.

    Args:
        node: Kind of all nodes.
        ask: What is to be watched.
        nodes: How many there are; as many as are needed with room to spare when None.
        room: Most that is to be used of what a node can do.

    Raises:
        SettingsRefused: A node cannot hold the list, or so many nodes cannot do it, with how many can.
    """
    if not 0 < room <= 1:
        raise SettingsRefused(f"--room {room:g}: must be above 0 and at most 1")
    lanes = best_lanes(node, ask, nodes, room)
    each = ceiling(node, ask, lanes)
    least = nodes_for(node, ask, lanes, 1.0)
    if nodes is not None and nodes < least:
        raise SettingsRefused(_too_few(node, ask, nodes, least, room))
    count = nodes or nodes_for(node, ask, lanes, room)
    recognisers = count * lanes
    mb_s = ask.frames_s * ask.jpeg_kb * MS
    partitions = recognisers * max(PARTITIONS_EACH, math.ceil(mb_s / PARTITION_MB_S / recognisers))
    return Sizes(
        nodes=count,
        lanes=lanes,
        partitions=partitions,
        brokers=brokers_for(node, ask),
        busy=busiest(ask, recognisers) / lane_fps(node, ask) * stretch(node, ask, ask.frames_s / count, lanes),
        used=ask.frames_s / count / each.fps,
        ceiling=each,
        waits=waits(node, ask, count, lanes),
    )


def best_lanes(node: Node, ask: Ask, nodes: int | None, room: float) -> int:
    """Recognisers on one node: as many as make do with the fewest nodes; of several numbers, the smallest.

    Args:
        node: Its kind.
        ask: What is to be watched.
        nodes: How many there are; then those count that can do it at all.
        room: Most that is to be used of what a node can do.

    Raises:
        SettingsRefused: There is no room for one, or one camera alone is more than it can do.
    """
    return min(lane_counts(node, ask), key=lambda lanes: nodes_for(node, ask, lanes, 1.0 if nodes else room))


def lane_counts(node: Node, ask: Ask) -> Sequence[int]:
    """How many recognisers, each with the whole list, have room on one node.

    Raises:
        SettingsRefused: There is no room for one.
    """
    found = [lanes for lanes in range(1, int(node.lanes.value) + 1) if fits(node, ask, lanes)]
    if not found:
        raise SettingsRefused(
            f"a list of {ask.list_size:,.0f} does not fit beside one recogniser on node {node.name} "
            f"({lane_gib(node, ask):.1f} GiB of {node.memory_gib.value:g}): name a larger node; that shards "
            "of the index share it ('index.placement: sharded') is not planned here"
        )
    return found


def fits(node: Node, ask: Ask, lanes: int) -> bool:
    """Whether so many recognisers, each with the whole list, have room on a node."""
    on_card = node.lane_gpu_mib.value / 1024 + 2 * ask.dimension * ask.list_size / _GIB
    cards = node.gpus.value * node.gpu_memory_gib.value
    return lanes * lane_gib(node, ask) <= node.memory_gib.value and (not cards or lanes * on_card <= cards)


def lane_gib(node: Node, ask: Ask) -> float:
    """Memory of one recogniser with its list."""
    return node.lane_memory_mib.value / 1024 + list_bytes(ask) / _GIB


def list_bytes(ask: Ask) -> float:
    """Of one copy of the list: float32 rows, 8-bit rows, and about 300 bytes of everything else for each entry."""
    return ask.list_size * (5 * ask.dimension + 300)


def nodes_for(node: Node, ask: Ask, lanes: int, room: float) -> int:
    """Nodes that use no more than a share of what they can do; the busiest recogniser half of the rest beyond it.

    Raises:
        SettingsRefused: One camera alone is more than one recogniser can do, or than it is to do.
    """
    alone, most = lane_fps(node, ask), busiest_fps(node, ask, room)
    if ask.fps >= most:
        left = f", --room {room:g} leaves {most:.1f} of that" if ask.fps < alone else ""
        higher = ", raise --room, or say how many --nodes" if ask.fps < alone else ""
        raise SettingsRefused(
            f"--fps {ask.fps:g}: one recogniser on node {node.name} can do {alone:.1f} frames a second{left}, and it "
            f"has every frame of a camera: send fewer{higher}"
        )
    count = max(1, math.ceil(ask.frames_s / (ceiling(node, ask, lanes).fps * room)))
    while busiest(ask, count * lanes) * stretch(node, ask, ask.frames_s / count, lanes) >= most:
        count += 1
    return count


def busiest_fps(node: Node, ask: Ask, room: float) -> float:
    """Frames a second that the busiest recogniser may have: beyond the share of all, half of what is left."""
    return lane_fps(node, ask) * (1 + room) / 2


def _too_few(node: Node, ask: Ask, nodes: int, least: int, room: float) -> str:
    """Why so many nodes cannot do it with all recognisers that have room, and how many can."""
    lanes = max(lane_counts(node, ask))
    each = ceiling(node, ask, lanes)
    why = f"{nodes} of node {node.name} can do {nodes * each.fps:,.1f}/s ({each.first} first)"
    if ask.frames_s < nodes * each.fps:
        most = lane_fps(node, ask) / stretch(node, ask, ask.frames_s / nodes, lanes)
        why = (
            f"the busiest of {nodes * lanes} recognisers has {busiest(ask, nodes * lanes):,.1f}/s, and can do "
            f"{most:,.1f}/s (cameras go to them by their names, and not evenly)"
        )
    spared = ""
    if ask.fps < busiest_fps(node, ask, room):
        wanted = nodes_for(node, ask, best_lanes(node, ask, None, room), room)
        spared = f", and {wanted} to use no more than {room:.0%} of them"
    return (
        f"{ask.cameras} cameras at {ask.fps:g} frames a second are {ask.frames_s:,.1f}/s, and {why}: "
        f"at least {least} are needed{spared}"
    )


def busiest(ask: Ask, recognisers: int) -> float:
    """Frames a second of the recogniser that has most of them.

    Cameras go to partitions by a digest of their names. Of R recognisers with m cameras each on the mean, the busiest
    has about sqrt(2 ln R / m) more than that; but one camera at least, and no more than all.
    """
    mean = ask.frames_s / recognisers
    most = mean * (1 + math.sqrt(2 * math.log(recognisers) * recognisers / ask.cameras))
    return min(ask.frames_s, max(ask.fps, most))


def stretch(node: Node, ask: Ask, node_fps: float, lanes: int) -> float:
    """By how much work takes longer since recognisers on one node share cores and cards."""
    one = lane_fps(node, ask)
    working = min(float(lanes), node_fps / one)
    beside = node.ray_cores.value
    if ask.with_sender:
        beside += node_fps * MS * (node.broker_cpu_ms.value + node.sender_cpu_ms.value)
    own = replace(ask, with_sender=False)
    cores = working * one * cpu_s(node, own) / max(1e-3, node.cores.value - beside)
    cards = working * one * gpu_s(node, ask) / node.gpus.value if node.gpus.value else 0.0
    return max(1.0, cores, cards)


def waits(node: Node, ask: Ask, nodes: int, lanes: int) -> Waits:
    """From capture to alert at the busiest recogniser of a plan that is stable."""
    recognisers = nodes * lanes
    longer = stretch(node, ask, ask.frames_s / nodes, lanes)
    cameras = max(1, round(busiest(ask, recognisers) / ask.fps))
    took = partial(batch_s, node, ask, stretch=longer)
    found = simulate(cameras, ask.fps, took, int(node.batch_frames.value), node.spread.value)
    later_s = MS * node.deliver_ms.value
    return Waits(found.p50_s + later_s, found.p99_s + later_s, found.batch)


def brokers_for(node: Node, ask: Ask) -> int:
    """Brokers that write, replicate and hand out all frames with room for one that is away; three at least."""
    return max(REPLICATION, *(math.ceil(share / BROKER_ROOM) for share in broker_shares(node, ask).values()))


def broker_shares(node: Node, ask: Ask) -> dict[str, float]:
    """How many brokers each of their parts would fill."""
    mb_s = ask.frames_s * ask.jpeg_kb * MS
    link = node.broker_gbps.value * 125
    return {
        "link in": REPLICATION * mb_s / link,
        "link out": REPLICATION * mb_s / link,  # once to recognisers, and to the other replicas
        "disk": REPLICATION * mb_s / node.broker_disk_mb_s.value,
        "processor": REPLICATION * ask.frames_s * MS * node.broker_cpu_ms.value / node.broker_cores.value,
    }


def storage(ask: Ask, kept: RetentionProfile, alerts_hour: float) -> Sequence[Line]:
    """What lies on the brokers' disks, all replicas together, at the most the retention profile allows by its rule."""
    mb_s = ask.frames_s * ask.jpeg_kb * MS
    frames_s = (lasts_ms(kept.frames.keep) + lasts_ms(kept.frames.roll)) * MS
    lines = [
        Line(
            "storage, frames",
            in_units(REPLICATION * mb_s * 1e6 * frames_s),
            f"{kept.frames.keep} and a segment of {kept.frames.roll}, {REPLICATION} replicas",
        )
    ]
    for name, one, kb in (
        ("alerts", kept.alerts, ALERT_KB),
        ("evidence", kept.evidence, EVIDENCE_KB),
        ("ledger", kept.ledger, LEDGER_KB),
    ):
        hours = (lasts_ms(one.keep) + lasts_ms(one.roll)) / _HOURS_MS
        taken = REPLICATION * alerts_hour * hours * kb * 1000
        lines.append(
            Line(f"storage, {name}", in_units(taken), f"{alerts_hour:g} alerts an hour, {one.keep}, {kb:g} KB each")
        )
    return lines


def in_units(count: float) -> str:
    """Bytes as people read them."""
    for unit, of in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= of:
            return f"{count / of:,.1f} {unit}"
    return f"{count / 1000:,.0f} KB"
