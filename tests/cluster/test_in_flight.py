import threading

from cluster.in_flight import InFlight
from tests.builders import Room
from tests.waiting import PATIENCE_S


def test_whoever_adds_too_much_waits_until_there_is_room() -> None:
    """A frozen broker does not make memory grow."""
    bound = InFlight(10)
    bound._room = room = Room()
    bound.add(6)
    bound.add(6)  # a single message may go beyond
    added = threading.Event()
    adder = threading.Thread(target=lambda: (bound.add(1), added.set()), daemon=True)
    adder.start()
    assert room.is_waited_in.wait(PATIENCE_S)
    assert (bound.size_bytes, added.is_set()) == (12, False)
    bound.remove(6)
    assert added.wait(PATIENCE_S)
    adder.join()
    assert bound.size_bytes == 7
