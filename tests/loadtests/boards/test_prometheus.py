"""What is read from a Prometheus."""

import pytest

from loadtests.boards.prometheus import Window, asking, series_of
from operators.errors import SettingsRefused


def test_series_have_their_labels_without_the_name() -> None:
    """And times and values as numbers, those included that are none."""
    result = [{"metric": {"__name__": "up", "member": "m"}, "values": [[10, "1"], [20.5, "NaN"]]}]
    (found,) = series_of({"data": {"result": result}})
    assert found.labels == {"member": "m"}
    assert found.at_s.tolist() == [10, 20.5]
    assert found.values[0] == 1
    assert found.values[1] != found.values[1]


@pytest.mark.parametrize("address", ["127.0.0.1:9090", "file:///etc/passwd"])
def test_only_a_web_address_is_asked(address: str) -> None:
    """Another would be opened as it is."""
    with pytest.raises(SettingsRefused, match="must be the address of a Prometheus"):
        asking(address)


def test_one_that_does_not_answer_is_named() -> None:
    """With what it was asked."""
    with pytest.raises(SettingsRefused, match=r"127\.0\.0\.1:1 does not evaluate 'up'"):
        asking("http://127.0.0.1:1")("up", Window(0, 10, 1))
