import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import quiet
from loadtests.quiet import Gate, Load, Snapshot, Spoilt, family, foreign_s, load, look, used_s

QUIET = Load(wall_s=5.0, own_cores=2.0, foreign_cores=0.02, stolen_cores=0.0)
BUSY = replace(QUIET, foreign_cores=0.4)
STOLEN = replace(QUIET, stolen_cores=0.4)
BIRTH = 100.0


def snapshot(at_s: float, foreign_s: float) -> Snapshot:
    """A machine on which one foreign process has used so much so far."""
    return Snapshot(at_s, {(1, BIRTH): 0.0}, {(2, BIRTH): (foreign_s, 0.0)}, 0.0)


def test_load_is_cores_not_seconds() -> None:
    """Two own processes that run all the time are two cores, whatever the length of the sample."""
    before = Snapshot(10.0, {(1, BIRTH): 3.0, (2, BIRTH): 1.0}, {(3, BIRTH): (7.0, 0.0)}, 0.5)
    after = Snapshot(14.0, {(1, BIRTH): 7.0, (2, BIRTH): 5.0}, {(3, BIRTH): (8.0, 0.0)}, 0.9)
    found = load(before, after)
    assert (found.wall_s, found.own_cores, found.foreign_cores) == (4.0, 2.0, 0.25)
    assert found.stolen_cores == pytest.approx(0.1)


def test_a_process_that_began_meanwhile_counts_with_all_it_used() -> None:
    """It has no earlier value to be compared with."""
    assert used_s({}, {(5, BIRTH): 1.5}) == 1.5


def test_a_number_used_again_is_another_process() -> None:
    """Its time is not set against that of the process that had the number before."""
    assert used_s({(5, BIRTH): 90.0}, {(5, BIRTH + 1): 1.5}) == 1.5


def test_use_can_be_asked_for_some_processes_only() -> None:
    """The others do not count."""
    assert used_s({}, {(5, BIRTH): 1.5, (6, BIRTH): 2.0}, {6}) == 2.0


@pytest.mark.parametrize(
    ("before", "after", "expected_s"),
    [
        pytest.param({}, {}, 0.0, id="nobody"),
        pytest.param({(2, BIRTH): (5.0, 1.0)}, {(2, BIRTH): (6.0, 1.0)}, 1.0, id="itself"),
        pytest.param({(2, BIRTH): (5.0, 1.0)}, {(2, BIRTH): (5.0, 1.7)}, 0.7, id="a child between the snapshots"),
        pytest.param(
            {(2, BIRTH): (5.0, 0.0), (3, BIRTH): (60.0, 0.0)},
            {(2, BIRTH): (5.0, 60.2)},
            0.2,
            id="an old child that ended: only what it used since",
        ),
        pytest.param({(3, BIRTH): (60.0, 0.0)}, {(2, BIRTH): (1.0, 0.0)}, 1.0, id="nobody waited for the child"),
    ],
)
def test_ended_children_are_counted_once(
    before: dict[tuple[int, float], tuple[float, float]],
    after: dict[tuple[int, float], tuple[float, float]],
    expected_s: float,
) -> None:
    """Short-lived programs are seen, long-lived ones that end do not look like a burst."""
    assert foreign_s(before, after) == pytest.approx(expected_s)


def test_a_family_is_everyone_below() -> None:
    """Children of children belong to it, parents and siblings do not."""
    parents = {1: 0, 10: 1, 11: 10, 12: 11, 20: 1}
    assert family(parents, 10) == {10, 11, 12}


@given(st.dictionaries(st.integers(1, 30), st.integers(0, 30)), st.integers(1, 30))
def test_a_family_is_closed(parents: dict[int, int], root: int) -> None:
    """Whoever has a parent in it is in it, also when numbers form a ring."""
    found = family(parents, root)
    assert root in found
    assert {pid for pid, parent in parents.items() if parent in found} <= found


@pytest.mark.parametrize(("found", "quiet"), [(QUIET, True), (BUSY, False), (STOLEN, False)])
def test_foreign_and_stolen_time_disturb(found: Load, quiet: bool) -> None:
    """Own time does not."""
    assert found.is_quiet() is quiet


