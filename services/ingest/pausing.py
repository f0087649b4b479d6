"""Decides when a site's messages are so often unreadable that it is paused, and from which message on they are held.

Does not hold them, and decides nothing about any other site.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.ingest.batch import Delivered, is_counted
from shared.fhir.reading import Rejected

READABLE: Final = "."
UNREADABLE: Final = "x"


@dataclass(frozen=True)
class Limits:
    """So many unreadable among the last `window` messages, or in a row, pause a site; 0: never for that reason."""

    window: int = 1000
    bad_in_window: int = 500
    bad_in_a_row: int = 200
    held: int = 100_000
    """Most messages held of one site; further ones are kept as dead letters, unread."""

    @property
    def remembered(self) -> int:
        """How many messages back the rule looks."""
        return max(self.window, self.bad_in_a_row)

    @property
    def fewest(self) -> int:
        """How many unreadable messages it takes at least, so that a readable feed is not looked through again and again."""
        return min(filter(None, (self.bad_in_window, self.bad_in_a_row)), default=0)

    def broken_by(self, recent: str) -> str | None:
        """Why a site with these last messages, oldest first, must be paused; None where it need not."""
        if self.bad_in_a_row and recent.endswith(UNREADABLE * self.bad_in_a_row):
            return f"{self.bad_in_a_row} messages in a row could not be read"
        last = recent[-self.window :] if self.window else ""
        bad = last.count(UNREADABLE)
        if self.bad_in_window and len(last) == self.window and bad >= self.bad_in_window:
            return f"{bad} of the last {self.window} messages could not be read"
        return None


@dataclass(frozen=True)
class Split:
    """A batch divided: what is processed, what is held, and what each site's messages were like."""

    go_on: list[list[Delivered]] = field(default_factory=list)
    held: list[Delivered] = field(default_factory=list)
    """The first resource of each message that is held."""
    news: dict[str, str] = field(default_factory=dict)
    """Per site, its processed messages as `recent` writes them."""
    broken: dict[str, str] = field(default_factory=dict)
    """Sites that broke a limit, and which."""


def is_bad(delivered: Sequence[Delivered]) -> bool:
    """Whether a message counts as unreadable: half or more of what it delivers was rejected."""
    rejected = sum(isinstance(d.reading, Rejected) for d in delivered)
    return bool(delivered) and 2 * rejected >= len(delivered)


def split(
    read: Iterable[list[Delivered]],
    recent: Mapping[str, str],
    paused: Collection[str],
    limits: Limits,
    counted: Mapping[tuple[str, int], int],
) -> Split:
    """Process a batch in order until a site breaks a limit; hold that site's messages from then on.

    A message delivered again, and counted before, says nothing new about its site and is processed again.
    """
    found, fewest = Split(), limits.fewest
    bad = Counter({site: last.count(UNREADABLE) for site, last in recent.items()})
    for delivered in read:
        site = delivered[0].site if delivered and not is_counted(delivered[0].message, counted) else None
        if site is None:
            found.go_on.append(delivered)
        elif site in paused or site in found.broken:
            found.held.append(delivered[0])
        else:
            found.go_on.append(delivered)
            mark = UNREADABLE if is_bad(delivered) else READABLE
            bad[site] += mark == UNREADABLE
            found.news[site] = found.news.get(site, "") + mark
            if bad[site] >= fewest and (limit := limits.broken_by(recent.get(site, "") + found.news[site])) is not None:
                found.broken[site] = limit
    return found


def because(limit: str, site: str, delivered: Iterable[Sequence[Delivered]]) -> str:
    """The limit that a site broke, with the most frequent fault of its newest messages: reason and field, no value."""
    faults = Counter(
        (d.reading.reason.value, d.reading.path)
        for ds in delivered
        for d in ds
        if d.site == site and isinstance(d.reading, Rejected)
    )
    if not faults:
        return limit
    (reason, path), _ = min(faults.items(), key=lambda item: (-item[1], item[0]))
    return f"{limit}; most often: {reason} at {path}"
