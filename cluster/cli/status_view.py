"""How a running cluster is shown, in a terminal and to machines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from cluster.account import CANARY
from cluster.privacy.nonmatches import p99_ms
from cluster.recogniser_status import STANDING_BY, RecogniserStatus
from cluster.settings import ClusterSettings
from cluster.shards.layout import Layout
from cluster.status import READY, WATCHING, ClusterStatus, Member
from cluster.watchlists.feed import FeedStatus
from operators.types import Generation

_DIGITS = 8  # of a digest: enough to tell two versions apart at a glance
_LANES = ("recogniser", "state", "node", "pid", "partitions", "lag", "frames/s", "frames", "alerts", "policy")
# What a narrow terminal does without, one after the other; --json has all of it.
_LEFT_OUT = ("pid", "policy", "invalid", "foreign", "generation", "asks", "entries", "frames/s", "node", "lag")
_STATE_WIDTH = 20  # that a state gets at least, or what it needs; a longer one is broken into lines
_GAP = 2


def document(status: ClusterStatus) -> dict[str, Any]:
    """What `beholden status --json` prints."""
    members = [
        {"name": member.name, "state": member.state, "status": asdict(member.status) if member.status else None}
        for member in status.members
    ]
    policy = asdict(status.policy) if status.policy else None
    about = {"cluster": status.plan.settings.cluster, "ready": status.is_ready, "ledger": status.ledger}
    return {**about, "policy": policy, "members": members}


def show(status: ClusterStatus, console: Console) -> None:
    """Print recognisers, index shards and the account of all frames.

    While the watchlist is divided anew, the shards of both layouts are there, and each recogniser's row says which it
    asks.
    """
    settings, policy = status.plan.settings, status.policy
    in_force = f"policy {policy.number} ({policy.digest[:_DIGITS]})" if policy else "policy not known"
    console.print(
        f"[bold]{settings.cluster}[/]  {in_force}  "
        f"kafka {settings.kafka.bootstrap}  index {settings.index.placement}{_division(settings.index.layout)}  "
        f"device {settings.device}{_searched_on(settings)}"
    )
    for alarm in policy.alarms if policy else ():
        console.print(f"[bold red]alarm:[/] {escape(alarm)}")
    if policy and policy.halted:
        console.print(f"[yellow]nothing is looked at:[/] {escape(policy.halted)}")
    lanes = [member for member in status.members if member.name.startswith("recogniser")]
    shards = [member for member in status.members if member.name.startswith("shard")]
    if shards:
        console.print(_shards(shards, console.width))
    console.print(_lanes(lanes, bool(shards), console.width))
    accounts = [m.status.account for m in lanes if isinstance(m.status, RecogniserStatus)]
    console.print(account_line(accounts))
    console.print(nonmatch_line(accounts))
    console.print(f"ledger: {status.ledger}", highlight=False)


def account_line(accounts: Sequence[Mapping[str, Any]]) -> str:
    """Where all frames went, in one line that must add up."""
    total = sum(account["frames_in"] for account in accounts)
    parts = []
    for outcome in ("alerted", "no_match", "shed", "dead_lettered"):
        reasons: dict[str, int] = {}
        for account in accounts:
            for reason, count in account[outcome].items():
                reasons[reason] = reasons.get(reason, 0) + count
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        named = f" ({why})" if why and (outcome != "alerted" or CANARY in reasons) else ""
        parts.append(f"{outcome.replace('_', '-')} {sum(reasons.values())}{named}")
    parts.append(f"in hand {sum(account['open'] for account in accounts)}")
    return f"frames in {total} = " + " + ".join(parts)


def nonmatch_line(accounts: Sequence[Mapping[str, Any]]) -> str:
    """How long faces existed that led to no alert, and whether that was ever longer than the policy allows."""
    lived = Counter[int]()
    for account in accounts:
        lived.update({int(ms): faces for ms, faces in account["lives_ms"].items()})
    late = sum(account["late_drops"] for account in accounts)
    longest = max((account["longest_life_ms"] for account in accounts), default=0)
    ceiling = max((account["life_ceiling_ms"] for account in accounts), default=0)
    times = f", 99 % within {p99_ms(lived)} ms, all within {longest} ms ({ceiling} ms allowed)" if lived else ""
    alarm = f"  [bold red]{late} batches took longer[/]" if late else ""
    return f"faces without an alert: {lived.total()} dropped{times}{alarm}"


def _lanes(members: Sequence[Member], sharded: bool, width: int) -> Table:
    rows = []
    for member in members:
        status = member.status
        if not isinstance(status, RecogniserStatus):
            last = f": {member.departure}" if member.departure else ""
            rows.append({"recogniser": member.name, "state": _state(member.state + last)})
            continue
        row = {
            "recogniser": member.name,
            "state": _state(member.state),
            "node": status.node,
            "pid": str(status.pid),
            "partitions": _ranges(sorted(status.partitions)),
            "lag": str(sum(status.partitions.values())),
            "frames/s": f"{status.frames_per_s:.1f}",
            "frames": str(status.account["frames_in"]),
            "alerts": str(status.account["alerts"]),
            "policy": status.policy_digest[:_DIGITS],
        }
        if status.layout:
            row["asks"] = _division(status.layout).strip()
        if status.index:
            row |= _index_columns(status.index)
        rows.append(row)
    columns = (*_LANES, "asks") if sharded else (*_LANES, "entries", "foreign", "invalid", "generation")
    return _table(columns, rows, width)


def _shards(members: Sequence[Member], width: int) -> Table:
    rows = []
    for member in members:
        status = member.status
        if not isinstance(status, FeedStatus):
            rows.append({"index shard": member.name, "state": _state(member.state)})
            continue
        about = {"index shard": member.name, "state": _state(member.state), "pid": str(status.pid)}
        node = {"node": status.process.node} if status.process else {}
        rows.append(about | node | _index_columns(status))
    return _table(("index shard", "state", "node", "pid", "entries", "generation", "foreign", "invalid"), rows, width)


def _index_columns(status: FeedStatus) -> dict[str, str]:
    counts = {"entries": status.entries, "foreign": status.foreign, "invalid": status.invalid}
    return {name: str(count) for name, count in counts.items()} | {"generation": _generation(status.generation)}


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, str]], width: int) -> Table:
    """As many columns as there is room for; machines only where there are several."""
    shown = [name for name in columns if name != "node" or len({row.get("node") for row in rows} - {None}) > 1]
    cells = {name: [name, *(Text.from_markup(row.get(name, "")).plain for row in rows)] for name in shown}
    needs = {name: max(map(cell_len, cells[name])) for name in shown}
    needs["state"] = min(needs["state"], _STATE_WIDTH)
    for name in _LEFT_OUT:
        if name in shown and sum(needs[each] + _GAP for each in shown) - _GAP > width:
            shown.remove(name)
    table = Table(box=None, pad_edge=False)
    for name in shown:
        is_text = name in ("recogniser", "index shard", "state", "node", "partitions", "policy", "generation", "asks")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=name != "state")
    for row in rows:
        table.add_row(*(row.get(name, "") for name in shown))
    return table


def _ranges(numbers: Sequence[int]) -> str:
    """Whole numbers in order, neighbours joined: 0-3,6."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs) or "-"


def _searched_on(settings: ClusterSettings) -> str:
    return "" if settings.index_device is settings.device else f", the list on {settings.index_device}"


def _division(layout: Layout | None) -> str:
    return f" {layout.shards} x {layout.replicas}" if layout else ""


def _generation(generation: Generation | None) -> str:
    return f"{generation.number} ({generation.digest[:_DIGITS]})" if generation else "-"


def _state(state: str) -> str:
    return f"[green]{state}" if state in (READY, WATCHING, STANDING_BY) else f"[yellow]{escape(state)}"
