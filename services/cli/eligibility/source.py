"""Where the screening commands read: the database of a home, and the protocols in force there. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import typer

from services.cli import installation
from services.cli.stack import StackError
from shared.protocol import load as protocol_files
from shared.protocol.model import Protocol
from shared.runtime import postgres, status
from shared.runtime.postgres import Pool, queries
from shared.runtime.settings import instant
from shared.runtime.timelines import TimelineStore
from shared.timeline import Timeline

T = TypeVar("T")
_CHUNK: Final = 500

OfDemo = Annotated[bool, typer.Option("--demo", help="Of the last demonstration.")]
Home = Annotated[Path, typer.Option(help="The directory of the local stack.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Protocols = Annotated[
    Path | None, typer.Option("--protocols", envvar="GRAFTWATCH_PROTOCOLS", help="Folder of the protocols in force.")
]
OneProtocol = Annotated[str | None, typer.Option("--protocol", help="Protocol id; all of them otherwise.")]
DEFAULT_HOME: Final = Path(".graftwatch")


def chosen(stated: str | None, folder: Path | None) -> dict[str, Protocol]:
    """The protocol of that id among those in force, or all of them."""
    in_force = protocol_files.load(folder)
    if stated is None:
        return in_force
    if stated not in in_force:
        raise StackError(f"--protocol: {stated!r} is none of those in force: {', '.join(in_force)}")
    return {stated: in_force[stated]}


def at_of(stated: str | None) -> datetime | None:
    """The stated date or instant."""
    try:
        return None if stated is None else instant(stated)
    except ValueError as error:
        raise StackError(f"--at: {error}") from None


@contextmanager
def home_of(home: Path, demo: bool) -> Iterator[tuple[Path, str]]:
    """The home in question and its database's address."""
    place = home.resolve() / "demo" if demo else home.resolve()
    with installation.database(place) as url:
        yield place, url


def read(url: str, reading: Callable[[Pool], Awaitable[T]]) -> T:
    """Run one reading as the reader role."""

    async def run() -> T:
        async with await postgres.connect(url, "reader", size=1) as pool:
            return await reading(pool)

    return asyncio.run(run())


async def screening(pool: Pool, protocol: str) -> dict[UUID, dict[str, Any]]:
    """The content of every patient's current screening outcome, in order of pseudonym."""
    found = await status.current_outcomes(pool, "eligibility", protocol)
    return {patient: named["screening", ""] for patient, named in sorted(found.items()) if ("screening", "") in named}


async def decided_at(pool: Pool) -> datetime:
    """The evaluation time of the newest decision; refused where nothing was decided yet."""
    at: datetime | None = await pool.fetchval(queries("screening")["decided_at"])
    if at is None:
        raise StackError("No patient has been evaluated yet; start the services and feed them first.")
    return at


async def timelines(pool: Pool, progress: Callable[[int, int], None]) -> AsyncIterator[Timeline]:
    """Every timeline at its newest version, in order of pseudonym, a chunk of patients at a time."""
    patients = [r["patient"] for r in await pool.fetch(queries("screening")["patients"])]
    for start in range(0, len(patients), _CHUNK):
        for timeline in await _loaded(pool, patients[start : start + _CHUNK]):
            yield timeline
        progress(min(start + _CHUNK, len(patients)), len(patients))


async def _loaded(pool: Pool, patients: Sequence[UUID]) -> list[Timeline]:
    async with pool.acquire() as connection:
        loaded = await TimelineStore().load(connection, patients)
    return [loaded[patient] for patient in patients if patient in loaded]
