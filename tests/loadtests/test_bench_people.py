"""`beholden bench people`: what it times."""

from click.testing import CliRunner

from loadtests.bench_people import frames_with_one_face, people_command
from loadtests.people.scenes import Crowd, plan_walks


def test_only_frames_with_one_face_are_timed() -> None:
    """Frames without people, with two of them, or with somebody's back are left out."""
    schedule = plan_walks(3, ["only"], 5, 60, Crowd({}, range(1, 50), 20, 0.0, 20))
    numbers = frames_with_one_face(schedule)
    assert 20 < len(numbers) < schedule.frames
    for number in range(schedule.frames):
        there = schedule.in_view("only", number / schedule.fps)
        assert (number in numbers) == (len(there) == 1 and not there[0].away)


def test_help_says_when_it_fails() -> None:
    """A floor that nobody knows of helps nobody."""
    assert "below 100 frames" in CliRunner().invoke(people_command, ["--help"]).output
