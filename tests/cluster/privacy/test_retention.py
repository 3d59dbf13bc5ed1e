import dataclasses
import re
from pathlib import Path

import pytest

from cluster.kafka.admin import FRAMES_AHEAD_MS, KafkaConfigs, _topics
from cluster.kafka.topics import ALERTS, FRAMES, POLICY
from cluster.kafka_settings import KafkaSettings
from cluster.privacy.retention import DATED_BY_KAFKA, FOR_EVER, topics_of
from cluster.privacy.retention_check import Age, ages, broken, readable
from cluster.strict_yaml import read
from operators.retention import RetentionProfile, lasts_ms
from tests.builders import RETENTION, profile

PROFILES = sorted(RETENTION.glob("*.yaml"))
DAY_MS = 86_400_000
# What Apache Kafka 4.3.1 says of a topic for which nothing was set.
DEFAULTS = {
    "cleanup.policy": "delete",
    "retention.ms": str(7 * DAY_MS),
    "retention.bytes": "-1",
    "segment.ms": str(7 * DAY_MS),
    "file.delete.delay.ms": "60000",
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": "3600000",
    "remote.storage.enable": "false",
    "max.compaction.lag.ms": "9223372036854775807",
}
BROKER = {"log.retention.check.interval.ms": "300000", "log.cleaner.backoff.ms": "15000"}


def configs(found: RetentionProfile, **changes: dict[str, str]) -> KafkaConfigs:
    """What Kafka would say of topics made for a profile on brokers with Kafka's own defaults; changes by topic."""
    made = {name: {**DEFAULTS, **spec["configs"]} for name, spec in _topics(KafkaSettings(), found).items()}
    for topic, change in changes.items():
        made[topic.replace("_", "-")].update(change)
    return KafkaConfigs(made, [BROKER])


def age(topic: str, **changes: str) -> Age:
    """The age of one topic of `uk-31d`, changed."""
    found = read(RETENTION / "uk-31d.yaml", RetentionProfile)
    named = {name.replace("_", "."): value for name, value in changes.items()}
    return next(each for each in ages(found, configs(found, **{topic: named})) if each.topic == topic)


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_every_profile_keeps_what_it_promises_on_any_kafka(path: Path) -> None:
    """Also on brokers that look every five minutes, with the settings that topics are made with."""
    found = read(path, RetentionProfile)
    assert list(broken(ages(found, configs(found)))) == []
    assert {each.topic for each in ages(found, configs(found))} == {*topics_of(found), "watchlist", *FOR_EVER}


def test_a_month_is_38_days_with_kafkas_own_segments() -> None:
    """The mistake that this check is there for."""
    found = age("alerts", retention_ms=str(31 * DAY_MS), segment_ms=DEFAULTS["segment.ms"])
    assert found.total_ms == 38 * DAY_MS + 300_000 + 60_000
    assert readable(found.total_ms) == "38 d 6 min"
    assert not found.is_kept
    [told] = broken([found])
    assert "31 d is promised, and a record can become 38 d 6 min old" in told
    assert "segment.ms 7 d" in told


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"retention_ms": "-1"}, "retention.ms is -1"),
        ({"segment_ms": "9223372036854775807"}, "segment.ms is"),
        ({"cleanup_policy": "compact"}, "the last record of a key stays"),
        ({"cleanup_policy": "compact,delete"}, "the last record of a key stays"),
        ({"remote_storage_enable": "true"}, "another store has copies"),
        (
            {"message_timestamp_type": "CreateTime", "message_timestamp_after_max_ms": "9223372036854775807"},
            "message.timestamp.after.max.ms is",
        ),
    ],
)
def test_what_never_ends_is_found(changes: dict[str, str], words: str) -> None:
    """Each of these would be found nowhere but in what a topic is set to."""
    found = age("alerts", **changes)
    assert (found.total_ms, found.is_kept) == (None, False)
    assert words in next(iter(broken([found])))


@pytest.mark.parametrize("topic", ["frames", "alerts", "evidence", "dead-letters", "ledger"])
def test_what_is_gone_too_soon_is_found(topic: str) -> None:
    """Above all the ledger, which is there to say what happened; what was signed is what counts, for all."""
    assert age(topic).is_kept
    for changes, words in (
        ({"retention_ms": "1000"}, "retention.ms is 1 s"),
        ({"retention_ms": "0"}, "retention.ms is 0 ms"),
        ({"retention_bytes": "1000000"}, "retention.bytes is 1000000"),
    ):
        found = age(topic, **changes)
        assert not found.is_kept
        [told] = broken([found])
        assert told.startswith(f"topic {topic}: is to be kept for ")
        assert words in told
    both = age(topic, retention_ms="0", segment_ms=str(9999 * DAY_MS))
    assert len(list(broken([both]))) == 2


