from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest

from loadtests import node_publishers
from loadtests.bench_frames import Shown
from loadtests.node_publishers import InTurn, Publishers

AT = datetime(2026, 11, 27, tzinfo=UTC)
CAMERAS = ["north", "south", "east"]


def _publishers(count: int) -> Publishers:
    """In this process."""
    plan = SimpleNamespace(settings=SimpleNamespace(kafka="kafka"))
    return Publishers(cast("Any", plan), CAMERAS, count, cast("Any", SimpleNamespace(map=map)))


def test_each_camera_belongs_to_one_process_and_keeps_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """All frames are published, each once."""
    published = Mock()
    monkeypatch.setattr(node_publishers, "publish", published)
    frames = [Shown(camera, b"", AT, seq) for seq in range(3) for camera in CAMERAS]
    _publishers(2).publish(frames)
    first, second = (call.args[1] for call in published.call_args_list)
    assert [(shown.camera, shown.seq) for shown in second] == [("south", 0), ("south", 1), ("south", 2)]
    assert [shown.seq for shown in first if shown.camera == "north"] == [0, 1, 2]
    assert sorted(map(frames.index, [*first, *second])) == list(range(9))


def test_processes_share_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sends its part of it, of its own cameras; what they have sent is added up."""
    steadily = Mock(side_effect=[20, 19])
    monkeypatch.setattr(node_publishers, "publish_steadily", steadily)
    assert _publishers(2).steadily([b"one", b"two"], 8.0, 5.0) == 39
    assert [call.args[1:3] for call in steadily.call_args_list] == [(4.0, 5.0)] * 2
    first = steadily.call_args_list[0].args[3]
    assert [first(number, AT) for number in range(3)] == [("north", b"one"), ("east", b"two"), ("north", b"one")]
    assert InTurn(["south"], [b"one"])(7, AT) == ("south", b"one")
