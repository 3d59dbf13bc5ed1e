import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.telemetry.context import TraceContext, is_in_share, new_trace, parse_traceparent

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_IDS = st.integers(1, 2**128 - 1)


@given(trace_id=TRACE_IDS, span_id=st.integers(1, 2**64 - 1), sampled=st.booleans())
def test_what_is_written_can_be_read(trace_id: int, span_id: int, sampled: bool) -> None:
    """Leading zeros and all."""
    context = TraceContext(trace_id, span_id, sampled)
    assert parse_traceparent(str(context)) == context


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (HEADER, True),
        (HEADER[:-2] + "00", False),
        (HEADER[:-2] + "02", False),
        (HEADER[:-2] + "03", True),
        ("01" + HEADER[2:] + "-what-a-later-version-adds", True),
    ],
)
def test_the_standards_own_example_is_read(header: str, sampled: bool) -> None:
    """Later versions too; of the flags the last bit counts."""
    assert parse_traceparent(header) == TraceContext(0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, sampled)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        HEADER.upper(),
        "ff" + HEADER[2:],
        HEADER + "-more",
        HEADER[:-1],
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"00-0af7651916cd43dd8448eb211c80319c-{'0' * 16}-01",
        HEADER + "\n",
    ],
)
def test_what_cannot_be_understood_is_none(header: str | None) -> None:
    """A camera may send what it likes."""
    assert parse_traceparent(header) is None


def test_a_share_is_about_that_part_and_grows_with_it() -> None:
    """None of all, all of all, and who is in a share is in every larger one."""
    ids = [new_trace(0).trace_id for _ in range(20_000)]
    assert not any(is_in_share(one, 0) for one in ids)
    assert all(is_in_share(one, 1) for one in ids)
    tenth = {one for one in ids if is_in_share(one, 0.1)}
    assert 1_700 < len(tenth) < 2_300  # seven standard deviations
    assert tenth <= {one for one in ids if is_in_share(one, 0.2)}


@given(trace_id=TRACE_IDS, share=st.floats(0, 1))
def test_only_the_random_part_of_an_id_decides(trace_id: int, share: float) -> None:
    """Another system may put the time into the first bits of its ids."""
    assert is_in_share(trace_id, share) == is_in_share(trace_id % 2**56, share)


def test_children_stay_in_their_trace() -> None:
    """With an id of their own."""
    first = new_trace(1)
    child = first.child()
    assert (child.trace_id, child.sampled) == (first.trace_id, True)
    assert child.span_id != first.span_id
