import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml
from rich.console import Console

from cluster.policies.in_force import read_policy
from cluster.ports import Record
from cluster.settings import Limits, Placement, read_cluster
from loadtests.bench_bare import Work
from loadtests.bench_cluster import Standing, spoilt, standing
from loadtests.bench_commits import Commit, curve, parse_commit, rate
from loadtests.bench_frames import HEIGHT_PX, WIDTH_PX, compose, schedule
from loadtests.bench_layers import EndlessSource, together
from loadtests.bench_pipeline import CANDIDATES, POLICY, cluster_file, compared, policy_document
from loadtests.bench_report import CLUSTER, MANY, MEMORY, MISSED, NOISY, ONE, PROCESSES, Figures, Sample, show, verdict
from loadtests.bench_run import ENTRIES, Show
from loadtests.quiet import Gate, Load, look
from operators.freshness import Rule
from operators.jpeg import check_header
from operators.types import FrameRef

NOW = datetime(2026, 1, 1, tzinfo=UTC)
QUIET = Load(wall_s=5.0, own_cores=2.0, foreign_cores=0.02, stolen_cores=0.0)


def text(value: str) -> bytes:
    """A string as Kafka writes it."""
    return struct.pack(">h", len(value)) + value.encode()


def commit_record(version: int = 1, value: bytes | None = None) -> Record:
    """A record of the commits topic: group g, topic frames, partition 3, offset 77."""
    key = struct.pack(">h", version) + text("g") + text("frames") + struct.pack(">i", 3)
    body = struct.pack(">hqi", 4, 77, -1) + text("") + struct.pack(">q", 0)
    return Record(FrameRef("__consumer_offsets", 0, 0), key, body if value is None else value, {}, 12_500)


def test_a_commit_is_read() -> None:
    """Group, topic, partition, offset, and the broker's time in seconds."""
    assert parse_commit(commit_record()) == Commit("g", "frames", 3, 77, 12.5)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(commit_record(version=2), id="a group's members"),
        pytest.param(commit_record(value=b""), id="a commit that was removed"),
        pytest.param(Record(FrameRef("t", 0, 0), None, b"x", {}, 0), id="no key"),
    ],
)
def test_other_records_of_the_topic_are_passed_over(record: Record) -> None:
    """The topic holds more than commits."""
    assert parse_commit(record) is None


def commits(*given: tuple[float, int, int]) -> list[Commit]:
    """Commits at a time, of a partition, with an offset."""
    return [Commit("g", "frames", partition, offset, at_s) for at_s, partition, offset in given]


def test_a_curve_sums_the_partitions_of_one_owner() -> None:
    """Partitions committed at one moment are one point, and those of others do not count."""
    found = curve(commits((1.0, 0, 5), (1.0, 1, 7), (1.5, 9, 99), (2.0, 0, 10), (3.0, 1, 9)), {0, 1})
    assert found == [(1.0, 12), (2.0, 17), (3.0, 19)]


def test_a_rate_is_taken_between_commits() -> None:
    """What was finished before the first commit of the window took an unknown time and is left out."""
    points = [(0.0, 0), (10.0, 400), (11.0, 440), (12.5, 500), (20.0, 500)]
    assert rate(points, 9.5, 13.0) == pytest.approx(40.0)


def test_two_commits_are_too_few() -> None:
    """One batch more or less would decide."""
    assert rate([(1.0, 0), (2.0, 40)], 0.0, 9.0) is None


def lane(partitions: list[int], shed: int = 0, refused: int = 0) -> dict[str, object]:
    """What a recogniser says of itself."""
    return {
        "partitions": partitions,
        "account": {"alerted": {"candidate": 9}, "shed": {"superseded": shed}, "dead_lettered": {"not_jpeg": refused}},
    }


def test_frames_that_nobody_looked_at_are_known() -> None:
    """Shed and dead-lettered ones, of all recognisers."""
    assert standing([lane([0, 1], shed=5), lane([2], refused=2)]) == Standing([{0, 1}, {2}], 7)


@pytest.mark.parametrize(
    ("after", "rates", "why"),
    [
        pytest.param([lane([0]), lane([1])], [40.0, 41.0], None, id="as it should be"),
        pytest.param([lane([0], shed=3), lane([1])], [4000.0, 41.0], "3 frames were shed or refused", id="shed"),
        pytest.param([lane([0]), lane([1], refused=1)], [40.0, 41.0], "1 frames were shed or refused", id="refused"),
        pytest.param([lane([1]), lane([0])], [40.0, 41.0], "a partition changed hands", id="changed hands"),
        pytest.param([lane([0], shed=3)], [40.0, 41.0], "a recogniser did not answer", id="one is silent"),
        pytest.param([lane([0]), lane([1])], [40.0, None], "fewer than three times", id="two commits"),
    ],
)
def test_a_backlog_says_why_it_gives_no_rate(
    after: list[dict[str, object]], rates: list[float | None], why: str | None
) -> None:
    """Shedding is fast, and its rate is none of frames that are looked at."""
    found = spoilt(standing([lane([0]), lane([1])]), standing(after), rates)
    assert (found is None) if why is None else (found is not None and why in found.why)


