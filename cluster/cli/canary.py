"""`beholden canary`."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cluster.cli.options import cluster_file
from operators.errors import BrokerUnavailable, SettingsRefused

if TYPE_CHECKING:
    from cluster.canary.probe import Place, Probe
    from cluster.settings import KafkaSettings
    from operators.policy import Policy


@click.command()
@cluster_file
@click.option(
    "--image",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="JPEG with one face; 'beholden people portrait' draws somebody who does not exist.",
)
@click.option("--list", "watchlist", metavar="NAME", help="Which list, where the policy has several for canaries.")
@click.option("--by", metavar="NAME", help="Put the canary on its list, if it is not there, in this name.")
@click.option(
    "--every", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds between passages."
)
@click.option("--within", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="Seconds for an alert.")
@click.option("--once", is_flag=True, help="One passage; exit status 1 when no alert came in time.")
@click.option("--listen", metavar="HOST:PORT", help="Where Prometheus may fetch how it goes.")
def canary(
    file: Path,
    image: Path,
    watchlist: str | None,
    by: str | None,
    every: float,
    within: float,
    once: bool,
    listen: str | None,
) -> None:
    """Show that alerts come: a passage of somebody who exists only for it, again and again until Ctrl-C.

    The policy says on which camera, and by which list: 'canary: CAMERA' in one of its watchlists. Alerts about it are
    marked, and counted nowhere else.
    """
    from cluster.camera.publish import utc_now
    from cluster.canary.listed import be_listed
    from cluster.canary.probe import Probe
    from cluster.plan import read_plan
    from cluster.policies.desk import plan_now

    plan = plan_now(read_plan(file))
    policy, jpeg = plan.in_force.policy, image.read_bytes()
    place = _place(policy, watchlist)
    if not once:
        _check_every(every, policy, within)
    until = be_listed(plan, place, jpeg, by)
    click.echo(f"{place.camera}: the canary is on list {place.watchlist} until {until:%Y-%m-%d %H:%M} UTC", err=True)
    probe = Probe(place, jpeg, utc_now, within)
    with _served(listen, probe):
        while True:
            begun_s = time.monotonic()
            if policy.in_scope(place.camera, utc_now()):
                took_s = _walk(probe, plan.settings.kafka, within, 0.0 if once else every)
                if once:
                    raise SystemExit(0 if took_s is not None else 1)
            elif once:
                raise click.ClickException("outside the times of the policy: nothing is looked at now")
            time.sleep(max(0.0, begun_s + every - time.monotonic()))


def _walk(probe: "Probe", kafka: "KafkaSettings", within_s: float, every_s: float) -> float | None:
    """One passage, over connections of its own, and the wait for an alert that is too late."""
    from cluster.frame_publisher import KafkaFramePublisher
    from cluster.kafka_io import ALERTS, TopicReader

    begun_s = time.monotonic()
    try:
        with ExitStack() as stack:
            reader = stack.enter_context(closing(TopicReader(kafka, ALERTS, 0, 1, from_beginning=False)))
            publisher = stack.enter_context(closing(KafkaFramePublisher(kafka)))

            def read(timeout_s: float) -> list[bytes]:
                return [record.value for record in reader.poll(timeout_s)]

            read(0.0)  # from here on
            took_s = probe.walk(publisher, read)
            click.echo(f"{datetime.now(UTC):%H:%M:%S}  {_told(took_s, within_s)}")
            probe.wait(read, begun_s + every_s - time.monotonic())
    except BrokerUnavailable as unavailable:
        probe.fail()
        click.echo(f"{datetime.now(UTC):%H:%M:%S}  no passage: {unavailable}", err=True)
        return None
    return took_s


def _told(took_s: float | None, within_s: float) -> str:
    return f"no alert within {within_s:g} s" if took_s is None else f"alerted after {took_s:.2f} s"


def _place(policy: "Policy", watchlist: str | None) -> "Place":
    from cluster.canary.probe import place_of

    place = place_of(policy, watchlist)
    if place is None:
        found = ", ".join(policy.canaries) or "none"
        raise SettingsRefused(
            f"policy {policy.policy} does not say where the canary is (lists for one: {found}): give one of its lists "
            "'canary: CAMERA', the id of a camera that shows nobody, or name one with --list"
        )
    return place


def _check_every(every_s: float, policy: "Policy", within_s: float) -> None:
    from cluster.canary.probe import shortest_s

    if every_s < (least_s := shortest_s(policy, within_s)):
        raise click.BadParameter(
            f"{every_s:g} s: nobody is alerted about twice within the policy's cool-down; it takes {least_s:g} s or "
            "more from one passage to the next",
            param_hint="--every",
        )


@contextmanager
def _served(listen: str | None, probe: "Probe") -> Iterator[None]:
    """While Prometheus may fetch how it goes."""
    if listen is None:
        yield
        return
    from cluster.telemetry.scrape import ScrapeServer

    try:
        server = ScrapeServer(listen, probe.samples)
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{listen}: {error}; name an address that is free", param_hint="--listen") from None
    with closing(server):
        yield
