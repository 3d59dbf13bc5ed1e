"""The watchlist's follower: it says what is wrong and goes on, whatever happens."""

import threading
import time

import pytest

from cluster import watchlist_feed
from cluster.settings import KafkaSettings
from cluster.watchlist_feed import WatchlistFeed
from operators.errors import IndexIncomplete
from tests.builders import random_units


def test_an_unforeseen_error_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that ended would leave a frozen list, in which a withdrawn person matches for ever."""
    tries, again = [], threading.Event()

    class Broken:
        def __init__(self, *_: object, **__: object) -> None:
            tries.append(time.monotonic())
            if len(tries) > 2:
                again.set()
            raise TypeError("'>=' not supported between instances of 'NoneType' and 'int'")

    monkeypatch.setattr(watchlist_feed, "TopicReader", Broken)
    monkeypatch.setattr(watchlist_feed, "RETRY_S", 0.01)
    feed = WatchlistFeed(KafkaSettings(), 0, 1, "c" * 64, 1)
    try:
        assert again.wait(10)
        assert "NoneType" in str(feed.status().trouble)
        with pytest.raises(IndexIncomplete, match="shard 0 of 1"):
            feed.search(random_units(1, 1), 1, 0.0)
    finally:
        feed.close()