def test_frames_of_a_camera_follow_each_other() -> None:
    """Time and number rise by one step a turn, also from one round to the next, and no camera has more than another."""
    show_ = Show([b"a", b"b", b"c"], ["left", "right"], NOW)
    frames = show_.next(5) + show_.next(4)
    assert [frame.camera for frame in frames] == ["left", "right"] * 4
    left = [frame for frame in frames if frame.camera == "left"]
    assert [frame.seq for frame in left] == [0, 1, 2, 3]
    assert [frame.captured_at - NOW for frame in left] == [timedelta(seconds=0.2 * turn) for turn in range(4)]


def test_a_schedule_repeats_its_pictures() -> None:
    """In order, across cameras."""
    assert [shown.jpeg for shown in schedule([b"a", b"b", b"c"], ["x"], 5, NOW)] == [b"a", b"b", b"c", b"a", b"b"]


def test_pictures_are_drawn() -> None:
    """As large as a camera's, each of somebody else."""
    first, second = compose(2)
    for jpeg in (first, second):
        header = check_header(jpeg, Limits().jpeg)
        assert (header.width, header.height) == (WIDTH_PX, HEIGHT_PX)
    assert first != second


def test_an_endless_source_counts_offsets_without_gaps() -> None:
    """A gap would keep the pipeline from committing."""
    source = EndlessSource([b"a", b"b"], ["x", "y", "z"], begin=4)
    offsets: dict[int, list[int]] = {}
    for record in [record for _ in range(5) for record in source.poll(8, 0.0, {})]:
        offsets.setdefault(record.ref.partition, []).append(record.ref.offset)
    assert sorted(offsets) == [0, 1, 2]
    for found in offsets.values():
        assert np.diff(found).tolist() == [1] * (len(found) - 1)


def test_rates_of_processes_add_up() -> None:
    """Also when one ran a little longer."""
    both = together([Work(100, 2.0, 1.9), Work(100, 2.5, 2.4)])
    assert both.fps == pytest.approx(90.0)
    assert both.cpu_s == pytest.approx(4.3)


@pytest.mark.parametrize("placement", list(Placement))
@pytest.mark.parametrize(("recognisers", "cores", "threads"), [(None, 2, 1), (1, 2, 2), (3, 2, 1)])
def test_the_files_of_a_run_are_accepted(
    placement: Placement, recognisers: int | None, cores: int, threads: int, tmp_path: Path
) -> None:
    """Cluster file and policy are checked as any other, and cores are shared out among the recognisers."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(yaml.safe_dump(policy_document(POLICY)))
    assert policy_document(POLICY)["watchlists"]["sought"]["most_entries"] == ENTRIES
    file = tmp_path / "cluster.yaml"
    settings = cluster_file(tmp_path, recognisers, placement, cores) | {"cluster": "bench", "policy": str(policy)}
    file.write_text(yaml.safe_dump(settings))
    read = read_cluster(file, {})
    assert (read.recognisers.count, read.recognisers.threads) == (recognisers or cores, threads)
    assert read.index.placement is placement
    bench = read_policy(read.policy).policy
    assert len(bench.cameras) == CANDIDATES
    assert bench.sightings.confirm_frames == 1  # pictures are single: nobody is seen twice in a passage
    assert {bench.freshness.of(camera).rule for camera in bench.cameras} == {Rule.EVERY}  # or a backlog is shed


def sample(fps: float) -> Sample:
    """A quiet sample of so many frames a second."""
    return Sample(fps, {"loop": 2000 / fps}, QUIET)


def figures(one: list[float], many: list[float], cluster: list[float]) -> Figures:
    """Rounds of samples; 0 stands for none."""
    columns = {ONE: one, MANY: many, PROCESSES: many, MEMORY: many, CLUSTER: cluster}
    samples = {name: [sample(fps) if fps else None for fps in found] for name, found in columns.items()}
    return Figures({"cores": 2}, samples, Gate(look), QUIET)


def test_the_denominator_is_the_better_bare_loop_of_its_round() -> None:
    """Whichever it is in that round."""
    assert figures([50.0, 80.0], [70.0, 70.0], [63.0, 60.0]).path == pytest.approx([0.9, 0.75])


def test_rounds_without_all_samples_are_left_out() -> None:
    """A ratio needs both bare loops and the cluster, from the same round."""
    assert figures([50.0, 50.0, 0.0], [70.0, 0.0, 70.0], [63.0, 63.0, 63.0]).path == pytest.approx([0.9])


@pytest.mark.parametrize(
    ("cluster", "least", "code"),
    [
        pytest.param([63.0, 63.0, 63.0], None, 0, id="nothing asked"),
        pytest.param([63.0, 63.0, 63.0], 0.85, 0, id="reached"),
        pytest.param([63.0, 56.0, 56.0], 0.85, MISSED, id="the median is below"),
        pytest.param([63.0, 0.0, 0.0], 0.85, NOISY, id="one round of three"),
        pytest.param([0.0, 0.0, 0.0], None, NOISY, id="none"),
    ],
)
def test_the_verdict(cluster: list[float], least: float | None, code: int) -> None:
    """Too few quiet rounds are no success, whatever was asked."""
    assert verdict(figures([50.0] * 3, [70.0] * 3, cluster), least)[0] == code


def test_figures_are_shown_and_written_with_rounds_missing() -> None:
    """Tables and JSON stand although samples are missing."""
    console = Console(record=True, width=160)
    found = figures([50.0, 0.0], [70.0, 0.0], [63.0, 0.0])
    show(found, console)
    assert "0.900" in console.export_text()
    assert found.as_json()[CLUSTER][1] is None
    assert [each.rounds for each in compared(found)] == [(pytest.approx(0.9),), (pytest.approx(0.9),)]
