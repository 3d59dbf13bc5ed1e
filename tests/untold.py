"""What imports Ray, imported without a token being made in this user's own folder."""

import pytest

with pytest.MonkeyPatch.context() as named:
    for variable in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH", "RAY_USAGE_STATS_ENABLED"):
        named.setenv(variable, "")
    from cluster import asking, deploy, drain, ray_driver, stay

__all__ = ["asking", "deploy", "drain", "ray_driver", "stay"]
