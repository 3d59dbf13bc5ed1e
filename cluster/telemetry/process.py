"""What a process uses of its machine."""

import os
import socket
from dataclasses import dataclass

import psutil

from cluster.telemetry.gpu import Gpu, gpu_in_use


@dataclass(frozen=True, slots=True)
class Process:
    """One process, as it is now.

    Attributes:
        node: Its machine.
        resident_bytes: Memory that it holds.
        cpu_s: Processor time that it has used.
        gpu: The GPU that it works on; None on a processor.
    """

    node: str
    resident_bytes: int
    cpu_s: float
    gpu: Gpu | None = None


def this_process(on_gpu: bool = False) -> Process:
    """The one that asks.

    Args:
        on_gpu: Whether it works on a GPU.
    """
    process = psutil.Process(os.getpid())
    times = process.cpu_times()
    return Process(
        socket.gethostname(), process.memory_info().rss, times.user + times.system, gpu_in_use() if on_gpu else None
    )
