"""What an answer of Ray's means, without a Ray."""

from typing import Any

import pytest
import ray
from ray.exceptions import ActorDiedError, RayTaskError

from cluster.actors import _RayCalls
from cluster.shards.asked import AskedBook
from cluster.shards.layout import Replica
from cluster.wire.queries import encode_hits
from operators.errors import IndexIncomplete
from tests.builders import hit


def _gives(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def get(_: Any) -> Any:
        raise error

    monkeypatch.setattr(ray, "get", get)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RayTaskError("search", "", IndexIncomplete("its topic is still being read")), "its topic is still being read"),
        (RayTaskError("search", "", RuntimeError("cudaMalloc failed")), "its search failed: RuntimeError"),
        (RayTaskError("search", "", MemoryError()), "its search failed: MemoryError"),
        (ActorDiedError(), "does not answer (ActorDiedError)"),
    ],
)
def test_whatever_a_replica_fails_of_another_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    """Any other error would end the recogniser, which would come back and ask the same replica first."""
    _gives(monkeypatch, error.as_instanceof_cause() if isinstance(error, RayTaskError) else error)
    with pytest.raises(IndexIncomplete) as raised:
        _RayCalls().answer("reply")
    assert str(raised.value) == message
    assert type(raised.value) is IndexIncomplete


def test_an_answer_is_given_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last digit."""
    answer = [[hit("e1", 0.9)], []]
    monkeypatch.setattr(ray, "get", lambda _: encode_hits(answer))
    assert _RayCalls().answer("reply") == answer


def test_who_was_asked_is_noted_with_what_came_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shard's own time with an answer, the kind of the failure without one."""
    book = AskedBook[Any](is_on=True)
    calls = _RayCalls(book)
    for reply in ("first", "second"):
        book.ask(reply, Replica(0, 2, 0), 7)
    monkeypatch.setattr(ray, "get", lambda _: encode_hits([], own_ns=1_500))
    calls.answer("first")
    _gives(monkeypatch, ActorDiedError())
    with pytest.raises(IndexIncomplete):
        calls.answer("second")
    assert [(asked.own_ns, asked.error) for asked in book.take()] == [(1_500, None), (None, "IndexIncomplete")]
