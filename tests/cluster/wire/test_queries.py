import numpy as np
import pytest

from cluster.telemetry.context import TraceContext
from cluster.wire.queries import decode_hits, decode_query, decode_told, encode_hits, encode_query, encode_told
from tests.builders import hit, random_units


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_a_query_arrives_as_it_was_sent(rows: int) -> None:
    """To the last bit, whatever part of a larger array it is."""
    vectors = random_units(3, 2 * rows, 7)[::2]
    found, k, at_least, number = decode_query(encode_query(vectors, 3, 0.1 + 0.2, 2**64 - 1))
    assert (found.dtype, found.shape, k, at_least, number) == (np.float32, (rows, 7), 3, 0.1 + 0.2, 2**64 - 1)
    assert found.tobytes() == vectors.tobytes()


def test_hits_arrive_as_they_were_found() -> None:
    """With every digit of their cosines and their generation; queries without any keep their place."""
    hits = [[hit("anna", np.nextafter(0.9, 1)), hit("bert")], [], [hit("cleo", watchlist="missing")]]
    assert decode_hits(encode_hits(hits, 1_500)) == (hits, 1_500)


def test_spans_that_searches_belong_to_arrive() -> None:
    """One search may be a part of the traces of several frames."""
    told = [(17, TraceContext(1, 2)), (17, TraceContext(2**128 - 1, 2**64 - 1)), (2**64 - 1, TraceContext(3, 4))]
    assert decode_told(encode_told(told)) == told
    assert decode_told(encode_told([])) == []
