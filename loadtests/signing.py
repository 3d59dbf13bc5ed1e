"""Signatures for a run of its own: a policy for real people comes into force by two people, in a benchmark as well.

Whoever runs it on photographs that they may use is both, with keys that are gone when the run is.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from cluster.policies.files import policy_in, read_named
from operators.models import People

ROLES = {"proposer": "propose", "approver": "approve"}


def sign_off(beholden: Callable[..., str], policy: Path, file: Path) -> None:
    """Put the policy of a cluster file in force by the commands an operator uses; one for nobody real needs none.

    Args:
        beholden: Runs a command in the run's environment and gives what it printed.
        policy: The policy.
        file: The cluster file; the people who sign are written into it, files of the release beside it.
    """
    in_force = policy_in(read_named(policy)).policy
    if in_force.people is People.SYNTHETIC:
        return
    lines = [beholden("policy", "key", name, "--role", role).splitlines()[-1] for name, role in ROLES.items()]
    file.write_text("\n".join([file.read_text().rstrip(), "people:", *lines, ""]))
    own = Path(shutil.copy(policy, file.with_name(f"policy-{in_force.policy}.yaml")))
    release = str(file.with_name(f"{in_force.policy}.release.json"))
    why = "a run of its own on photographs that it may use"
    beholden("policy", "propose", str(own), "-f", str(file), "--by", "proposer", "--why", why)
    beholden("policy", "approve", release, "--by", "approver", "--yes")
    beholden("policy", "apply", release, "-f", str(file))
