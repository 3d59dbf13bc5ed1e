import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.semconv import schemas
from opentelemetry.semconv._incubating.attributes import (
    host_attributes,
    messaging_attributes,
    process_attributes,
    service_attributes,
)
from opentelemetry.semconv.attributes import error_attributes

from cluster.telemetry import names

STANDARD = {
    value
    for module in (messaging_attributes, error_attributes, service_attributes, host_attributes, process_attributes)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str) and "." in value
}
MESSAGING = vars(messaging_attributes)


def test_names_are_the_published_ones_or_our_own() -> None:
    """A name of the conventions that was misspelt would be found by nobody's query."""
    standard = {key for key in names.OF_SPANS | names.OF_PROCESSES if not key.startswith("beholden.")}
    assert standard <= STANDARD
    assert len(standard) == 16
    assert schemas.Schemas.V1_44_0.value.endswith("/1.44.0")


def test_operations_are_the_published_ones() -> None:
    """Their types are a closed list there; `commit` is an operation of type `settle`."""
    kinds = {kind.value for kind in MESSAGING["MessagingOperationTypeValues"]}
    assert {names.SEND, names.RECEIVE, names.PROCESS, "settle"} <= kinds
    assert MESSAGING["MessagingSystemValues"].KAFKA.value == names.KAFKA


@pytest.mark.parametrize(
    ("attributes", "left"),
    [
        ({names.CAMERA: "gate", "entry": "case-17"}, {names.CAMERA: "gate"}),
        ({"beholden.cosine": 0.9}, {}),
        ({names.REASON: "x" * 256}, {names.REASON: "x" * 256}),
        ({names.REASON: "x" * 257}, {}),
        ({names.REASON: "ü" * 129}, {}),
        ({names.FACES: [1.0, 2.0]}, {}),
        ({names.FACES: b"jpeg"}, {}),
        ({names.FACES: None}, {}),
        ({names.FACES: 2**63}, {}),
        ({names.FACES: 3, names.AGE_MS: 1.5, names.KEPT: True}, {names.FACES: 3, names.AGE_MS: 1.5, names.KEPT: True}),
    ],
)
def test_only_what_is_listed_and_short_is_allowed(attributes: dict[str, object], left: dict[str, object]) -> None:
    """Bytes, arrays and long texts are left out whole."""
    assert names.allowed(attributes) == left


@given(
    st.dictionaries(
        st.one_of(st.text(max_size=20), st.sampled_from(sorted(names.OF_SPANS))),
        st.one_of(
            st.text(max_size=400), st.binary(max_size=400), st.lists(st.floats()), st.integers(-(2**63), 2**63 - 1)
        ),
    )
)
def test_whatever_is_given_nothing_else_leaves(attributes: dict[str, object]) -> None:
    """Keys on the list, values of at most 256 bytes."""
    left = names.allowed(attributes)
    assert set(left) <= names.OF_SPANS
    assert all(len(str(value).encode()) <= names.LONGEST_BYTES or isinstance(value, int) for value in left.values())
    assert {key for key, value in attributes.items() if key in names.OF_SPANS and isinstance(value, int)} <= set(left)


def test_topics_name_their_spans() -> None:
    """Operation first, as the conventions say."""
    assert names.of_topic(names.SEND, "frames") == "send frames"
