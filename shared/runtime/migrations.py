"""The schema's steps: `pre` before a release starts, `post` after the one before has stopped. Holds what each step is, not why.

A step is a file of `sql/migrations/`, forward only and in a transaction of its own. One whose first line is `-- phase: post`
takes something away that the release before still uses; every other is `pre`: it only adds. A service refuses a database that
lacks a `pre` step of its own release, or has a `post` step that it does not know.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import asyncpg

from shared.runtime.reaching import no_room, reach
from shared.sites import ConfigurationError

if TYPE_CHECKING:
    from shared.runtime.postgres import Connection

Phase = Literal["pre", "post"]

LEDGER: Final = "public.graftwatch_migration"
_LOCK: Final = 7_220_611
_POST: Final = "-- phase: post\n"
_SESSION: Final = re.compile(r"^graftwatch-[a-z]+( \((\d{4})\))?$")
_LOCK_WAIT_MS: Final = 3_000
"""How long a step waits for a table, and so the longest that a service waits behind it."""
_REST_SECONDS: Final = 7.0
_TRIES: Final = 12
_HOLDERS: Final = """
    SELECT DISTINCT coalesce(a.application_name, ''), coalesce(a.usename, ''), l.pid, l.virtualtransaction
    FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid() AND l.relation >= 16384
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_FIRST_THAT_SAYS: Final = 115
"""Sessions of releases before this step do not say which schema they know."""


@dataclass(frozen=True)
class Step:
    """One migration."""

    name: str
    sql: str

    @property
    def phase(self) -> Phase:
        """When it may be applied."""
        return "post" if self.sql.startswith(_POST) else "pre"

    @property
    def number(self) -> str:
        """The four digits that order it."""
        return self.name[:4]


class Holder(NamedTuple):
    """A transaction that has a table in use."""

    name: str
    user: str
    pid: int
    transaction: str


@cache
def steps() -> tuple[Step, ...]:
    """Every step of this release in order."""
    folder = resources.files("shared.runtime") / "sql" / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple(Step(f.name, f.read_text(encoding="utf-8")) for f in files)


