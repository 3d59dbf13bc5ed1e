"""Files that a cluster file may name as its policy: a policy, or the release of one."""

from pathlib import Path

from cluster.policies.in_force import PolicyInForce, read_policy
from cluster.wire.release import Release, parse_release
from operators.errors import ReleaseRefused, SettingsRefused

RELEASE_SUFFIX = ".release.json"


def read_named(path: Path) -> PolicyInForce | Release:
    """The policy in a file, or the release of one in a NUMBER.release.json.

    Raises:
        SettingsRefused: With every fault found, by line.
        ReleaseRefused: It is no release. Whether a release may come into force is another question: `check_release`.
    """
    return read_release(path) if path.name.endswith(RELEASE_SUFFIX) else read_policy(path)


def read_release(path: Path) -> Release:
    """The release in a file.

    Raises:
        SettingsRefused: It cannot be read.
        ReleaseRefused: It is no release.
    """
    try:
        return parse_release(path.read_bytes())
    except OSError as error:
        raise SettingsRefused(f"{path}: cannot be read: {error.strerror}; check the path") from None
    except ReleaseRefused as refused:
        raise ReleaseRefused(refused.reason, f"{path}: {refused.detail}") from None


def policy_in(named: PolicyInForce | Release) -> PolicyInForce:
    """The policy itself, of either."""
    return named.in_force if isinstance(named, Release) else named
