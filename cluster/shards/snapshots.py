"""Which folders holders of the watchlist keep what they have read in, and the end of those that nobody writes any more.

A snapshot holds vectors. Who is withdrawn is erased from it by the holder that writes it; from one whose holder is not
started again, by nobody.
"""

from pathlib import Path

from cluster.delivery import member_of, slot_named
from cluster.plan import Plan
from cluster.shards.layout import replica_named
from indexes.snapshot import holder_of, remove
from operators.errors import DeploymentFailed


def holders(plan: Plan) -> list[str]:
    """Names of all who hold the watchlist or a part of it."""
    settings = plan.settings
    if layout := settings.index.layout:
        return [str(replica) for replica in layout.all()]
    lanes = settings.recognisers
    return [member_of(slot) for slot in range(max(lanes.count, lanes.most or 0))]


def sweep(plan: Plan) -> list[str]:
    """Remove, on this machine, what was kept by holders that `plan` does not have; their names.

    While nobody of the cluster runs: a layout that is being left still has its folders. Folders of other names are not
    ours and stay.

    Raises:
        DeploymentFailed: One cannot be removed.
    """
    root = plan.settings.index.snapshots
    if root is None or not root.is_dir():
        return []
    found = {name for path in root.iterdir() if _is_holder(name := holder_of(path))}
    left = sorted(found.difference(holders(plan)))
    for name in left:
        _remove(root / name)
    return left


def _is_holder(name: str) -> bool:
    return replica_named(name) is not None or slot_named(name) is not None


def _remove(folder: Path) -> None:
    try:
        remove(folder)
    except OSError as error:
        raise DeploymentFailed(
            f"{folder} holds vectors that nobody keeps current, and cannot be removed: {error}; remove it by hand"
        ) from None
