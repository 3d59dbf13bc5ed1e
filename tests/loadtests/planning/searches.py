"""Searches for a capacity that never were, as 'capacity --json' writes them."""

import json
from pathlib import Path
from typing import Any

FACES, LIST = 2, 1000
BATCH_MS, FRAME_MS, SEARCH_MS = 6.0, 20.0, 4.0  # of which 2 + 9 + 1 in stages, and 3 for each face


def trial(fps: float, batch: float, seconds: float = 30.0) -> dict[str, Any]:
    """One trial of one recogniser whose batches have so many frames."""
    frames = int(fps * seconds)
    batches = round(frames / batch)
    stages = {
        "decode": [frames, 0.002 * frames],
        "detect": [frames, 0.009 * frames],
        "gate": [frames, 0.001 * frames],
        "embed": [frames, frames * 0.003 * FACES * frames / batches],  # each is given the time of its batch
        "search": [batches, SEARCH_MS / 1000 * batches],
    }
    cores = {"recognisers": 0.022 * fps, "index shards": 0.003 * fps, "broker": 0.05 + 0.001 * fps}
    return {
        "fps": fps,
        "outcome": "holds",
        "ended_fps": fps,
        "p50_ms": 50.0,
        "frames": frames,
        "mean_bytes": 120_000.0,
        "cores": {**cores, "load test": 0.002 * fps, "ray": 0.06},
        "stages": stages,
        "busy_s": (BATCH_MS * batches + FRAME_MS * frames) / 1000,
    }


def search(recognisers: int, holds: float | None, fails: float | None, sender: int = 0) -> dict[str, Any]:
    """A search that found a rate that holds and one that does not; in so many trials of that sending was the limit."""
    seen = {"holds": 0, "fails": 3 - sender, "sender": sender}
    return {
        "form": "beholden.capacity.v1",
        "name": "never",
        "begin": "2026-11-26T12:00:00.000Z",
        "about": {"processor": "none", "cores": 4, "command": "beholden-load capacity never", "frame_partitions": 8},
        "scenario": {
            "cameras": 24,
            "people": {"in_view": FACES, "list_size": LIST},
            "cluster": {"recognisers": recognisers, "threads": 1},
            "limits": {"p99_ms": None},
        },
        "holds": holds and {"fps": holds, "holds": 3, "fails": 0, "sender": 0},
        "fails": fails and {"fps": fails, **seen},
        "trials": [trial(10.0, 1.0), trial(30.0, 2.0), trial(40.0, 6.0)],
    }


def written(folder: Path, document: dict[str, Any]) -> Path:
    """Its file."""
    file = folder / f"{document['scenario']['cluster']['recognisers']}.json"
    file.write_text(json.dumps(document))
    return file
