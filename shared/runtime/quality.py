"""What the feed's data are like, as counted: unmapped codes and conformance. Holds no patient; decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import msgspec

from shared.conformance import Fault, Summary
from shared.runtime.postgres import Connection, Pool, queries


class UnmappedCode(msgspec.Struct, frozen=True):
    """A code that nobody knew when it came, and how many delivered resources had it."""

    site: str
    resource_type: str
    system: str
    code: str
    resources: int
    first_seen_at: datetime
    last_seen_at: datetime


class Conformance(NamedTuple):
    """What is summarised together."""

    site: str
    resource_type: str
    profile: str


@dataclass
class Judgements:
    """What judging found, to be added to what was found before."""

    judged: Counter[Conformance] = field(default_factory=Counter)
    not_conformant: Counter[Conformance] = field(default_factory=Counter)
    unjudged: Counter[Conformance] = field(default_factory=Counter)
    issues: Counter[tuple[Conformance, str, str]] = field(default_factory=Counter)
    """By element and kind of fault."""

    def add(self, other: Judgements) -> None:
        """Count these too."""
        self.judged += other.judged
        self.not_conformant += other.not_conformant
        self.unjudged += other.unjudged
        self.issues += other.issues


async def unmapped(connection: Connection | Pool, site: str | None, least: int) -> list[UnmappedCode]:
    """The unmapped codes of a site, or of all, the most frequent first."""
    return [UnmappedCode(**dict(r)) for r in await connection.fetch(queries("quality")["unmapped"], site, least)]


async def conformance(connection: Connection | Pool, site: str | None) -> tuple[list[Summary], list[Fault]]:
    """How much of a site, or of all, conforms, and the faults, the most frequent first."""
    sql = queries("quality")
    summaries = [Summary(**dict(r)) for r in await connection.fetch(sql["conformance"], site)]
    return summaries, [Fault(**dict(r)) for r in await connection.fetch(sql["issues"], site)]


async def count_judgements(pool: Pool, found: Judgements) -> None:
    """Add to the summary."""
    of = sorted({*found.judged, *found.unjudged})
    if not of:
        return
    rows = [(*o, found.judged[o], found.not_conformant[o], found.unjudged[o]) for o in of]
    issues = [(*o, path, issue, n) for (o, path, issue), n in sorted(found.issues.items())]
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries("quality")["count_conformance"], *_columns(rows))
        if issues:
            await connection.execute(queries("quality")["count_issues"], *_columns(issues))


def _columns(rows: Sequence[tuple[str | int, ...]]) -> list[list[str | int]]:
    return [list(column) for column in zip(*rows, strict=True)]
