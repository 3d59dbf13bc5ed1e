import math

from click.testing import CliRunner

from loadtests.bench_decode import decode_command, draw_frame, measure
from operators.decode import encode


def test_every_way_is_measured_against_its_reference() -> None:
    """There is a positive ratio of every round, whatever the machine."""
    ratios = measure(encode(draw_frame(64, 48), 80), rounds=3, calls=1)
    assert [(ratio.name, ratio.reference) for ratio in ratios][:2] == [
        ("full size", "cv2.imdecode"),
        ("half size", "cv2.imdecode, half size"),
    ]
    for ratio in ratios:
        assert len(ratio.rounds) == 3
        assert 0 < min(ratio.rounds) <= max(ratio.rounds) < math.inf


def test_the_command_prints_a_table() -> None:
    """The command names the frame and every way measured."""
    result = CliRunner().invoke(decode_command, ["--width", "64", "--height", "48", "--rounds", "2", "--foreign", "99"])
    assert result.exit_code == 0
    assert "64x48" in result.output
    assert "header check" in result.output
