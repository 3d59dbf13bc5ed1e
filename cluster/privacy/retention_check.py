"""How old a record can really become, and whether it can be gone too soon: from what Kafka does.

Kafka deletes closed segments only, by the youngest record in each, when it next looks, and unlinks the file later. So
the oldest record is as old as all of that together, and a producer whose clock runs ahead adds what it is allowed to.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from cluster.kafka.admin import KafkaConfigs, read_configs
from cluster.kafka.topics import WATCHLIST
from cluster.kafka_settings import KafkaSettings
from cluster.privacy.retention import DATED_BY_KAFKA, FOR_EVER, topics_of
from operators.errors import SettingsRefused
from operators.retention import Kept, RetentionProfile, lasts_ms

TIMES, BY_KAFKA = "message.timestamp.type", "LogAppendTime"
AHEAD = "message.timestamp.after.max.ms"
DAY_MS = 86_400_000
FOR_EVER_MS = 100 * 365 * DAY_MS  # Kafka's own defaults for some times are as good as for ever


@dataclass(frozen=True, slots=True)
class Age:
    """The true maximum age of what one topic holds.

    Attributes:
        topic: Name without prefix.
        at_most_ms: What the policy's profile promises; None of what is to be kept for ever.
        parts_ms: What it is made of, by the setting each comes from.
        endless: Why it has no end, if it has none.
        early: Why a record can be gone before its time to be kept is over, if one can.
        undated: Why the time of a record, from which something follows, is nothing to go by, if it is not.
        is_there: Whether the topic exists; one that does not holds nothing.
    """

    topic: str
    at_most_ms: int | None
    parts_ms: Mapping[str, int]
    endless: str | None = None
    early: str | None = None
    undated: str | None = None
    is_there: bool = True

    @property
    def total_ms(self) -> int | None:
        """Milliseconds; None when nothing is ever deleted."""
        return None if self.endless else sum(self.parts_ms.values())

    @property
    def is_by_kafkas_clock(self) -> bool:
        """Whether records have the time at which Kafka wrote them; else that of whoever made them."""
        return AHEAD not in self.parts_ms

    @property
    def is_judged(self) -> bool:
        """Whether the age of its oldest record breaks a promise when it is too high.

        Not of the watchlist, of which Kafka rewrites a part only when something is written to it; nor where records
        have the time of their producer, whose clock may be behind.
        """
        return self.at_most_ms is not None and self.topic != WATCHLIST and self.is_by_kafkas_clock

    @property
    def is_kept(self) -> bool:
        """Whether it is kept as the policy says: neither for longer than it promises nor for less than it asks for.

        And with the times at which Kafka wrote it, where something follows from these.
        """
        return not self.is_there or (self.early is None and self.undated is None and not self.is_late)

    @property
    def is_late(self) -> bool:
        """Whether something can become older than is promised."""
        return self.at_most_ms is not None and (self.total_ms is None or self.total_ms > self.at_most_ms)


def ages(profile: RetentionProfile, configs: KafkaConfigs) -> list[Age]:
    """The true maximum age of everything that a profile is about, topic by topic; and what is to be kept for ever."""
    found = [_deleted(topic, kept, configs) for topic, kept in topics_of(profile).items()]
    for_ever = [_kept(topic, configs) for topic in FOR_EVER]
    found += [_withdrawn(lasts_ms(profile.watchlist.at_most), configs), *for_ever]
    return [replace(age, undated=_undated(age.topic, configs)) for age in found]


def broken(found: Sequence[Age]) -> Iterator[str]:
    """What is to be said of each promise that is not kept."""
    for age in found:
        if age.is_kept:
            continue
        if age.early:
            yield f"topic {age.topic}: {age.early}"
        if age.is_late and age.at_most_ms is not None:
            parts = " + ".join(f"{name} {readable(value)}" for name, value in age.parts_ms.items())
            really = age.endless or f"a record can become {readable(age.total_ms or 0)} old: {parts}"
            yield f"topic {age.topic}: {readable(age.at_most_ms)} is promised, and {really}"
        if age.undated:
            yield f"topic {age.topic}: {age.undated}"


def readable(ms: int) -> str:
    """A length of time in its largest whole unit, or two of them."""
    for unit, size in (("d", DAY_MS), ("h", 3_600_000), ("min", 60_000), ("s", 1000)):
        if ms >= size:
            rest = ms % size
            return f"{ms // size} {unit}" + (f" {readable(rest)}" if rest >= 1000 and unit != "s" else "")
    return f"{ms} ms"


def _deleted(topic: str, kept: Kept, configs: KafkaConfigs) -> Age:
    """A topic whose old segments are deleted."""
    settings, at_most_ms = configs.topics.get(topic), lasts_ms(kept.at_most)
    if settings is None:
        return Age(topic, at_most_ms, {}, is_there=False)
    parts = {
        "retention.ms": int(settings["retention.ms"]),
        "segment.ms": int(settings["segment.ms"]),
        **_until_unlinked(settings, configs),
    }
    if settings[TIMES] != BY_KAFKA:
        parts[AHEAD] = int(settings[AHEAD])
    return Age(topic, at_most_ms, parts, _endless(settings, parts), _early(settings, kept.keep, lasts_ms(kept.keep)))


def _kept(topic: str, configs: KafkaConfigs) -> Age:
    """A topic that is to be kept for ever."""
    settings = configs.topics.get(topic)
    if settings is None:
        return Age(topic, None, {}, is_there=False)
    early = _early(settings, "ever", FOR_EVER_MS)
    if settings["cleanup.policy"] != "delete":
        early = (
            f"is to be kept for ever, and cleanup.policy is {settings['cleanup.policy']}: what a key had before is lost"
        )
    return Age(topic, None, {}, endless="as it is set" if early else "for ever", early=early)


def _undated(topic: str, configs: KafkaConfigs) -> str | None:
    """Why the time of a topic's records is nothing to go by, where it decides something."""
    settings = configs.topics.get(topic)
    if topic not in DATED_BY_KAFKA or settings is None or settings[TIMES] == BY_KAFKA:
        return None
    return (
        f"what follows from its records depends on when Kafka wrote them, and {TIMES} is {settings[TIMES]}: whoever "
        "writes them says when"
    )


