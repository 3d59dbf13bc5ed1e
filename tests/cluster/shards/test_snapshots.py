"""What a cluster that comes up removes of what an earlier one has kept."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cluster.plan import Plan
from cluster.settings import Placement
from cluster.shards.snapshots import holders, sweep
from operators.errors import DeploymentFailed

OTHERS = {"shard-0-of-2-r0x", "recogniser-", "my-data", "supervisor"}


@pytest.fixture
def plan(sharded: Plan, tmp_path: Path) -> Plan:
    """Two shards with two replicas, and three recognisers."""
    return changed(sharded, snapshots=tmp_path / "kept")


def changed(plan: Plan, count: int = 3, **index: Any) -> Plan:
    """The same plan with other numbers."""
    settings = plan.settings
    lanes = replace(settings.recognisers, count=count)
    return replace(plan, settings=replace(settings, recognisers=lanes, index=replace(settings.index, **index)))


def keep(root: Path, *names: str) -> None:
    """Folders with something in them."""
    for name in names:
        (root / name).mkdir(parents=True)
        (root / name / "0.rows.npy").write_bytes(b"vectors")


def there(root: Path) -> set[str]:
    """Names of all that is there."""
    return {path.name for path in root.iterdir()}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({}, []),
        ({"shards": 3}, ["shard-0-of-2-r0", "shard-0-of-2-r1", "shard-1-of-2-r0", "shard-1-of-2-r1"]),
        ({"replicas": 1}, ["shard-0-of-2-r1", "shard-1-of-2-r1"]),
        (
            {"placement": Placement.IN_LANE, "shards": 1, "replicas": 1},
            ["shard-0-of-2-r0", "shard-0-of-2-r1", "shard-1-of-2-r0", "shard-1-of-2-r1"],
        ),
    ],
)
def test_after_a_change_while_it_was_down_only_what_is_wanted_is_left(
    plan: Plan, tmp_path: Path, change: dict[str, Any], left: list[str]
) -> None:
    """Whatever else lies in the folder is not ours."""
    root = tmp_path / "kept"
    keep(root, *holders(plan), *OTHERS)
    after = changed(plan, **change)
    assert sweep(after) == left
    assert there(root) == {*holders(plan), *OTHERS} - set(left)
    assert there(root) - set(holders(after)) == OTHERS
    assert sweep(after) == []


def test_recognisers_that_hold_the_list_no_more_leave_nothing_either(plan: Plan, tmp_path: Path) -> None:
    """Fewer of them, or shards in their place."""
    alone = {"placement": Placement.IN_LANE, "shards": 1, "replicas": 1}
    root = tmp_path / "kept"
    keep(root, *holders(changed(plan, **alone)))
    assert sweep(changed(plan, count=1, **alone)) == ["recogniser-1", "recogniser-2"]
    assert sweep(plan) == ["recogniser-0"]
    assert there(root) == set()


def test_what_a_write_that_was_cut_off_has_left_goes_with_the_rest(plan: Plan, tmp_path: Path) -> None:
    """It holds vectors as well; that of a holder who is started goes when that one writes."""
    root = tmp_path / "kept"
    keep(root, "shard-0-of-3-r0.making", "shard-1-of-3-r0.before", "shard-0-of-2-r0.making")
    assert sweep(plan) == ["shard-0-of-3-r0", "shard-1-of-3-r0"]
    assert there(root) == {"shard-0-of-2-r0.making"}


def test_what_cannot_be_removed_is_told(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its name and what to do."""
    keep(tmp_path / "kept", "shard-0-of-3-r0")

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cluster.shards.snapshots.remove", refuse)
    with pytest.raises(DeploymentFailed, match=r"shard-0-of-3-r0 holds vectors .* remove it by hand"):
        sweep(plan)


def test_without_snapshots_nothing_is_looked_for(plan: Plan, tmp_path: Path) -> None:
    """No folder is named, or nobody has kept anything yet."""
    assert sweep(changed(plan, snapshots=None)) == []
    assert sweep(plan) == []
    assert not (tmp_path / "kept").exists()


def test_recognisers_that_come_when_there_is_much_to_do_keep_theirs(plan: Plan) -> None:
    """They are not there when the cluster comes up."""
    settings = plan.settings
    index = replace(settings.index, placement=Placement.IN_LANE, shards=1, replicas=1)
    lanes = replace(settings.recognisers, most=5)
    wide = replace(plan, settings=replace(settings, recognisers=lanes, index=index))
    assert holders(wide) == [f"recogniser-{slot}" for slot in range(5)]
