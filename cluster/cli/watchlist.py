"""`beholden watchlist`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from cluster.cli.options import Time, cluster_file, kafka_place


@click.group()
def watchlist() -> None:
    """Enrol people who are sought, and withdraw them."""


@watchlist.command()
@cluster_file
@click.option(
    "--image", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True, help="JPEG, one face."
)
@click.option("--entry", "ref", required=True, metavar="REF", help="Opaque reference, never a name.")
@click.option("--list", "name", required=True, help="One of the policy's lists.")
@click.option("--not-after", type=Time(), required=True, help="End of the entry: a time, or days from now as 30d.")
@click.option("--source", required=True, help="Where the image is from and why it is lawfully held.")
@click.option("--authority", required=True, help="Who decided that this person is sought.")
@click.option("--bootstrap", metavar="HOST:PORT", help="Kafka to use, instead of the cluster file's.")
def enrol(
    file: Path,
    image: Path,
    ref: str,
    name: str,
    not_after: datetime,
    source: str,
    authority: str,
    bootstrap: str | None,
) -> None:
    """Put one person on a list. Running recognisers search for them within a second."""
    from cluster.enrol import Person
    from cluster.enrol import enrol as make_record
    from cluster.kafka_admin import ensure_topics
    from cluster.kafka_io import WATCHLIST, write_one
    from cluster.plan import open_vision, read_plan
    from cluster.settings import kafka_from_cli

    plan = read_plan(file)
    kafka = kafka_from_cli(file, bootstrap)
    person = Person(ref, name, source, authority, not_after)
    record = make_record(image.read_bytes(), person, plan, open_vision(plan), datetime.now(UTC))
    ensure_topics(kafka)
    write_one(kafka, WATCHLIST, ref, record)
    click.echo(f"enrolled {ref} on {name} until {not_after:%Y-%m-%d %H:%M} UTC")


@watchlist.command()
@kafka_place
@click.option("--entry", "ref", required=True, metavar="REF", help="Reference it was enrolled under.")
def withdraw(file: Path | None, bootstrap: str | None, ref: str) -> None:
    """Take one person off: no frame that is processed a second from now alerts about them."""
    from cluster.kafka_io import WATCHLIST, write_one
    from cluster.settings import kafka_from_cli

    write_one(kafka_from_cli(file, bootstrap), WATCHLIST, ref, b"")
    click.echo(f"withdrawn {ref}")
