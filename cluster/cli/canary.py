"""`beholden canary`."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cluster.cli.options import cluster_file
from operators.errors import BrokerUnavailable

if TYPE_CHECKING:
    from cluster.canary.permit import Permit
    from cluster.canary.probe import Probe


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
    from cluster.canary.permit import Permit
    from cluster.canary.probe import NotShown, Probe
    from cluster.plan import read_plan
    from cluster.privacy.core_dumps import no_core_dumps

    no_core_dumps()
    jpeg = image.read_bytes()
    permit = Permit(read_plan(file), watchlist, jpeg, by, within, None if once else every, utc_now())
    place, until = permit.place, permit.listed_until
    click.echo(f"{place.camera}: the canary is on list {place.watchlist} until {until:%Y-%m-%d %H:%M} UTC", err=True)
    probe = Probe(place, jpeg, utc_now, within)
    with _served(listen, probe):
        if once:
            if halted := permit.ask(utc_now()):
                raise click.ClickException(f"nothing is looked at now: {halted}")
            try:
                took_s = _walk(probe, permit, within, 0.0)
            except NotShown as halted_meanwhile:
                raise click.ClickException(f"nothing is looked at now: {halted_meanwhile}") from None
            raise SystemExit(0 if took_s is not None else 1)
        while True:
            begun_s = time.monotonic()
            _round(probe, permit, within, every)
            time.sleep(max(0.0, begun_s + every - time.monotonic()))


def _round(probe: "Probe", permit: "Permit", within_s: float, every_s: float) -> None:
    """One passage, unless nothing is looked at now; while Kafka does not say so, what it said before counts."""
    from cluster.camera.publish import utc_now
    from cluster.canary.probe import NotShown

    begun_s, before = time.monotonic(), permit.halted
    probe.expect(every_s + within_s)
    try:
        halted = permit.ask(utc_now())
    except BrokerUnavailable as unavailable:
        if before is None:
            _tell_failed(probe, unavailable)
        return
    if halted is None:
        try:
            _walk(probe, permit, within_s, begun_s + every_s - time.monotonic())
        except NotShown as meanwhile:
            click.echo(f"{datetime.now(UTC):%H:%M:%S}  the passage does not count: {meanwhile}", err=True)
    elif halted != before:
        click.echo(f"{datetime.now(UTC):%H:%M:%S}  no passages: {halted}", err=True)


def _walk(probe: "Probe", permit: "Permit", within_s: float, every_s: float) -> float | None:
    """One passage, over connections of its own, and the wait for an alert that is too late."""
    from cluster.camera.publish import utc_now
    from cluster.frame_publisher import KafkaFramePublisher
    from cluster.kafka.reader import TopicReader
    from cluster.kafka.topics import ALERTS

    kafka = permit.plan.settings.kafka
    begun_s, took_s, is_over = time.monotonic(), None, False
    try:
        with ExitStack() as stack:
            reader = stack.enter_context(closing(TopicReader(kafka, ALERTS, 0, 1, from_beginning=False)))
            publisher = stack.enter_context(closing(KafkaFramePublisher(kafka)))

            def read(timeout_s: float) -> list[bytes]:
                return [record.value for record in reader.poll(timeout_s)]

            read(0.0)  # from here on
            took_s, is_over = probe.walk(publisher, read, lambda: permit.ask_again(utc_now())), True
            click.echo(f"{datetime.now(UTC):%H:%M:%S}  {_told(took_s, within_s)}")
            probe.wait(read, begun_s + every_s - time.monotonic())
    except BrokerUnavailable as unavailable:
        if is_over:  # it is counted already
            click.echo(f"{datetime.now(UTC):%H:%M:%S}  late alerts are not looked for: {unavailable}", err=True)
        else:
            _tell_failed(probe, unavailable)
    return took_s


def _tell_failed(probe: "Probe", unavailable: BrokerUnavailable) -> None:
    probe.fail()
    click.echo(f"{datetime.now(UTC):%H:%M:%S}  no passage: {unavailable}", err=True)


def _told(took_s: float | None, within_s: float) -> str:
    return f"no alert within {within_s:g} s" if took_s is None else f"alerted after {took_s:.2f} s"


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
