from tests.faults.soak import Sample, trend


def samples(kib: float, files: int = 0) -> list[Sample]:
    """A minute apart, growing by so much, with some noise; the first half grows by far more."""
    early = [Sample(minute, 1000.0 * minute, 10) for minute in range(10)]
    return early + [Sample(10 + n, 10_000 + kib * n + 50 * (n % 2), 10 + files * n // 9) for n in range(10)]


def test_what_grows_steadily_is_found_and_what_happens_at_the_beginning_is_not() -> None:
    """Caches fill."""
    assert trend(samples(500.0)).grows
    assert not trend(samples(0.0)).grows
    assert not trend(samples(-500.0)).grows


def test_file_descriptors_that_stay_open_are_found() -> None:
    """From the first of the second half to the last."""
    assert trend(samples(0.0, files=5)).grows
    assert trend(samples(0.0, files=5)).files == (10, 15)
