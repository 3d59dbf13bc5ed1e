"""What all tests share: repeatable properties."""

from hypothesis import HealthCheck, settings

# The same examples on every machine and every run; deadlines measure the machine, not the code.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    max_examples=40,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("repeatable")
