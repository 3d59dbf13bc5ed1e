"""PromQL for the panels of a dashboard, which shows the deployments that somebody has chosen."""

CHOSEN = 'deployment=~"$deployment"'
INTERVAL = "$__rate_interval"
RARE = "10m"
"""Time over which rates of what happens rarely are taken."""


def of(metric: str, *matchers: str) -> str:
    """A metric of the chosen deployments; matchers as `outcome="shed"`."""
    return f"{metric}{{{', '.join((CHOSEN, *matchers))}}}"


def rate(metric: str, *matchers: str, by: str = "deployment", over: str = INTERVAL) -> str:
    """How fast a counter grows, each second, summed by some labels."""
    return f"sum by ({by}) (rate({of(metric, *matchers)}[{over}]))"


def grown(metric: str, *matchers: str, by: str = "deployment", over: str = "$__range") -> str:
    """By how much a counter has grown over a time, by default that which is shown; a whole number."""
    return f"round (sum by ({by}) (increase({of(metric, *matchers)}[{over}])))"


def within(share: float, metric: str, *matchers: str, by: str = "", over: str = INTERVAL) -> str:
    """The value within which such a share of a histogram's observations lies; seconds."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, {rate(f'{metric}_bucket', *matchers, by=labels, over=over)})"


def mean(metric: str, *matchers: str, by: str = "deployment") -> str:
    """The mean of a histogram's observations."""
    return f"{rate(f'{metric}_sum', *matchers, by=by)} / {rate(f'{metric}_count', *matchers, by=by)}"


def most(metric: str, *matchers: str, by: str = "deployment") -> str:
    """The largest of a gauge."""
    return f"max by ({by}) ({of(metric, *matchers)})"


def total(metric: str, *matchers: str, by: str = "deployment") -> str:
    """A gauge summed."""
    return f"sum by ({by}) ({of(metric, *matchers)})"


def filled(expr: str, interval: str, window: str) -> str:
    """The expression as Prometheus takes it, over all deployments.

    Args:
        expr: With Grafana's variables.
        interval: Time over which rates are taken, at least four scrapes, as `1m`.
        window: Time that is shown, as `1h`.
    """
    return expr.replace("$deployment", ".*").replace(INTERVAL, interval).replace("$__range", window)