def test_the_first_quiet_sample_is_taken() -> None:
    """Those before it are counted as rejected and told."""
    told: list[str] = []
    answers = iter([("a", BUSY), ("b", STOLEN), ("c", QUIET), ("d", QUIET)])
    gate = Gate(lambda: snapshot(0.0, 0.0), sleep=_no_wait, told=told.append, patience_s=0.0)
    assert gate.take(lambda: next(answers)) == "c"
    assert (gate.taken, gate.rejected) == (3, 2)
    assert told == [
        "other programs took 0.40 core, the hypervisor 0.00; 0.15 are allowed",
        "other programs took 0.02 core, the hypervisor 0.40; 0.15 are allowed",
    ]


def test_a_sample_that_could_not_measure_is_rejected() -> None:
    """However quiet it was; and other programs are blamed only when they took too much, too."""
    lost, told = Spoilt("a partition changed hands"), list[str]()
    answers: Iterator[tuple[str | Spoilt, Load]] = iter([(lost, QUIET), (lost, BUSY), ("b", QUIET)])
    gate = Gate(lambda: snapshot(0.0, 0.0), sleep=_no_wait, patience_s=0.0, told=told.append)
    assert gate.take(lambda: next(answers)) == "b"
    assert told == gate.reasons
    assert told == ["a partition changed hands", f"{BUSY}; 0.15 are allowed; a partition changed hands"]


def test_a_sample_without_a_value_is_a_sample() -> None:
    """Only what says that it is spoilt is rejected."""
    gate = Gate(lambda: snapshot(0.0, 0.0), sleep=_no_wait, patience_s=0.0)
    assert gate.take(lambda: (0.0, QUIET)) == 0.0
    assert gate.rejected == 0


def test_attempts_are_bounded() -> None:
    """A machine that is never quiet gives no sample rather than a wrong one."""
    gate = Gate(lambda: snapshot(0.0, 0.0), attempts=3, sleep=_no_wait, patience_s=0.0)
    assert gate.take(lambda: ("a", BUSY)) is None
    assert (gate.taken, gate.rejected) == (3, 3)


def test_quiet_is_awaited_between_attempts() -> None:
    """The second attempt begins once a look shows that the others are done."""
    used_so_far = iter([0.0, 0.9, 0.9, 1.7, 1.7, 1.75])
    slept: list[float] = []
    moments = iter(range(100))
    gate = Gate(
        lambda: snapshot(float(next(moments)), next(used_so_far)), attempts=2, patience_s=10.0, sleep=slept.append
    )
    assert gate.take(lambda: ("a", BUSY)) is None
    assert slept == [1.0, 1.0, 1.0]


def test_own_processes_are_told_from_foreign_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process and its child are own; its parent is not; a session that is named is own although no child.

    Looked at from here and from the child, whose parent is this process: this one's may not be seen in a container.
    """
    here = os.getpid()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    try:
        assert {here, child.pid} <= {key[0] for key in look().own}
        monkeypatch.setattr(quiet.os, "getpid", lambda: child.pid)
        seen = look()
        own, foreign = {key[0] for key in seen.own}, {key[0] for key in seen.foreign}
        assert child.pid in own
        assert here in foreign
        assert not own & foreign
        assert here in {key[0] for key in look({os.getsid(here)}).own}
    finally:
        child.communicate(b"\n")


def test_in_a_container_the_second_process_is_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where it is the kernel's are it and its children left out."""
    monkeypatch.setattr(quiet, "_THREADS_PARENT", tmp_path)
    for name, is_thread in (("kthreadd\n", True), ("bash\n", False)):
        (tmp_path / "comm").write_text(name)
        quiet._kernel_parent.cache_clear()
        assert [quiet.is_kernel(2, 0), quiet.is_kernel(9, 2), quiet.is_kernel(9, 1)] == [is_thread, is_thread, False]
    (tmp_path / "comm").unlink()
    quiet._kernel_parent.cache_clear()
    assert not quiet.is_kernel(2, 0)
    quiet._kernel_parent.cache_clear()


def _no_wait(seconds: float) -> None:
    """Time does not pass in tests."""
