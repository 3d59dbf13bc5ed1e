"""Nodes for tests, with round numbers."""

from loadtests.planning.node import Figure, Node, Source

VALUES = {
    "cores": 4.0,
    "memory_gib": 16.0,
    "network_gbps": 10.0,
    "gpus": 0.0,
    "gpu_memory_gib": 0.0,
    "lanes": 4.0,
    "batch_frames": 8.0,
    "batch_ms": 8.0,
    "decode_ms": 2.0,
    "detect_ms": 10.0,
    "gate_ms": 1.0,
    "embed_ms": 4.0,
    "other_ms": 1.0,
    "recogniser_cpu_ms": 18.0,
    "gpu_detect_ms": 0.0,
    "gpu_embed_ms": 0.0,
    "search_ms": 8.0,
    "sweep_ms": 16.0,
    "query_ms": 2.0,
    "ray_cores": 0.1,
    "broker_cpu_ms": 1.0,
    "sender_cpu_ms": 1.0,
    "deliver_ms": 10.0,
    "spread": 0.2,
    "lane_memory_mib": 512.0,
    "lane_gpu_mib": 0.0,
    "broker_cores": 8.0,
    "broker_gbps": 10.0,
    "broker_disk_mb_s": 500.0,
}


def node(**changes: float) -> Node:
    """Four cores, 50 frames a second each."""
    figures = {name: Figure(value, Source.ASSUMED, "a test") for name, value in (VALUES | changes).items()}
    return Node(about="a test", name="test", **figures)


def card(**changes: float) -> Node:
    """Four cores and a card."""
    on_card = {"gpus": 1.0, "gpu_memory_gib": 16.0, "detect_ms": 0.0, "embed_ms": 0.0, "recogniser_cpu_ms": 3.0}
    return node(**on_card | {"gpu_detect_ms": 0.5, "gpu_embed_ms": 0.25, "sweep_ms": 0.2, "query_ms": 0.0} | changes)