def _early(settings: Mapping[str, str], keep: str, keep_ms: int) -> str | None:
    if 0 <= int(settings["retention.ms"]) < keep_ms:
        return f"is to be kept for {keep}, and retention.ms is {readable(int(settings['retention.ms']))}"
    if int(settings["retention.bytes"]) >= 0:
        return f"is to be kept for {keep}, and retention.bytes is {settings['retention.bytes']}, however soon that is"
    return None


def _endless(settings: Mapping[str, str], parts: Mapping[str, int]) -> str | None:
    if settings["cleanup.policy"] != "delete":
        return f"cleanup.policy is {settings['cleanup.policy']}: the last record of a key stays"
    if settings.get("remote.storage.enable", "false") == "true":
        return "remote.storage.enable is true: another store has copies"
    for name, value in parts.items():
        if not 0 <= value < FOR_EVER_MS:
            return f"{name} is {value}: as good as for ever"
    return None


def _withdrawn(at_most_ms: int, configs: KafkaConfigs) -> Age:
    """An entry of the watchlist that was withdrawn, from the next record of its partition on."""
    settings = configs.topics.get(WATCHLIST)
    if settings is None:
        return Age(WATCHLIST, at_most_ms, {}, is_there=False)
    parts = {
        "segment.ms": int(settings["segment.ms"]),
        "max.compaction.lag.ms": int(settings["max.compaction.lag.ms"]),
        "log.cleaner.backoff.ms": max(int(each["log.cleaner.backoff.ms"]) for each in configs.brokers),
        **_until_unlinked(settings, configs),
    }
    endless = None
    if settings["cleanup.policy"] != "compact":
        endless = f"cleanup.policy is {settings['cleanup.policy']}: what is withdrawn stays, or the list is lost"
    elif any(not 0 <= value < FOR_EVER_MS for value in parts.values()):
        endless = "max.compaction.lag.ms or segment.ms is as good as for ever"
    return Age(WATCHLIST, at_most_ms, parts, endless)


def _until_unlinked(settings: Mapping[str, str], configs: KafkaConfigs) -> dict[str, int]:
    looks = max(int(each["log.retention.check.interval.ms"]) for each in configs.brokers)
    return {"log.retention.check.interval.ms": looks, "file.delete.delay.ms": int(settings["file.delete.delay.ms"])}


def check(kafka: KafkaSettings, profile: RetentionProfile) -> list[Age]:
    """The ages of everything that is kept, as the topics and brokers are now.

    Raises:
        BrokerUnavailable: Kafka does not answer.
        SettingsRefused: Something can become older than is promised, or be gone sooner than the policy says; or whoever
            writes a record says when that was, where it decides something.
    """
    found = measure(kafka, profile)
    if faults := list(broken(found)):
        advice = (
            "'beholden retention apply', by a user of Kafka that may alter topics, gives the topics what the profile "
            "asks for; what the brokers are set to, their administrator changes; 'beholden retention check' shows all "
            "of it"
        )
        raise SettingsRefused("\n".join([*faults, advice]))
    return found


def measure(kafka: KafkaSettings, profile: RetentionProfile) -> list[Age]:
    """The same, whatever it is.

    Raises:
        BrokerUnavailable: Kafka does not answer.
    """
    return ages(profile, read_configs(kafka, [*topics_of(profile), WATCHLIST, *FOR_EVER]))