@cache
def released() -> frozenset[str]:
    """Names of the steps of earlier releases, which are frozen."""
    text = (resources.files("shared.runtime") / "sql" / "released.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def known() -> str:
    """Number of the newest step of this release, as its sessions state it."""
    return max(s.number for s in steps())


def session_name(service: str) -> str:
    """How a service's sessions are called in pg_stat_activity: with the newest step that it knows."""
    return f"graftwatch-{service} ({known()})"


def refusal(done: dict[str, str], all_steps: Sequence[Step]) -> str | None:
    """Why a service of this release cannot work on a database with these steps (name: phase); None where it can."""
    missing = [s.name for s in all_steps if s.phase == "pre" and s.name not in done]
    if not done:
        return "the database has no schema of Graftwatch: run `graftwatch migrate`"
    if missing:
        return (
            f"the schema is older than this release: {len(missing)} step(s) are missing, the first {missing[0]};"
            " run `graftwatch migrate --phase pre` of this release, then start it again"
        )
    names = {s.name for s in all_steps}
    newer = sorted(name for name, phase in done.items() if phase == "post" and name not in names)
    if newer:
        return (
            f"the schema is newer than this release: {newer[-1]} took away what it uses;"
            " start the release that this step belongs to (steps are never undone)"
        )
    return None


def due(
    done: Collection[str], phase: Phase | None, all_steps: Sequence[Step], of_earlier: Collection[str]
) -> list[Step]:
    """The steps to apply now, in order; raises ConfigurationError where a phase would come before its time.

    `post` steps of an earlier release come before any `pre` step of this one: who skips a release stops everything and
    migrates without naming a phase.
    """
    missing = [s for s in all_steps if s.name not in done]
    before = [s for s in missing if s.phase == "pre"]
    after = [s for s in missing if s.phase == "post"]
    owed = [s.name for s in after if s.name in of_earlier]
    if phase is None:
        return missing
    if phase == "pre":
        if owed and before and done:
            raise ConfigurationError(
                f"migrate: {owed[0]} of an earlier release was never applied: finish that upgrade first (`graftwatch migrate"
                " --phase post` of that release), or stop every service and run `graftwatch migrate`"
            )
        return before
    if before:
        raise ConfigurationError(
            f"migrate: {before[0].name} comes first: run `graftwatch migrate --phase pre`, then start the services"
        )
    return after


async def done(connection: Connection) -> dict[str, str]:
    """The steps that a database has, with their phases; empty where it has none."""
    if not await connection.fetchval(f"SELECT to_regclass('{LEDGER}') IS NOT NULL"):
        return {}
    query = (
        f"SELECT name, coalesce(to_jsonb(m) ->> 'phase', 'pre') AS phase FROM {LEDGER} m"  # an old one has no phases
    )
    return {r["name"]: r["phase"] for r in await connection.fetch(query)}


async def admit(connection: Connection) -> None:
    """Refuse a database whose schema this release cannot work on."""
    try:
        refused = refusal(await done(connection), steps())
    except asyncpg.InsufficientPrivilegeError:  # the step that lets services read the ledger is missing
        refused = refusal({"-": "pre"}, [s for s in steps() if s.name not in released()])
    if refused:
        raise ConfigurationError(f"DATABASE_URL: {refused}")


@dataclass(frozen=True)
class State:
    """What a database lacks of this release, what it has of later ones, and why services would refuse it, if they would."""

    missing: tuple[Step, ...]
    unknown: tuple[str, ...]
    refused: str | None


async def state(url: str) -> State:
    """How far the schema of a database is."""
    connection: Connection = await reach(url, lambda: asyncpg.connect(url))
    try:
        there = await done(connection)
    finally:
        await connection.close()
    names = {s.name for s in steps()}
    missing = tuple(s for s in steps() if s.name not in there)
    return State(missing, tuple(sorted(there.keys() - names)), refusal(there, steps()))


async def apply(url: str, phase: Phase | None = None, *, force: bool = False) -> list[str]:
    """Apply what a database lacks, each step in its transaction, one migrator at a time; the names of what was applied."""
    own = {"application_name": "graftwatch migrate", "statement_timeout": "0"}  # a step may take long
    connection: Connection = await reach(url, lambda: asyncpg.connect(url, server_settings=own))
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await _ledger(connection)
        wanted = due(await done(connection), phase, steps(), released())
        if any(s.phase == "post" for s in wanted) and not force:
            await _refuse_while_used(connection)
        for step in wanted:
            await _patiently(connection, step)
        return [s.name for s in wanted]
    finally:
        await connection.close()


async def _patiently(connection: Connection, step: Step) -> None:
    """Apply a step without holding anybody up: whoever wants a table queues behind a step that waits for it, so it waits briefly.

    A backup by `pg_dump` reads every table in one transaction of hours. Raises ConfigurationError that names what is in the way.
    """
    since: set[Holder] | None = None
    for _ in range(_TRIES):
        try:
            return await _apply(connection, step)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            held = {Holder(*row) for row in await connection.fetch(_HOLDERS)}
            since = held if since is None else since & held
        await asyncio.sleep(_REST_SECONDS)
    who = ", ".join(f"{h.name or h.user} (process {h.pid})" for h in sorted(since or ())) or "others, in turn"
    raise ConfigurationError(
        f"migrate: {step.name}: a table that it changes is in use by {who}: wait until that has ended, a backup say, or end it,"
        " and run it again; services go on, nothing of this step was applied"
    )


async def _apply(connection: Connection, step: Step) -> None:
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL lock_timeout = {_LOCK_WAIT_MS}")
            await connection.execute(step.sql)
            await connection.execute(f"INSERT INTO {LEDGER} (name, phase) VALUES ($1, $2)", step.name, step.phase)
    except asyncpg.InsufficientPrivilegeError as error:
        raise ConfigurationError(
            f"migrate: {step.name}: {_said(error)}: log in as the owner of the database, graftwatch_migrator"
            " (`graftwatch roles`); nothing of this step was applied"
        ) from None
    except asyncpg.PostgresError as error:
        if not no_room(error):
            raise
        raise ConfigurationError(
            f"migrate: {step.name}: {_said(error)}: make room on the database's disk and run it again;"
            " nothing of this step was applied"
        ) from None


def _said(error: asyncpg.PostgresError) -> str:
    """What Postgres said, without the details and hints that it puts on lines of their own."""
    return str(error).partition("\n")[0]


async def _ledger(connection: Connection) -> None:
    await connection.execute(
        f"CREATE TABLE IF NOT EXISTS {LEDGER} (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    there = "SELECT true FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = 'phase'"
    if not await connection.fetchval(there, LEDGER):
        await connection.execute(
            f"ALTER TABLE {LEDGER} ADD COLUMN phase text NOT NULL DEFAULT 'pre' CHECK (phase IN ('pre', 'post'))"
        )


async def _refuse_while_used(connection: Connection) -> None:
    """Refuse a post step while a service of another release is connected."""
    found = await connection.fetch(
        "SELECT DISTINCT application_name AS name FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'graftwatch-%' ORDER BY 1"
    )
    older = [r["name"] for r in found if (told := _SESSION.match(r["name"])) and (told[2] or "") < known()]
    if older:
        raise ConfigurationError(
            f"migrate: {', '.join(older)} still run(s) the release before, which a post step would break:"
            " stop it first (--force if it is gone and only its connection is left)"
        )
