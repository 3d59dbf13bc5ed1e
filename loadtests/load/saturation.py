"""Which part of a run is used up first, by the utilisation law: a part is busy for its rate times its time for each.

A share of 1 is busy all the time. Stages are timed on the clock, so on a machine whose cores are full they are longer
than the work they do; the share of the processor says whether that is so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from loadtests.load.accounts import Stages
from loadtests.load.machine_watch import BROKER, OTHERS
from loadtests.load.result import Result
from loadtests.load.samples import Sample
from loadtests.quiet import LIMIT_CORES

LANE = ("decode", "detect", "gate", "embed", "search", "decide", "evidence")
"""Stages that one recogniser goes through one after the other; in the others it waits."""
FULL = 0.85  # from which on a part has nothing to spare: what comes by chance waits behind it
WAITS_S = 0.3  # on the mean, from capture until it is polled: a recogniser that has time polls as soon as there is one
RECOGNISERS, BETWEEN, PROCESSOR = "recognisers", "between stages", "processor"
KAFKA, NETWORK, GENERATOR = "Kafka", "network", "generator"


@dataclass(frozen=True, slots=True)
class Use:
    """How much of the time one part is busy.

    Attributes:
        part: A stage, `between stages`, `recognisers` (all they do), `processor`, `Kafka` (the broker's share of it),
            `network` or `generator` (its share of the processor).
        share: 0 to 1; None: not known.
        about: What it rests on.
    """

    part: str
    share: float | None
    about: str


@dataclass(frozen=True, slots=True)
class Saturation:
    """What was used, and what is used up.

    Attributes:
        first: The part that is used up first; None: none is.
        text: The same in a sentence.
        uses: All parts.
    """

    first: str | None
    text: str
    uses: Sequence[Use]


def saturation(result: Result, link_mbps: float | None = None) -> Saturation:
    """What a run used, and what of it is used up.

    Args:
        result: The run.
        link_mbps: Speed of the network between the sender and Kafka, megabits a second; None: not known, as for a
            machine that sends to itself.
    """
    recognisers, seconds = result.scenario.cluster.recognisers, worked_s(result.samples)
    uses = [*lane_uses(result.stages, result.busy_s, recognisers, seconds)]
    uses += _machine_uses(result.cores, int(result.about["cores"]), result.sent.cores)
    bytes_s = result.sent.bytes / result.scenario.seconds
    share = None if link_mbps is None else 8e-6 * bytes_s / link_mbps
    link = "on this machine itself" if link_mbps is None else f"of {link_mbps:g} Mbit/s"
    uses.append(Use(NETWORK, share, f"{bytes_s / 1e6:.1f} MB/s, {link}"))
    first, text = _judge({each.part: each for each in uses}, result)
    return Saturation(first, text, uses)


def lane_uses(stages: Stages, busy_s: float, recognisers: int, seconds: float) -> list[Use]:
    """How busy recognisers are with each stage, and with all they do.

    Args:
        stages: What stages took.
        busy_s: Seconds in which recognisers did not wait for frames, of all together.
        recognisers: How many there are.
        seconds: How long they worked.
    """
    took = stage_seconds(stages)
    have_s = max(1e-9, recognisers * seconds)
    uses = [
        Use(name, spent_s / have_s, f"{1000 * spent_s / stages[name][0]:.1f} ms each, {stages[name][0]} times")
        for name, spent_s in took.items()
    ]
    between_s = max(0.0, busy_s - sum(took.values()))
    uses.append(Use(BETWEEN, between_s / have_s, "polls, waits for acknowledgements, commits, and all else"))
    return [*uses, Use(RECOGNISERS, max(busy_s, sum(took.values())) / have_s, f"all that {recognisers} do")]


def stage_seconds(stages: Stages) -> Mapping[str, float]:
    """Seconds of each stage of a recogniser, of all recognisers together.

    All faces of a batch are embedded at once, and every frame of it is given that time; a search is timed once for a
    batch. So the time of embedding counts as often as there were searches.
    """
    took = {name: stages[name][1] for name in LANE if name in stages}
    if "embed" in took:
        times = stages["embed"][0]
        took["embed"] *= min(1.0, stages.get("search", (times, 0.0))[0] / times)
    return took


def worked_s(samples: Sequence[Sample]) -> float:
    """Seconds from the begin until the last frame was finished, which may be after the last was sent."""
    last = max((each.ended for each in samples), default=0)
    return next((each.at_s for each in samples if each.ended == last and last), 0.0) or 1e-9


def _machine_uses(cores: Mapping[str, float], have: int, sender: float) -> Iterable[Use]:
    used = ", ".join(f"{name} {spent:.2f}" for name, spent in cores.items() if spent >= 0.01)
    yield Use(PROCESSOR, sum(cores.values()) / have, f"of {have} cores: {used}")
    yield Use(KAFKA, cores.get(BROKER, 0.0) / have, f"the broker's {cores.get(BROKER, 0.0):.2f} of {have} cores")
    yield Use(GENERATOR, sender / have, f"{sender:.2f} of {have} cores")


def _judge(uses: Mapping[str, Use], result: Result) -> tuple[str | None, str]:
    """What is used up first, and why that is said."""
    if result.sent.limit:
        return GENERATOR, f"sending is the limit: {result.sent.limit}"
    lanes, processor, network = (uses[name].share or 0.0 for name in (RECOGNISERS, PROCESSOR, NETWORK))
    if network >= FULL:
        return NETWORK, f"the network is full: {uses[NETWORK].about}"
    stages = [uses[name] for name in LANE if name in uses]
    if lanes >= FULL and stages:
        most = max(stages, key=lambda each: each.share or 0.0)
        text = f"recognisers are busy {lanes:.0%} of the time, {most.share:.0%} with {most.part}: {most.about}"
        return most.part, text + (_full(uses[PROCESSOR], result) if processor >= FULL else "; cores are free for more")
    if processor >= FULL:
        return PROCESSOR, "the processor is full" + _full(uses[PROCESSOR], result)
    waited = result.stages.get("topic", (0, 0.0))
    if waited[0] and (mean_s := waited[1] / waited[0]) > WAITS_S:
        return KAFKA, f"frames wait {mean_s:.2f} s until they are polled, and recognisers are idle {1 - lanes:.0%}"
    return None, f"nothing is used up: recognisers are busy {lanes:.0%} of the time, the processor {processor:.0%}"


def _full(processor: Use, result: Result) -> str:
    others = "; other programs, too" if result.cores.get(OTHERS, 0.0) > LIMIT_CORES else ""
    return f"; the processor is used {processor.share:.0%} {processor.about}{others}: more recognisers gain little"
