"""Take recognisers out of work and bring them back: what `beholden drain|restart` do. No frame is lost by either."""

from collections.abc import Callable, Sequence

from cluster.asking import at_work, start_anew, status_of_connected, wait_until_ready
from cluster.delivery import slot_named
from cluster.ray_driver import answer
from cluster.recogniser_status import STANDING_BY, RecogniserStatus
from cluster.settings import ClusterSettings
from cluster.status import DRAINED, ClusterStatus, Member
from operators.errors import DeploymentFailed


def drain(
    settings: ClusterSettings, names: Sequence[str], node: str | None, progress: Callable[[str], None]
) -> ClusterStatus:
    """Let recognisers finish what they have in hand and leave, until they are brought back; others have their work.

    Args:
        settings: Which cluster.
        names: Recognisers, as the status names them.
        node: A machine, all of whose recognisers are meant.
        progress: Is told what happens.

    Raises:
        DeploymentFailed: The cluster does not run, there is no such recogniser, none would be left, or those that are
            left do not take over.
    """
    with at_work(settings) as supervisor:
        now = status_of_connected(settings.cluster)
        leaving = chosen(now.members, names, node)
        if not leaving:
            raise DeploymentFailed("name recognisers as 'beholden status' does, or their machine with --node")
        drained = {member.name for member in now.members if member.state == DRAINED} | set(leaving)
        working = [member.name for member in _lanes(now.members) if member.state != STANDING_BY]
        if drained.issuperset(working):
            raise DeploymentFailed("no recogniser would be left at work: 'beholden down' takes the whole cluster down")
        answer(supervisor.drain.remote(_slots(drained)))
        found = wait_until_ready(now.plan, supervisor, progress, lambda then: _drained(then).issuperset(leaving))
        for member in found.members:
            if member.name in leaving and member.departure:
                progress(f"{member.name}: {member.departure}")
        return found


def undo(settings: ClusterSettings, names: Sequence[str], progress: Callable[[str], None]) -> ClusterStatus:
    """Bring drained recognisers back, all of them when none is named, and wait until they watch.

    Raises:
        DeploymentFailed: The cluster does not run, there is no such recogniser, or one does not start.
    """
    with at_work(settings) as supervisor:
        now = status_of_connected(settings.cluster)
        back = set(chosen(now.members, names, None) or _drained(now))
        answer(supervisor.drain.remote(_slots(_drained(now) - back)))
        return wait_until_ready(now.plan, supervisor, progress, lambda then: not _drained(then) & back)


def restart(settings: ClusterSettings, names: Sequence[str], progress: Callable[[str], None]) -> ClusterStatus:
    """Start recognisers anew one after the other, all of them when none is named; each watches before the next leaves.

    Raises:
        DeploymentFailed: The cluster does not run or is not ready, there is no such recogniser, one is drained, or one
            does not come back; then no further one is touched.
    """
    with at_work(settings) as supervisor:
        now = status_of_connected(settings.cluster)
        if not now.is_ready:
            raise DeploymentFailed("the cluster is not ready, so nothing is restarted: 'beholden status' says why")
        wanted = chosen(now.members, names, None)
        if drained := sorted(_drained(now).intersection(wanted)):
            raise DeploymentFailed(f"{', '.join(drained)}: drained, 'beholden drain --undo' starts what is drained")
        for name in wanted or [member.name for member in _lanes(now.members)]:
            if (before := _pid(now, name)) is not None:  # not drained, and not gone meanwhile for want of work
                progress(f"{name}: {start_anew(name)}")
                now = wait_until_ready(now.plan, supervisor, progress, _is_another(name, before))
        return now


def chosen(members: Sequence[Member], names: Sequence[str], node: str | None) -> list[str]:
    """Recognisers of these names or on this machine, in order.

    Raises:
        DeploymentFailed: There is no such one; the message says which there are.
    """
    lanes = {member.name: member for member in _lanes(members)}
    if unknown := sorted(set(names).difference(lanes)):
        raise DeploymentFailed(f"there is no {', '.join(unknown)}: there are {', '.join(lanes)}")
    if node is None:
        return [name for name in lanes if name in names]
    if silent := [name for name in lanes if lanes[name].state != DRAINED and _place(lanes[name]) is None]:
        raise DeploymentFailed(
            f"not known where {', '.join(silent)} is: try again when 'beholden status' shows its pid"
        )
    places = {place for member in lanes.values() if (place := _place(member))}
    if node not in places:
        raise DeploymentFailed(f"no recogniser is on {node}: they are on {', '.join(sorted(places))}")
    return [name for name in lanes if name in names or _place(lanes[name]) == node]


def _lanes(members: Sequence[Member]) -> list[Member]:
    return [member for member in members if slot_named(member.name) is not None]


def _place(member: Member) -> str | None:
    return member.status.node if isinstance(member.status, RecogniserStatus) else None


def _pid(status: ClusterStatus, name: str) -> int | None:
    found = [member.status for member in status.members if member.name == name]
    return found[0].pid if found and isinstance(found[0], RecogniserStatus) else None


def _is_another(name: str, before: int) -> Callable[[ClusterStatus], bool]:
    return lambda status: _pid(status, name) != before


def _drained(status: ClusterStatus) -> set[str]:
    return {member.name for member in status.members if member.state == DRAINED}


def _slots(names: set[str]) -> frozenset[int]:
    return frozenset(slot for name in names if (slot := slot_named(name)) is not None)
