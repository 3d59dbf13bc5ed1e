from cluster.pace import Pace


def test_a_batch_has_as_many_frames_as_there_is_time_for() -> None:
    """All of them on a fast machine, fewer on a slow one, one at least."""
    for frame_s, frames in ((0.0, 8), (0.025, 8), (0.05, 4), (0.3, 1)):
        pace = Pace(8, 0.2)
        pace.took(8, 8 * frame_s)
        assert pace.frames == frames


def test_the_pace_follows_the_machine() -> None:
    """Slower within a few batches, and faster again; batches without frames say nothing."""
    pace = Pace(8, 0.2)
    assert pace.frames == 8
    pace.took(8, 0.08)
    for frame_s, frames in ((0.1, 2), (0.01, 8)):
        for _ in range(20):
            pace.took(1, frame_s)
            pace.took(0, 1.0)
        assert pace.frames == frames
