"""A node's figures from a search for a capacity on it: service times by stage, and processor time by group."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import yaml

from loadtests.load.bracket import Outcome
from loadtests.load.machine_watch import BROKER, LOAD, RAY, RECOGNISERS, SHARDS, is_disturbed
from loadtests.load.saturation import stage_seconds
from loadtests.planning.capacity_file import Measured
from loadtests.planning.demand import batch_s
from loadtests.planning.node import Figure, Node, Source
from operators.errors import SettingsRefused

_DIGITS = 4
_LEAST_TRIALS = 2
_APART = 1.4  # the highest rate over the lowest, from which on trials tell what a rate changes from what is always so
_OF_RATES = ("broker_cpu_ms", "sender_cpu_ms")


def fit(node: Node, measured: Measured) -> Node:
    """The node with what was measured in place of what it had.

    Args:
        node: What is not measured stays: what the machine has, and what a list costs.
        measured: With one recogniser: several share cores, and their times would be of that.

    Raises:
        SettingsRefused: It was more than one, or too few trials are of use.
    """
    if measured.recognisers != 1:
        raise SettingsRefused(f"{measured.file}: of {measured.recognisers} recognisers; measure with --recognisers 1")
    trials = [each for each in measured.trials if _is_of_use(each)]
    if len(trials) < _LEAST_TRIALS:
        raise SettingsRefused(
            f"{measured.file}: fewer than {_LEAST_TRIALS} trials while nothing else ran, every frame was sent in time "
            "and none was shed; measure with more --minutes"
        )
    values = {**_times(trials, measured.ask.faces), **_processor(trials, node)}
    is_apart = _is_apart([each["ended_fps"] for each in trials])
    figures = {name: _figure(value, measured) for name, value in values.items() if is_apart or name not in _OF_RATES}
    fitted = node.with_figures(figures)
    lowest = min((each for each in trials if each["p50_ms"]), key=lambda each: float(each["fps"]), default=None)
    if lowest is None or not is_apart:  # frames wait for each other in all of them
        return fitted
    after_ms = max(0.0, lowest["p50_ms"] - 1000 * batch_s(fitted, measured.ask, _batch(lowest)))
    return fitted.with_figures({"deliver_ms": _figure(after_ms, measured)})


def as_yaml(node: Node) -> str:
    """The file of a node."""
    lines = [f"about: {yaml.safe_dump(node.about, width=10_000).splitlines()[0]}"]
    for name, figure in node.figures:
        known = {"value": figure.value, "source": str(figure.source), "how": figure.how}
        known |= {key: found for key in ("machine", "on") if (found := getattr(figure, key)) is not None}
        text = yaml.safe_dump(known, default_flow_style=True, sort_keys=False, width=10_000)
        lines.append(f"{name}: {text.strip()}")
    return "\n".join(lines) + "\n"


def line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """The nearest y = a + b x with neither below 0: a, b."""
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    through = float(xs @ ys / (xs @ xs))
    if np.ptp(xs) < 1e-9:
        return 0.0, through
    slope, start = (float(each) for each in np.polyfit(xs, ys, 1))
    if start < 0:
        return 0.0, through
    return (float(ys.mean()), 0.0) if slope < 0 else (start, slope)


def _is_of_use(trial: Mapping[str, Any]) -> bool:
    """Whether every frame of a trial cost what one costs: one that was shed ends without having been looked at."""
    return not is_disturbed(trial["cores"]) and not trial["shed_share"] and trial["outcome"] != Outcome.SENDER


def _times(trials: Sequence[Mapping[str, Any]], faces: float) -> Mapping[str, float]:
    """Milliseconds: of a batch, of a frame and of a face."""
    frames = sum(_times_of(each, "detect") for each in trials)
    batches = sum(_times_of(each, "search") for each in trials)
    took = [stage_seconds(_stages(each)) for each in trials]
    ms = {name: 1000 * sum(each.get(name, 0.0) for each in took) for name in took[0]}
    fixed, of_frame = line(
        [_batch(each) for each in trials], [1000 * each["busy_s"] / _times_of(each, "search") for each in trials]
    )
    search = min(fixed, ms["search"] / batches)
    stages = {name: ms[name] / frames for name in ("decode", "detect", "gate")}
    embed = ms.get("embed", 0.0) / frames
    return {
        **{f"{name}_ms": value for name, value in stages.items()},
        "embed_ms": embed / faces if faces else 0.0,
        "search_ms": search,
        "batch_ms": fixed - search,
        "other_ms": max(0.0, of_frame - sum(stages.values()) - embed),
    }


def _processor(trials: Sequence[Mapping[str, Any]], node: Node) -> Mapping[str, float]:
    """Processor time of a frame, milliseconds, that of recognisers of one in a full batch; and what is always taken."""
    rates = [each["ended_fps"] for each in trials]
    batches = [_batch(each) for each in trials]

    def used(*groups: str) -> list[float]:
        return [sum(each["cores"].get(group, 0.0) for group in groups) for each in trials]

    own = used(RECOGNISERS, SHARDS)
    of_batches = [batch * cores / rate for batch, cores, rate in zip(batches, own, rates, strict=True)]
    fixed_s, frame_s = line(batches, of_batches)
    broker = _with_rate(rates, used(BROKER), node.broker_cpu_ms)
    sender = _with_rate(rates, used(LOAD), node.sender_cpu_ms)
    return {
        "recogniser_cpu_ms": 1000 * (fixed_s / node.batch_frames.value + frame_s),
        "broker_cpu_ms": 1000 * broker[1],
        "sender_cpu_ms": 1000 * sender[1],
        "ray_cores": broker[0] + sender[0] + float(np.mean(used(RAY))),
    }


def _is_apart(rates: Sequence[float]) -> bool:
    return max(rates) >= _APART * min(rates)


def _with_rate(rates: Sequence[float], cores: Sequence[float], known_ms: Figure) -> tuple[float, float]:
    """Cores that are always taken, and seconds of a frame: what is known of it, where the rates are too much alike."""
    if _is_apart(rates):
        return line(rates, cores)
    of_frame = known_ms.value / 1000
    return max(0.0, float(np.mean(cores) - of_frame * np.mean(rates))), of_frame


def _figure(value: float, measured: Measured) -> Figure:
    return Figure(round(value, _DIGITS), Source.MEASURED, measured.command, measured.machine, measured.on)


def _stages(trial: Mapping[str, Any]) -> Mapping[str, tuple[int, float]]:
    return {name: (times, seconds) for name, (times, seconds) in trial["stages"].items()}


def _times_of(trial: Mapping[str, Any], stage: str) -> int:
    return int(trial["stages"][stage][0])


def _batch(trial: Mapping[str, Any]) -> float:
    """Frames of a batch, on the mean over batches: there is a search in each."""
    return _times_of(trial, "detect") / _times_of(trial, "search")
