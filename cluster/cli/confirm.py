"""What commands say of recognisers after they have put something in force."""

from functools import partial
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cluster.settings import ClusterSettings


def tell_confirmed(settings: "ClusterSettings", deployment: str, kind: str, digest: str, done: str) -> None:
    """Say what was done, and who goes by it; exit status 1 when somebody who runs does not say so in time.

    Args:
        settings: Of the cluster.
        deployment: Whose recognisers.
        kind: Of the ledger's records in which they say so.
        digest: Of the policy or the order.
        done: What was done, in words.
    """
    from cluster.clocks import SystemClock
    from cluster.policies import confirmed
    from operators.errors import BrokerUnavailable

    click.echo(done)
    try:
        open_reader = partial(confirmed.open_recent_ledger, settings.kafka, SystemClock())
        found = confirmed.await_confirmation(open_reader, deployment, kind, digest)
    except BrokerUnavailable as error:
        raise click.ClickException(
            f"whether recognisers go by it is not known, ask 'beholden status': {error}"
        ) from None
    if names := ", ".join(found.missing):
        raise click.ClickException(
            f"not confirmed within {confirmed.WITHIN_S:g} s by {names}: 'beholden status' says why; one that goes on "
            "all the same is ended by 'beholden down'"
        )
    names = ", ".join(sorted(found.open))
    nobody = f"no recogniser is running: none has written to the ledger for {confirmed.HEARD.total_seconds():g} s"
    click.echo(f"confirmed by {names}" if names else nobody)
