"""Decides from where to read the feed again where the database knows less of it than the broker's group has committed.

A database that was restored, or a replica that was promoted before it had everything, has lost transactions whose offsets are
committed. Its own positions (timeline.feed_position) say how far it really is. Stores nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Place = tuple[str, int]
"""Topic and partition."""
Gaps = dict[tuple[Place, int], int]
"""By partition and the database's position there: where the batch began that came next."""


class WentBackError(Exception):
    """The database lacks what lies before a batch: read from these offsets on."""

    def __init__(self, offsets: Mapping[Place, int]) -> None:
        super().__init__(f"{len(offsets)} partition(s) are read again from where the database is")
        self.offsets = dict(offsets)


class Rewinding:
    """Remembers how far this process has brought the database, and where it has already tried to read again."""

    def __init__(self) -> None:
        self._advanced: dict[Place, int] = {}
        self._tried: dict[Place, int] = {}
        self.passed: Gaps = {}
        """What was passed since somebody last looked."""

    def check(self, begins: Mapping[Place, int], known: Mapping[Place, int]) -> None:
        """Raise WentBackError where something between the database's position and `begins` was never stored there.

        Nothing may be there: a broker has forgotten it, or keeps marks of transactions there. Hence one attempt for each
        position, and none where this process itself has brought the database exactly there. A partition of which the
        database knows nothing is taken from where the group is.
        """
        gaps = {place: (at, begin) for place, begin in begins.items() if begin > (at := known.get(place, 0)) > 0}
        back = {
            place: at
            for place, (at, _) in gaps.items()
            if self._advanced.get(place) != at and self._tried.get(place) != at
        }
        if back:
            self._tried |= back
            raise WentBackError(back)
        self.passed |= {(place, at): begin for place, (at, begin) in gaps.items()}

    def advanced(self, offsets: Mapping[Place, int]) -> None:
        """The database has been brought here; should it be where it was once more, that is another loss."""
        self._advanced |= offsets
        for place in offsets:
            self._tried.pop(place, None)

    def forget(self, places: Iterable[Place]) -> None:
        """Others may have brought these further meanwhile, and they are read from where the group is."""
        for place in places:
            self._advanced.pop(place, None)
            self._tried.pop(place, None)


def lost(passed: Gaps, first: Mapping[Place, int]) -> dict[tuple[Place, int], int]:
    """Of gaps that were passed how many messages the broker had removed; `first`: the first offset that it has.

    Where it still has what lies in the gap there is nothing but marks of transactions.
    """
    found = {(place, at): min(begin, first[place]) - at for (place, at), begin in passed.items() if place in first}
    return {gap: messages for gap, messages in sorted(found.items()) if messages > 0}


def made_anew(known: Mapping[Place, int], ends: Mapping[Place, int]) -> list[str]:
    """The topics of which a partition ends before what was read of it: made anew, or cut by a broker that lost something.

    `known` was asked first. The offsets that follow stand for other messages than before: an unreadable one would be taken
    for the one that was there, until the feed's epoch is another.
    """
    return sorted({topic for (topic, partition), end in ends.items() if end < known.get((topic, partition), 0)})


def first_offsets(messages: Iterable[tuple[str, int, int]]) -> dict[Place, int]:
    """The first offset of each partition among messages (topic, partition, offset)."""
    found: dict[Place, int] = {}
    for topic, partition, offset in messages:
        found[topic, partition] = min(offset, found.get((topic, partition), offset))
    return found
