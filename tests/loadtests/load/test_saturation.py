"""Which part of a run is said to be used up."""

from dataclasses import replace
from typing import Any

import pytest

from loadtests.load.machine_watch import Usage
from loadtests.load.result import Result
from loadtests.load.saturation import lane_uses, saturation, worked_s
from loadtests.load.sending import Sent
from tests.loadtests.load.runs import result, scenario

IDLE = {"recognisers": 0.4, "broker": 0.1}
FRAMES = 600


def run(stages: dict[str, tuple[int, float]], cores: dict[str, float] = IDLE, **sent: Any) -> Result:
    """A run of 30 s with 2 recognisers on 2 cores."""
    found = result(scenario(), [], Sent(FRAMES, FRAMES, 60_000_000, is_done=True, **sent))
    samples = [replace(each, usage=Usage(cores, {}, None)) for each in found.samples]
    return replace(found, stages=stages, samples=samples)


@pytest.mark.parametrize("stage", ["decode", "detect", "gate", "embed", "search"])
def test_the_longest_stage_of_busy_recognisers_is_used_up(stage: str) -> None:
    """Of 60 s that two of them have, 40 with one stage and 15 with the others."""
    others = dict.fromkeys(("decode", "detect", "gate", "embed", "search"), (FRAMES, 15 / 4))
    found = saturation(run(others | {stage: (FRAMES, 40.0)}))
    assert found.first == stage
    assert "67% with " in found.text
    assert "cores are free" in found.text


def test_it_is_said_that_the_processor_is_full() -> None:
    """More recognisers would then gain nothing."""
    full = {"recognisers": 1.5, "broker": 0.2, "others": 0.2}
    found = saturation(run({"detect": (FRAMES, 57.0)}, full))
    assert found.first == "detect"
    assert "more recognisers gain little" in found.text
    assert "; other programs, too" in found.text
    assert saturation(run({"detect": (FRAMES, 20.0)}, full)).first == "processor"


def test_a_sender_that_is_the_limit_is_named_before_all_else() -> None:
    """Whatever the cluster does: it was not given what it was to be given."""
    found = saturation(run({"detect": (FRAMES, 57.0)}, limit="frames were sent late"))
    assert (found.first, found.text) == ("generator", "sending is the limit: frames were sent late")


def test_frames_that_wait_while_all_have_time_wait_for_kafka() -> None:
    """Nobody else has them."""
    stages = {"topic": (FRAMES, 0.5 * FRAMES), "detect": (FRAMES, 6.0)}
    assert saturation(run(stages)).first == "Kafka"
    assert saturation(run(stages | {"topic": (FRAMES, 0.05 * FRAMES)})).first is None


def test_a_network_is_full_where_its_speed_is_known() -> None:
    """2 MB/s are 16 Mbit/s."""
    stages = {"detect": (FRAMES, 6.0)}
    assert saturation(run(stages), link_mbps=18.0).first == "network"
    assert saturation(run(stages), link_mbps=1000.0).first is None
    unknown = {each.part: each.share for each in saturation(run(stages)).uses}
    assert unknown["network"] is None


def test_what_a_batch_embeds_at_once_counts_once() -> None:
    """Each of four frames is given the time of all: 0.2 s for 40 frames in 10 batches are 0.05 s."""
    uses = {each.part: each.share for each in lane_uses({"embed": (40, 0.2), "search": (10, 0.01)}, 0.1, 1, 1.0)}
    assert uses["embed"] == pytest.approx(0.05)
    assert uses["between stages"] == pytest.approx(0.04)
    assert uses["recognisers"] == pytest.approx(0.1)


def test_work_goes_on_after_the_last_frame_was_sent() -> None:
    """A backlog that is worked off later does not make recognisers busier than they can be."""
    samples = run({}).samples
    assert worked_s(samples) == 30.0
    assert worked_s([*samples, replace(samples[-1], at_s=50.0, ended=9000)]) == 50.0
    assert worked_s([]) > 0