@pytest.mark.parametrize("topic", FOR_EVER)
def test_what_everything_is_accounted_for_by_is_kept_for_ever(topic: str) -> None:
    """No profile says so, and a topic that loses its beginning, or all but the last of a key, is a fault."""
    found = age(topic)
    assert (found.is_kept, found.at_most_ms, found.total_ms) == (True, None, None)
    for changes, words in (
        ({"retention_ms": str(9999 * DAY_MS)}, "retention.ms is 9999 d"),
        ({"retention_bytes": "1000000"}, "retention.bytes is 1000000"),
        ({"cleanup_policy": "compact"}, "cleanup.policy is compact"),
        ({"cleanup_policy": "compact,delete"}, "cleanup.policy is compact,delete"),
    ):
        found = age(topic, **changes)
        assert not found.is_kept
        [told] = broken([found])
        assert told.startswith(f"topic {topic}: is to be kept for ever, and ")
        assert words in told


@pytest.mark.parametrize("topic", DATED_BY_KAFKA)
def test_where_a_records_time_decides_nobody_else_may_say_it(topic: str) -> None:
    """Else whoever writes a release chooses the moment at which it is judged; and how old an alert is said to be."""
    assert age(topic).is_kept
    found = age(topic, message_timestamp_type="CreateTime", message_timestamp_after_max_ms="0")
    assert not found.is_kept
    assert list(broken([found])) == [
        f"topic {topic}: what follows from its records depends on when Kafka wrote them, and message.timestamp.type is "
        "CreateTime: whoever writes them says when"
    ]


def test_a_clock_that_runs_ahead_counts() -> None:
    """Unless Kafka's own is what counts."""
    own = age("alerts").total_ms
    theirs = age("alerts", message_timestamp_type="CreateTime", message_timestamp_after_max_ms="3600000").total_ms
    assert own is not None
    assert theirs == own + 3_600_000
    frames = age(FRAMES)
    assert frames.parts_ms["message.timestamp.after.max.ms"] == FRAMES_AHEAD_MS


def test_the_slowest_broker_counts() -> None:
    """Any of them may have the partition."""
    found = profile()
    slow = KafkaConfigs(configs(found).topics, [BROKER, BROKER | {"log.retention.check.interval.ms": str(DAY_MS)}])
    assert [each.topic for each in ages(found, slow) if not each.is_kept] == [*list(topics_of(found))[:4], "watchlist"]


def test_what_is_withdrawn_stays_when_nothing_compacts_it() -> None:
    """Kafka's own lag is as good as for ever."""
    for changes in ({"max_compaction_lag_ms": DEFAULTS["max.compaction.lag.ms"]}, {"cleanup_policy": "delete"}):
        assert not age("watchlist", **changes).is_kept


def test_a_topic_that_does_not_exist_holds_nothing() -> None:
    """`up` makes it before it checks."""
    found = ages(profile(), KafkaConfigs({}, [BROKER]))
    assert all(each.is_kept and not each.is_there for each in found)


def test_each_length_of_time_in_a_profile_reaches_its_topic() -> None:
    """Twice as long there is twice as long here; nothing else moves."""
    found = profile()
    before = _topics(KafkaSettings(), found)
    for name in topics_of(found):
        field = name.replace("-", "_")
        kept = getattr(found, field)
        number, unit = kept.keep.split()
        longer = dataclasses.replace(kept, keep=f"{2 * int(number)} {unit}", at_most="9999 d")
        more = (
            {"ledger": dataclasses.replace(found.ledger, keep="9999 d", at_most="99999 d")} if name != "ledger" else {}
        )
        after = _topics(KafkaSettings(), dataclasses.replace(found, **{field: longer, **more}))
        changed = {topic for topic in before if before[topic] != after[topic]} - ({"ledger"} if more else set())
        assert changed == {name}
        assert after[name]["configs"]["retention.ms"] == str(2 * lasts_ms(kept.keep))
    assert before[POLICY]["configs"]["retention.ms"] == "-1"
    assert before[ALERTS]["configs"]["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize(("ms", "text"), [(0, "0 ms"), (999, "999 ms"), (61_000, "1 min 1 s"), (DAY_MS, "1 d")])
def test_lengths_of_time_are_readable(ms: int, text: str) -> None:
    """In their largest units."""
    assert readable(ms) == text


def test_the_decision_record_states_what_the_profiles_say() -> None:
    """A document that states another number is found before the public is."""
    page = (RETENTION.parents[1] / "docs" / "decisions" / "0022-evidence-and-privacy.md").read_text()
    table = [line for line in page.splitlines() if line.startswith("| `")]
    found = [read(RETENTION / f"{name}.yaml", RetentionProfile) for name in ("uk-strict", "uk-31d", "eu-rbi")]
    stated = {
        name: [cell.strip() for cell in row.split("|")[2:5]]
        for row in table
        for name in re.findall(r"`([a-z-]+)`", row.split("|")[1])
    }
    expected = {topic: [topics_of(each)[topic].at_most for each in found] for topic in topics_of(found[0])}
    assert stated == {**expected, "watchlist": [each.watchlist.at_most for each in found]}
