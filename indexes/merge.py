"""Put the answers of shards together."""

from collections.abc import Sequence

from operators.types import Hit


def merge(answers: Sequence[Sequence[Sequence[Hit]]], k: int) -> list[list[Hit]]:
    """One answer from the answers of all shards.

    Args:
        answers: For each shard, for each query, its hits. Every shard has answered every query.
        k: How many entries of each list to keep.

    Returns:
        For each query the best `k` hits of every list: by list, then higher cosine, then reference.
    """
    return [best_of([hit for part in parts for hit in part], k) for parts in zip(*answers, strict=True)]


def best_of(hits: Sequence[Hit], k: int) -> list[Hit]:
    """The best `k` hits of every list: by list, then higher cosine, then reference."""
    kept: dict[str, int] = {}
    best = []
    for hit in sorted(hits, key=lambda hit: (hit.watchlist, -hit.cosine, hit.entry)):
        kept[hit.watchlist] = kept.get(hit.watchlist, 0) + 1
        if kept[hit.watchlist] <= k:
            best.append(hit)
    return best
