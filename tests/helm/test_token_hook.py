"""`helm test`, its pod that asks Ray: run with a `ray` of two lines, since what Ray answers is what it tells apart."""

import subprocess
from pathlib import Path

import pytest

from tests.helm.manifests import of_kind

RIGHT = "the-token"
# Each answers to `ray status` as a Ray does that ...
RAYS = {
    "asks for its token": f'[ "$RAY_AUTH_TOKEN" = {RIGHT} ]',
    "asks for none": "true",
    "is not there": "false",
    "went away meanwhile": f'[ "$RAY_AUTH_TOKEN" = {RIGHT} ] && mkdir "${{0%/*}}/asked"',
}


def ended(answer: str, folder: Path) -> int:
    """The exit status of the pod's script where `ray` is this."""
    (found,) = [pod for pod in of_kind("minimal-cpu", "Pod") if pod["metadata"]["name"].endswith("-test-token")]
    (container,) = found["spec"]["containers"]
    ray = folder / "ray"
    ray.write_text(f"#!/bin/bash\n{answer}\n")
    ray.chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "RAY_AUTH_TOKEN": RIGHT}
    return subprocess.run([*container["command"], *container["args"]], env=environment, check=False).returncode


@pytest.mark.parametrize(("ray", "expected"), [*zip(RAYS, [0, 1, 1, 1], strict=True)])
def test_it_is_green_only_for_a_ray_that_asks_for_its_token(ray: str, expected: int, tmp_path: Path) -> None:
    """One that answers to anybody is found, and so is one that answers to nobody."""
    assert ended(RAYS[ray], tmp_path) == expected


def test_it_knows_the_token_by_a_secret() -> None:
    """With a wrong one alone, a sound Ray and none at all look the same."""
    (found,) = [pod for pod in of_kind("minimal-cpu", "Pod") if pod["metadata"]["name"].endswith("-test-token")]
    env = {each["name"]: each for each in found["spec"]["containers"][0]["env"]}
    assert env["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "beholden", "key": "auth_token"}
