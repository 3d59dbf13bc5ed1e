"""What a frame takes of each part of a node."""

import math

import pytest

from loadtests.planning.demand import Ask, batch_s, ceiling, cpu_s, gpu_s, lane_fps
from tests.loadtests.planning.nodes import card, node

ASK = Ask(cameras=40, fps=1.0, list_size=1_000_000)


def test_a_batch_takes_what_its_frames_and_faces_take() -> None:
    """8 of a batch, 8 + 16 of its search, and for each frame 14, for its face 4 + 2."""
    assert batch_s(node(), ASK, 1) == pytest.approx(0.001 * (8 + 24 + 14 + 6))
    assert batch_s(node(), ASK, 8) == pytest.approx(0.001 * (8 + 24 + 8 * 20))
    assert batch_s(node(), ASK, 8, stretch=2.0) == pytest.approx(0.002 * (8 + 24 + 8 * 20))
    nobody = Ask(40, 1.0, 1_000_000, faces=0.0)
    assert batch_s(node(), nobody, 8) == pytest.approx(0.001 * (8 + 8 * 14))
    assert lane_fps(node(), ASK) == pytest.approx(8 / 0.192)


def test_processor_time_is_of_all_that_share_it() -> None:
    """Searching is done on the processor where there is no card; a sender counts where it is on the node."""
    assert cpu_s(node(), ASK) == pytest.approx(0.001 * (18 + 16 / 8 + 2))
    with_sender = Ask(40, 1.0, 1_000_000, with_sender=True)
    assert cpu_s(node(), with_sender) == pytest.approx(0.001 * (18 + 16 / 8 + 2 + 2))
    assert cpu_s(card(), ASK) == pytest.approx(0.003)


def test_a_card_does_what_is_done_on_it() -> None:
    """Detector, embedder and search; nothing where there is none."""
    assert gpu_s(card(), ASK) == pytest.approx(0.001 * (0.5 + 0.25 + (8 + 0.2) / 8))
    assert gpu_s(node(), ASK) == 0.0


def test_the_narrowest_part_counts() -> None:
    """Each part may be it."""
    assert ceiling(node(), ASK, lanes=1).first == "recognisers"
    assert ceiling(node(), ASK, lanes=1).fps == pytest.approx(8 / 0.192)
    assert ceiling(node(cores=1.0), ASK, lanes=4).first == "processor"
    assert ceiling(card(gpu_detect_ms=20.0, decode_ms=0.1), ASK, lanes=8).first == "gpus"
    assert ceiling(node(network_gbps=0.001), ASK).first == "network"
    assert ceiling(node(), ASK).gpus == math.inf


def test_whoever_has_most_partitions_is_full_first() -> None:
    """Eight partitions among three are 3, 3 and 2: all together do no more than 8/3 of what one does."""
    one = lane_fps(node(), ASK)
    rates = [ceiling(node(), ASK, lanes, 8).recognisers / one for lanes in (1, 2, 3, 4)]
    assert rates == [pytest.approx(1), pytest.approx(2), pytest.approx(8 / 3), pytest.approx(4)]


@pytest.mark.parametrize(
    "wrong", [{"cameras": 0}, {"fps": 0.0}, {"list_size": 0.0}, {"jpeg_kb": 0.0}, {"dimension": 0}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    """With what it must be."""
    asked: dict[str, float] = {"cameras": 1, "fps": 1.0, "list_size": 1.0} | wrong
    with pytest.raises(ValueError, match="must be"):
        Ask(**asked)  # type: ignore[arg-type]
