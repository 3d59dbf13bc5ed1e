import pytest

from cluster.kafka_settings import KafkaSecurity, Protocol, kafka_password
from operators.errors import BrokerUnavailable

PASSWORD = {"BEHOLDEN_KAFKA_PASSWORD": "hunter2"}


@pytest.mark.parametrize(
    ("protocol", "mechanism", "password"),
    [
        ("SASL_SSL", "PLAIN", "hunter2"),
        ("SASL_PLAINTEXT", "SCRAM-SHA-512", "hunter2"),
        ("SASL_SSL", "GSSAPI", None),
        ("SSL", None, None),
    ],
)
def test_a_password_is_taken_from_the_environment_where_one_is_needed(
    protocol: str, mechanism: str | None, password: str | None
) -> None:
    """Without one the message says where it belongs."""
    security = KafkaSecurity(Protocol(protocol), mechanism=mechanism, username="ada")
    assert kafka_password(security, PASSWORD) == password
    for environment in ({}, {"BEHOLDEN_KAFKA_PASSWORD": ""}):
        if password is None:
            assert kafka_password(security, environment) is None
        else:
            with pytest.raises(BrokerUnavailable, match=r"ada needs it .* on each machine before its Ray is started"):
                kafka_password(security, environment)
