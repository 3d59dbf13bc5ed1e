"""The `beholden` command. Each group of commands is a file of its own, loaded when it is called."""

import importlib
import signal
import sys
from importlib.metadata import entry_points

import click

from operators.errors import BeholdenError

GROUPS = {
    "alerts": ("cluster.cli.alerts", "Read alerts."),
    "boards": ("cluster.cli.boards", "Write dashboards for Grafana and alarms for Prometheus."),
    "broker": ("cluster.cli.broker", "Run a Kafka broker on this machine, without Docker."),
    "camera": ("cluster.cli.camera", "Publish frames."),
    "canary": ("cluster.cli.canary", "Show that alerts come, by somebody who exists only for it."),
    "doctor": ("cluster.cli.doctor", "Check this machine and say what to do."),
    "down": ("cluster.cli.lifecycle", "Take a cluster down; every recogniser finishes its frames first."),
    "drain": ("cluster.cli.lifecycle", "Take recognisers out of work without losing a frame, and bring them back."),
    "explain": ("cluster.cli.explain", "Decide an alert again from its records, step by step."),
    "keys": ("cluster.cli.keys", "Make the secret keys of a deployment."),
    "ledger": ("cluster.cli.ledger", "Read the ledger, and prove that nothing was changed or taken out."),
    "notice": ("cluster.cli.notice", "Print the public notice of a deployment."),
    "observe": ("cluster.cli.observe", "Run Prometheus and a small collector on this machine, until Ctrl-C."),
    "policy": ("cluster.cli.policy", "Check policies, sign them, put them in force, and see which were when."),
    "restart": ("cluster.cli.lifecycle", "Start recognisers anew, one after the other, without losing a frame."),
    "resume": ("cluster.cli.orders", "Resume after a stop; it takes two people."),
    "retention": ("cluster.cli.retention", "Check how long things are kept, and end what is kept."),
    "status": ("cluster.cli.lifecycle", "Show a running cluster."),
    "stop": ("cluster.cli.orders", "Stop alerting everywhere within five seconds."),
    "trace": ("cluster.cli.trace", "Show the way of one frame, from its camera to its alert, and where its time went."),
    "up": ("cluster.cli.lifecycle", "Bring a cluster up and wait until it watches."),
    "watchlist": ("cluster.cli.watchlist", "Put people who are sought on lists, take them off, and account for both."),
}
# Commands of higher layers are found as entry points. Their texts stand here because loading them loads Kafka and the
# models: a second in which `--help` would say nothing.
ABOVE = {
    "bench": "Measure how fast it is, as ratios that hold on any machine.",
    "demo": "Show it all on this machine: broker, cluster, two cameras, alerts held against the truth.",
    "evaluate": "Measure how well the models of a policy find and recognise people who do not exist.",
    "people": "Look at the people who do not exist, on whom everything here is run and tested.",
}


class _Lazy(click.Group):
    """Loads a command's file only when it is needed: `--help` must not wait for Ray, Kafka and the models."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, those of higher layers included."""
        return sorted([*GROUPS, *entry_points(group="beholden.commands").names])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name in GROUPS:
            found: click.Command = getattr(importlib.import_module(GROUPS[cmd_name][0]), cmd_name)
            return found
        for entry in entry_points(group="beholden.commands", name=cmd_name):
            loaded: click.Command = entry.load()
            return loaded
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without loading any."""
        rows = [(name, text) for name, (_, text) in GROUPS.items()]
        above = entry_points(group="beholden.commands").names
        rows += [(name, ABOVE.get(name, f"See 'beholden {name} --help'.")) for name in above]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="beholden")
def beholden() -> None:
    """An accountable face-recognition cluster for live cameras."""


def main() -> None:
    """Entry point: errors raised on purpose become one line and exit status 1.

    A termination is taken as Ctrl-C, so that a command takes down what it has begun.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(beholden.main(standalone_mode=False) or 0)
    except BeholdenError as error:
        click.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
