"""The image's content runs as a pod runs it: another user, no right, nothing writable, no repository and no network."""

import re
import shutil
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from tests.image.dockerfile import locked_names
from tests.image.pod import UID, can_make_pods, in_pod

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not can_make_pods(), reason="a root of its own takes root, the right to mount, and iproute2"),
]
Pod = Callable[..., subprocess.CompletedProcess[str]]
# What Debian's slim base has: libc6, libgcc-s1, libstdc++6 and zlib1g, which apt and Python need there as well.
OF_THE_BASE = {
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libmvec.so.1",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
    "libz.so.1",
}
EVERY_HELP = """
import click
from click.testing import CliRunner
from cluster.cli import beholden
asked = 0
def ask(command, words):
    global asked
    done = CliRunner().invoke(beholden, [*words, "--help"])
    assert done.exit_code == 0 and done.output.startswith("Usage: "), (words, done.output, done.exception)
    asked += 1
    if isinstance(command, click.Group):
        with click.Context(command) as context:
            for name in command.list_commands(context):
                ask(command.get_command(context, name), [*words, name])
ask(beholden, [])
print(asked)
"""
# As KubeRay starts a head: bash, --block, ports that network policies name. Its token comes by the environment.
HEAD = """
ray start --head --block --num-cpus=0 --port=6379 --node-manager-port=6380 --include-dashboard=false \
    --object-store-memory=80000000 > /tmp/log 2>&1 &
for _ in $(seq 600); do grep -q "Ray runtime started" /tmp/log && break; sleep 0.2; done
ray health-check --address 127.0.0.1:6379; echo "healthy: $?"
kill %1; wait; grep -v INFO /tmp/log
"""


@pytest.fixture
def pod(environment: Path, tmp_path: Path) -> Pod:
    """Runs a command in a pod of its own."""
    return lambda *command, **variables: in_pod(environment, tmp_path / "root", *command, **variables)


def test_nothing_can_be_written_but_what_is_mounted(pod: Pod) -> None:
    """The positive control: this is the pod that the other tests speak of."""
    places = ["/", "/opt/beholden", "/opt/beholden/configs", "/usr", "/etc"]
    script = f'id -u; for each in {" ".join(places)}; do touch "$each/x"; done; touch /tmp/x "$HOME/x"; ls /'
    done = pod("sh", "-c", f"{script}; grep CapBnd /proc/self/status")
    assert done.stdout.splitlines()[0] == str(UID)
    assert [line.rpartition(": ")[2] for line in done.stderr.splitlines()] == ["Read-only file system"] * len(places)
    assert "CapBnd:\t0000000000000000" in done.stdout


def test_the_command_runs(pod: Pod) -> None:
    """By its name, and says the version of the wheel."""
    done = pod("beholden", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"beholden, version {metadata.version('beholden')}\n", "")


def test_every_command_says_how_it_is_used(pod: Pod) -> None:
    """Each is imported with all it needs: nothing of the development's packages is there."""
    done = pod("python", "-c", EVERY_HELP)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 60


def test_doctor_finds_no_fault(pod: Pod) -> None:
    """Packages, checksums, a network that runs, folders. A broker of its own is not for a pod, so it warns."""
    done = pod("beholden", "doctor")
    assert done.returncode == 0, done.stdout
    assert "0 faults" in done.stdout
    assert "all of operators, indexes, cluster, loadtests from" in done.stdout
    assert "/opt/beholden/lib/" in done.stdout


def test_the_policies_that_are_shipped_are_accepted(pod: Pod) -> None:
    """With manifests and retention profiles from /opt/beholden/configs."""
    folder = "/opt/beholden/configs"
    policies = [f"{folder}/policies/{name}-1.yaml" for name in ("demo", "volunteers")]
    done = pod("beholden", "policy", "check", "--manifests", f"{folder}/models", *policies)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"policy 1 of (\w+)", done.stdout) == ["demo", "volunteers"]


def test_rays_head_starts_as_the_operator_starts_it(pod: Pod) -> None:
    """Under bash, with a token, and writes only where something is mounted."""
    done = pod("/bin/bash", "-c", "--", HEAD, RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="0" * 64)
    assert "healthy: 0" in done.stdout, done.stdout + done.stderr
    assert not [line for line in done.stdout.splitlines() if re.search(r"Read-only|[Pp]ermission|Error", line)]


def test_libraries_of_the_system_are_those_of_the_base() -> None:
    """What the locked packages load and none of them brings along: a slim image has these, and may have no other."""
    readelf = shutil.which("readelf")
    if not readelf:
        pytest.skip("there is no readelf: apt-get install binutils")
    binaries = {
        Path(str(file.locate())).resolve()
        for name in locked_names("cpu")
        for file in metadata.distribution(name).files or []
        if Path(str(file.locate())).is_file() and Path(str(file.locate())).read_bytes()[:4] == b"\x7fELF"
    }
    said = subprocess.run([readelf, "-dW", *binaries], capture_output=True, text=True, check=False).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", said))
    brought = {binary.name for binary in binaries} | set(re.findall(r"\(SONAME\).*\[(.*)\]", said))
    assert needed - brought == OF_THE_BASE
