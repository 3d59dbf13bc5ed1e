"""A supervisor that has heard everything there is to hear."""

from dataclasses import replace
from typing import Any

from cluster.account import Account, NoMatch, Outcome, Shed
from cluster.ledger.checkpoint_keeper import Sealing
from cluster.measures import Work
from cluster.recogniser_status import RecogniserStatus
from cluster.stages import Stage
from cluster.status import READY, WATCHING, Member, PolicyShown
from cluster.telemetry.gpu import Gpu
from cluster.telemetry.heard import Heard
from cluster.telemetry.kept import Kept
from cluster.telemetry.process import Process
from cluster.watchlists.feed import FeedStatus
from cluster.watchlists.timing import Timing
from operators.types import Generation
from tests.builders import NOW, record

NODE = "node-1"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PROCESS = Process(NODE, 5_000, 1.5, Gpu(1_000, 2_000, 0.5))
WORK = Work(busy_s=2.0, waiting_bytes=10, in_flight=3, paused=1, waits_for_ledger=True, lag_s={"0": 0.5})


def busy_account() -> Account:
    """An account in which everything has happened."""
    account = Account(objective_s=0.1)
    account.take_in(4)
    account.decided("gate", NOW, 5.0)
    account.close(Outcome.NO_MATCH, NoMatch.NO_FACE)
    account.shed(Shed.TOO_OLD, 2)
    account.give_back()
    account.faces["compared"] += 1
    account.dropped(1, 120, 2000)
    account.slow["gate"] += 1
    account.measures.sighted("gate", "sought", "alert")
    account.measures.alerted("gate", "sought", 0.3, NOW.timestamp(), TRACE)
    account.measures.stages.took(Stage.DECODE, 0.004)
    account.measures.stages.failed(Stage.SEARCH)
    return account


def recogniser(account: Account, **changes: Any) -> RecogniserStatus:
    """Recogniser 0 with that account, at work on a GPU."""
    about = (7, NODE, WATCHING, {0: 2}, 4.0, 7, "d" * 64, "CUDA", 1, None, account.summary())
    status = RecogniserStatus(0, *about, measured=account.measures.measured, work=WORK, process=PROCESS)
    return replace(status, **changes)


def holder() -> FeedStatus:
    """A shard to whose list somebody was added, and from which somebody was withdrawn."""
    timing = Timing()
    timing.has_come([record(b"entry"), record(b"")])
    timing.took_effect(NOW)
    with timing.search():
        pass
    return FeedStatus(
        generation=Generation(0, 2, 9, "f" * 64),
        entries=5,
        foreign=1,
        invalid=2,
        restored=0,
        trouble=None,
        pid=8,
        size_bytes=640,
        searches=timing.searches,
        effects=timing.effects,
        last_effect_s=timing.last_effect_s,
        waiting_s=timing.waiting_s(NOW),
        process=PROCESS,
    )


def heard(*members: Member, **changes: Any) -> Heard:
    """These members, or a recogniser and a shard that are at work."""
    everyone = members or (
        Member("shard-0-of-2-r1", READY, holder()),
        Member("recogniser-0", WATCHING, recogniser(busy_account())),
    )
    found = Heard(
        deployment="test",
        at_s=NOW.timestamp(),
        objective_s=0.1,
        members=everyone,
        nodes={member.name: NODE for member in everyone if member.status},
        ended={member.name: 1 for member in everyone},
        wanted=1,
        policy=PolicyShown(7, "d" * 64, late=1, apart_s=2.5, ends={"end": 4e9}, cameras={"gate": True, "hall": False}),
        sealing=Sealing(NOW.timestamp(), 12),
        kept=[Kept("frames", 3600.0, 1800.0, 60.0), Kept("watchlist", 3600.0, float("inf"), None)],
        pushes={"sent": 3},
    )
    return replace(found, **changes)
