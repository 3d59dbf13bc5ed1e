"""The demonstration's files, its account and its Ctrl-C."""

import os
import signal
from pathlib import Path

import pytest
import yaml

from loadtests.demo import Interrupts, account_of, cluster_document
from loadtests.sought import MOST_LISTED, MOST_SEEDS, sought, strangers
from loadtests.temporary import CONFIGS

TRAINING = 1_000_000  # seeds of people from here on are for training


def test_a_cluster_file_can_be_written_elsewhere(tmp_path: Path) -> None:
    """Its paths start from its own folder, whatever the working folder is."""
    file = tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump({"policy": "p/a.yaml", "models": {"manifests": "../m", "files": "/f"}, "ray": "x"}))
    assert cluster_document(file) == {
        "policy": str(tmp_path / "p" / "a.yaml"),
        "models": {"manifests": str(tmp_path.parent / "m"), "files": "/f"},
        "ray": "x",
    }


def test_the_demonstration_needs_nothing_but_the_repository() -> None:
    """Policy, manifests and model files are found beside its cluster file."""
    document = cluster_document(CONFIGS / "clusters" / "demo.yaml")
    assert Path(document["policy"]).is_file()
    assert document["models"] == {"manifests": str(CONFIGS / "models"), "files": str(CONFIGS / "models")}


def test_frames_are_counted_by_what_became_of_them() -> None:
    """Over all recognisers; a member that does not answer, or is a shard, counts nothing."""
    first = {"alerted": {"x": 2}, "no_match": {"no_face": 5, "gated": 1}, "shed": {}, "dead_lettered": {}}
    second = {"alerted": {}, "no_match": {"no_face": 4}, "shed": {"too_old": 3}, "dead_lettered": {}}
    members = [{"status": {"account": first}}, {"status": {"account": second}}, {"status": None}, {"status": {"x": 1}}]
    found = account_of(members)
    assert found == {"alerted": 2, "no_match": 10, "shed": 3, "dead_lettered": 0}
    assert found.total() == 15


def test_ctrl_c_breaks_off_the_start_once() -> None:
    """What is taken down after it is not disturbed by another; afterwards it does what it did."""
    before = signal.getsignal(signal.SIGINT)  # ignored, when all of this was started in the background
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.asked
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_is_noted_while_alerts_are_shown() -> None:
    """Whoever shows them looks, and stops in order."""
    with Interrupts() as interrupts:
        interrupts.be_patient()
        assert not interrupts.asked
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts.asked


def test_listed_people_strangers_and_those_of_training_are_never_the_same() -> None:
    """With the first and the last seeds, and as many people as there can be."""
    seeds = (0, 1, MOST_SEEDS - 2, MOST_SEEDS - 1)
    listed = [who for seed in seeds for who in sought(seed, MOST_LISTED).values()]
    others = [who for seed in seeds for who in strangers(seed)]
    assert len({*listed, *others}) == len(listed) + len(others)
    assert max(*listed, *others) < TRAINING


def test_a_seed_has_people_of_its_own() -> None:
    """Listed under references that do not tell the seed."""
    assert sought(2, 3) == {"sought-01": 2001, "sought-02": 2002, "sought-03": 2003}
