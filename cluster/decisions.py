"""From hits to alerts: what has been seen before, and what others have alerted about."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import compress

import numpy as np

from cluster.account import CANARY, CANDIDATE, Account, NoMatch, Outcome
from cluster.admission_queue import Admitted
from cluster.endings import Endings
from cluster.holds import Holds
from cluster.intake import Intake
from cluster.ledger.writer import LedgerWriter
from cluster.offsets import OffsetTracker
from cluster.ports import Clock
from cluster.results import Results
from cluster.scope import Scope
from cluster.stages import Stage
from cluster.telemetry.journal import Journal
from cluster.wire.alerts import About, parse_told
from operators.decide import match
from operators.sightings import Sighting, Sightings, Verdict
from operators.types import Hit
from operators.vision import Seen


class Decisions:
    """Decides frame by frame. Not thread-safe.

    Args:
        ledger: This process' chain: without it no alert.
        results: Where alerts and their evidence are written.
        offsets: Where frames are held while what they began has not ended.
        endings: Where frames end.
        intake: Where those go that may not be decided any more.
        scope: By which policy.
        account: Where frames are accounted for.
        clock: The time.
        journal: Where it is noted what happened to each frame when.

    Attributes:
        holds: Frames that wait although their outcome is known.
        sightings: Passages and cool-downs.
    """

    def __init__(
        self,
        ledger: LedgerWriter,
        results: Results,
        offsets: OffsetTracker,
        endings: Endings,
        intake: Intake,
        scope: Scope,
        account: Account,
        clock: Clock,
        journal: Journal,
    ) -> None:
        self._ledger = ledger
        self._results = results
        self._endings = endings
        self._intake = intake
        self._scope = scope
        self._account = account
        self._stages = account.measures.stages
        self._clock = clock
        self._journal = journal
        self._told = set[About]()
        self.holds = Holds(offsets, scope.policy.sightings)
        self.sightings = Sightings(scope.policy.sightings)

    def adopt(self) -> None:
        """Go by the policy that is in force by now: passages and cool-downs go on, counts begin anew."""
        self.sightings.adopt(self._scope.policy.sightings)
        self.holds.adopt(self._scope.policy.sightings)

    @property
    def recall_from(self) -> datetime:
        """Alerts that were written earlier are of no importance to `recall`: their cool-downs are over."""
        policy = self._scope.policy
        quiet = timedelta(seconds=policy.sightings.cool_down_s)
        replayed = timedelta(milliseconds=policy.max_frame_age_ms + policy.sightings.passage_gap_ms)
        return self._clock.now() - quiet - replayed

    def recall(self, alerts: Iterable[bytes]) -> None:
        """Take over what others have alerted about: it is neither alerted again nor written again.

        Args:
            alerts: Everything that was written to the alerts topic since `recall_from`, in its order.
        """
        self._told = set()
        for told in filter(None, map(parse_told, alerts)):
            if told.deployment == self._results.context.deployment:
                self._told.add(told.about)
                box, key = np.array(told.box, np.float32), (told.about.watchlist, told.about.entry)
                self.sightings.recall(told.camera, key, told.passage, box, told.captured_at)

    def decide(self, admitted: Admitted, seen: Seen, hits: Sequence[Sequence[Hit]], detected_at: datetime) -> int:
        """From hits to alerts, or to the reason why there is none; how many faces led to alerts.

        Args:
            admitted: The frame.
            seen: Its faces.
            hits: Of each face.
            detected_at: When it was looked at.
        """
        if self._intake.is_barred(admitted):
            return 0
        frame, began_ns = admitted[1], self._journal.now_ns()
        self._journal.at_hand(frame.ref)
        matches = [match(found, frame.camera, self._scope.policy.watchlists) for found in hits]
        sightings = self.sightings.update(frame.camera, frame.ref, frame.captured_at, seen.faces.boxes, matches)
        due = [sighting for sighting in sightings if sighting.verdict is Verdict.ALERT]
        self._account.faces.update(seen.gated)
        self._account.faces["compared"] += len(seen.faces)
        age_ms = (self._clock.now() - frame.captured_at).total_seconds() * 1000
        self._account.decided(frame.camera, frame.captured_at, age_ms)
        self._account.sighted(frame.camera, sightings)
        self._journal.decided(frame.ref, began_ns, age_ms)
        self._stages.took(Stage.DECIDE, ((decided_ns := self._journal.now_ns()) - began_ns) / 1e9)
        alerts = [self._results.alert(frame, seen, one, detected_at) for one in due]
        untold = [alert.about not in self._told for alert in alerts]
        with self._stages.watched(Stage.EVIDENCE):
            named = self._results.keep_evidence(frame, seen, list(compress(alerts, untold)))
        if due:
            with self._stages.watched(Stage.EVIDENCE):
                self._ledger.prove()
            self._journal.proven(frame.ref)
            self._stages.took(Stage.EVIDENCE, (self._journal.now_ns() - decided_ns) / 1e9)
            if self._intake.is_barred(admitted):  # while its evidence was on its way, or the ledger was waited for
                self.sightings.take_back(frame.camera, frame.ref, list(compress(due, untold)))
                return 0
        done = [frame.ref, *self.holds.keep(frame, self.sightings.waits_for(frame.camera), detected_at)]
        if due:
            self._endings.close(done, Outcome.ALERTED, _why(due), self._results.send(named))
        else:
            self._endings.close(done, Outcome.NO_MATCH, _why_not(seen, sightings))
        return len({sighting.face for sighting in due})


def _why(due: Sequence[Sighting]) -> str:
    """Whether an alert of a frame is about somebody who is sought."""
    return CANARY if all(sighting.match.is_canary for sighting in due) else CANDIDATE


def _why_not(seen: Seen, sightings: Sequence[Sighting]) -> NoMatch:
    """The farthest stage any face of the frame reached."""
    if any(sighting.verdict is Verdict.REPEATED for sighting in sightings):
        return NoMatch.REPEATED
    if sightings:
        return NoMatch.UNCONFIRMED
    if len(seen.faces):
        return NoMatch.BELOW_THRESHOLD
    return NoMatch.GATED if seen.gated else NoMatch.NO_FACE
