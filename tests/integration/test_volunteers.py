"""The demonstration on real models and photos: every volunteer alerts once, no stranger does."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtests.demo import demo

pytestmark = [pytest.mark.integration, pytest.mark.testdata]


@pytest.mark.skipif("BEHOLDEN_TESTDATA" not in os.environ, reason="BEHOLDEN_TESTDATA names no folder of photos")
def test_every_volunteer_alerts_once_and_no_stranger(capfd: pytest.CaptureFixture[str]) -> None:
    """55 smiling volunteers among 300 strangers over four cameras, at threshold 0.55."""
    folder = Path(os.environ["BEHOLDEN_TESTDATA"])
    assert len(list(folder.glob("images/amfd_640/S*.jpg"))) == 55
    result = CliRunner().invoke(demo, ["--fps", "40", "--strangers", "300"])
    assert "alerts: 55 right, 0 wrong, 0 repeated; missed: none" in result.output
    assert result.exit_code == 0
