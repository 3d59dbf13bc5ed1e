"""`beholden notice`: the public notice of a deployment."""

from pathlib import Path

import click

from cluster.cli.options import cluster_file


@click.command()
@cluster_file
@click.option("--format", "form", type=click.Choice(["md", "html"]), default="md", show_default=True)
@click.option("--draft", is_flag=True, help="From the cluster file's policy; no Kafka is asked.")
def notice(file: Path, form: str, draft: bool) -> None:
    """Print the public notice: who watches whom, where, when, why, and for how long anything is kept.

    It is made of the policy in force. The cluster file may name an older one, or one that nobody has agreed to.
    """
    from cluster.clocks import SystemClock
    from cluster.plan import read_plan
    from cluster.privacy.notice import as_html, as_markdown
    from cluster.privacy.notice import notice as sections_of

    plan = read_plan(file)
    if not draft:
        from cluster.policies.desk import plan_now

        plan = plan_now(plan)
    sections = sections_of(plan.in_force, plan.retention(SystemClock().now()))
    click.echo(as_html(sections) if form == "html" else as_markdown(sections), nl=False)
