"""How many more people a list takes: a policy says how long it may become."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from cluster.wire.entries import EntryRecord
from operators.errors import EnrolmentReason, EnrolmentRefused
from operators.policy import Policy


def living(there: Mapping[str, EntryRecord], watchlist: str, now: datetime) -> set[str]:
    """References of the entries of a list that have not ended."""
    return {
        ref for ref, record in there.items() if record.entry.watchlist == watchlist and record.entry.not_after > now
    }


class Vacancies:
    """The places that are left on a policy's lists. Not thread-safe.

    Whoever is enrolled anew takes no second place. An entry that ends after `now` leaves its own to whoever asks then.
    """

    def __init__(self, policy: Policy, there: Mapping[str, EntryRecord], now: datetime) -> None:
        """Count who is on the lists.

        Args:
            policy: The one in force.
            there: Everybody who is on a list, by reference.
            now: UTC-aware.
        """
        self._most = {name: rule.most_entries for name, rule in policy.watchlists.items()}
        self._refs = {name: living(there, name, now) for name in self._most}

    def left(self, watchlist: str) -> int:
        """How many more people this list of the policy takes."""
        return max(0, self._most[watchlist] - len(self._refs[watchlist]))

    def check(self, ref: str, watchlist: str) -> None:
        """Refuse a person for whom there is no place. A list that the policy does not have is refused elsewhere.

        Raises:
            EnrolmentRefused: The list is full, or longer than it may be.
        """
        if watchlist in self._most and ref not in self._refs[watchlist] and not self.left(watchlist):
            detail = (
                f"{watchlist} has {len(self._refs[watchlist])} entries that have not ended, and the policy allows "
                f"{self._most[watchlist]}; withdraw whom nobody seeks any more ('beholden watchlist "
                "withdraw'), or propose a policy that allows more"
            )
            raise EnrolmentRefused(EnrolmentReason.LIST_FULL, detail)

    def take(self, ref: str, watchlist: str) -> None:
        """Give a person a place, and free the one they had on another list.

        Raises:
            EnrolmentRefused: As `check`.
        """
        self.check(ref, watchlist)
        for name, refs in self._refs.items():
            refs.discard(ref)
            if name == watchlist:
                refs.add(ref)

    def shortfalls(self, wanted: Mapping[str, Collection[str]]) -> Iterator[str]:
        """What is to be said before many are enrolled: of each list that does not take them all, how many fit.

        Args:
            wanted: References by list.
        """
        for name in sorted(set(wanted) & set(self._most)):
            there, left = self._refs[name], self.left(name)
            new = len(set(wanted[name]) - there)
            if new > left:
                yield (
                    f"{name}: {new} people are to come, and {left} {'fits' if left == 1 else 'fit'}: the policy allows "
                    f"{self._most[name]} entries, and {len(there)} have not ended"
                )
