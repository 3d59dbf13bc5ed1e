"""What stands beside a policy in its topic."""

from cluster.wire.policies import policy_headers
from tests.builders import NOW, context


def test_headers_name_everything_an_alert_names() -> None:
    """Number, digest, models, contract and software are those of the alerts; the time is UTC."""
    settings = context()
    headers = {name: value.decode() for name, value in policy_headers(settings, NOW)}
    assert headers == {
        "policy": str(settings.policy),
        "digest": settings.policy_digest,
        "detector": settings.detector,
        "embedder": settings.embedder,
        "contract": settings.contract,
        "software": settings.software,
        "in_force_at": "2026-01-31T12:00:00.000Z",
    }
