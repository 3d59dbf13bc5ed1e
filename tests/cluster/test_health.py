import urllib.error
from collections.abc import Iterator
from contextlib import closing

import pytest

from cluster import health
from cluster.health import Health
from tests.local_http import ask
from tests.waiting import PATIENCE_S


@pytest.fixture
def served() -> Iterator[Health]:
    """One that listens."""
    with closing(Health("127.0.0.1:0")) as found:
        yield found


def _ask(served: Health, path: str) -> tuple[int, str]:
    try:
        with ask(f"http://127.0.0.1:{served.server_port}{path}", timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_a_process_lives_before_what_it_looks_after_is_ready(served: Health) -> None:
    """Whoever is ended because others are not there yet never sees them come."""
    assert _ask(served, "/livez") == (200, "starting\n")
    assert _ask(served, "/readyz") == (503, "starting\n")
    served.note(False, "waits: nothing answers at head:6379")
    assert _ask(served, "/readyz") == (503, "waits: nothing answers at head:6379\n")
    served.note(True, "ready")
    assert [_ask(served, path) for path in ("/livez", "/readyz")] == [(200, "ready\n")] * 2


def test_whoever_has_not_looked_for_long_is_neither(served: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it said last is no longer known."""
    served.note(True, "ready")
    monkeypatch.setattr(health, "SILENT_S", 0.0)
    assert [served.answer(path, "127.0.0.1")[0] for path in ("/livez", "/readyz")] == [503, 503]


@pytest.mark.parametrize("asker", ["10.0.0.7", "2001:db8::7", "::ffff:10.0.0.7"])
def test_only_this_machine_is_told_why(served: Health, asker: str) -> None:
    """What is waited for names addresses, and whoever reaches the port may ask."""
    served.note(False, "waits: nothing answers at head:6379")
    assert served.answer("/readyz", asker) == (503, "not well: the log says why")
    assert served.answer("/livez", asker) == (200, "well")
    assert served.answer("/readyz", "::1") == (503, "waits: nothing answers at head:6379")


def test_nothing_else_is_told(served: Health) -> None:
    """Only two questions are answered."""
    assert _ask(served, "/status")[0] == 404


@pytest.mark.parametrize("listen", ["8086", "here:port"])
def test_where_it_listens_is_checked(listen: str) -> None:
    """An address without a port would be any."""
    with pytest.raises(ValueError, match="must be HOST:PORT"):
        Health(listen)
