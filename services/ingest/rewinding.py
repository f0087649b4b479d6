"""Decides from where to read the feed again where the database knows less of it than the broker's group has committed.

A database that was restored, or a replica that was promoted before it had everything, has lost transactions whose offsets are
committed. Its own positions (timeline.feed_position) say how far it really is. Stores nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

Place = tuple[str, int]
"""Topic and partition."""


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

    def check(self, begins: Mapping[Place, int], known: Mapping[Place, int]) -> None:
        """Raise WentBackError where something between the database's position and `begins` was never stored there.

        Nothing may be there: a broker has forgotten it, or keeps marks of transactions there. Hence one attempt for each
        position, and none where this process itself has brought the database exactly there. A partition of which the
        database knows nothing is taken from where the group is.
        """
        back = {
            place: at
            for place, begin in begins.items()
            if begin > (at := known.get(place, 0)) > 0
            and self._advanced.get(place) != at
            and self._tried.get(place) != at
        }
        if back:
            self._tried |= back
            raise WentBackError(back)

    def advanced(self, offsets: Mapping[Place, int]) -> None:
        """The database has been brought here."""
        self._advanced |= offsets


def first_offsets(messages: Iterable[tuple[str, int, int]]) -> dict[Place, int]:
    """The first offset of each partition among messages (topic, partition, offset)."""
    found: dict[Place, int] = {}
    for topic, partition, offset in messages:
        found[topic, partition] = min(offset, found.get((topic, partition), offset))
    return found
