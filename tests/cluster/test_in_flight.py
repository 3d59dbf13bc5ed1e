import threading

from cluster.in_flight import InFlight


def test_whoever_adds_too_much_waits_until_there_is_room() -> None:
    """A frozen broker does not make memory grow."""
    bound = InFlight(10)
    bound.add(6)
    bound.add(6)  # a single message may go beyond
    added = threading.Event()
    adder = threading.Thread(target=lambda: (bound.add(1), added.set()), daemon=True)
    adder.start()
    assert not added.wait(0.02)
    assert bound.size_bytes == 12
    bound.remove(6)
    assert added.wait(5.0)
    adder.join()
    assert bound.size_bytes == 7
