"""Two hosts, as network namespaces of this one, and a cable between them that is pulled."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
HOST = ["unshare", "--user", "--map-root-user", "--net", "--uts", "--mount", "--pid", "--fork", "--kill-child"]
HOST += ["--mount-proc", "sh", "-c", '"$@"; exit $?', "sh"]  # a shell, so that somebody buries what is orphaned


def can_make_hosts() -> bool:
    """Whether this machine lets its users make networks."""
    try:
        return not subprocess.run([*HOST, "ip", "link", "add", "cable", "type", "veth"], capture_output=True).returncode
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not can_make_hosts(), reason="needs unshare, ip, and the right to make network namespaces")
def test_a_host_that_is_cut_off_loses_nobody_and_doubles_nobody() -> None:
    """Its frames are the other's within seconds; when it is back, what it had in hand comes to nothing."""
    done = subprocess.run([*HOST, sys.executable, "-m", "tests.two_hosts"], cwd=ROOT)
    assert done.returncode == 0
