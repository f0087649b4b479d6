"""`graftwatch recipients check` and `graftwatch notify …`. Decides nothing: says what the file and the database hold."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import msgspec
import typer

from services.cli.dead_letters.access import on_database
from services.cli.installation import DEFAULT_HOME, RECIPIENTS
from services.cli.stack import StackError
from services.notify import coverage, directory
from services.notify.subscriptions.communication import communication
from services.notify.subscriptions.model import VERSIONS
from services.notify.subscriptions.store import Subscriptions
from shared import sites as site_files
from shared.protocol import load as protocol_files
from shared.runtime import notify_status
from shared.runtime.clock import wall
from shared.runtime.postgres import Pool
from shared.runtime.secret_files import WithFiles

recipients_app = typer.Typer(no_args_is_help=True, help="The recipients file: who is told of what.")
notify_app = typer.Typer(no_args_is_help=True, help="What was told, what waits, who acknowledged.")
Home = Annotated[Path, typer.Option(help="The directory of the local stack.")]
_EVERYTHING: Final = 1_000_000


@recipients_app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A recipients file.")] = RECIPIENTS,
    sites: Annotated[Path, typer.Option(envvar="GRAFTWATCH_SITES", help="Folder of site files.")] = Path(
        "deploy/sites"
    ),
    protocols: Annotated[Path | None, typer.Option(envvar="GRAFTWATCH_PROTOCOLS", help="Folder of protocols.")] = None,
) -> None:
    """Name every fault of a recipients file, and whom it leaves untold. Exit code 1 if there is anything."""
    found = directory.load(file, WithFiles(os.environ))
    said = coverage.warnings(found, protocol_files.load(protocols), site_files.load(sites), wall())
    for warning in said:
        typer.echo(f"warning: {warning}")
    typer.echo(f"{file}: {len(found.recipients)} recipients, {len(found.rules)} rules")
    if said:
        raise typer.Exit(1)


@notify_app.command()
def status(home: Home = DEFAULT_HOME) -> None:
    """What was decided, delivered and given up, what waits and why. Exit code 1 if anybody was not told and it is not settled."""
    told = on_database(home, notify_status.read, role="reader")
    typer.echo(f"events decided: {told.notices}, of which nobody is told: {told.silent}")
    for row in told.deliveries:
        typer.echo(f"{row.channel:<9}{row.state:<12}{row.deliveries:>8}")
    for gone in told.given_up:
        typer.echo(
            f"given up: {gone.event_id} {gone.kind} ({gone.urgency}) of {gone.site} to {gone.recipient} by {gone.channel},"
            f" decided {gone.decided_at:%Y-%m-%dT%H:%MZ}: {gone.says}"
        )
    if told.untold:
        more = f", the first {len(told.given_up)} above" if told.untold > len(told.given_up) else ""
        typer.echo(f"not settled: {told.untold}{more}; tell them by another way, then `graftwatch notify settle EVENT`")
    for failing in told.failing:
        typer.echo(f"failing: {failing.endpoint}: {failing.deliveries} waiting, {failing.says}")
    typer.echo(f"escalations pending: {told.escalations}; events acknowledged: {told.acknowledged}")
    if told.untold:
        raise typer.Exit(1)


@notify_app.command()
def settle(
    by: Annotated[str, typer.Option(help="Who told them, as the record shall name them.")],
    event: Annotated[UUID | None, typer.Argument(help="The event's id, as `notify status` states it.")] = None,
    to: Annotated[
        str | None, typer.Option(help="The recipient, as `notify status` names them; else all of them.")
    ] = None,
    note: Annotated[str, typer.Option(help="By which way, or why there was nothing to tell any more.")] = "",
    home: Home = DEFAULT_HOME,
) -> None:
    """Record that whoever a given-up notification did not reach was told by another way: it is no fault any more."""
    if event is None and to is None:
        raise StackError("name the event, or --to whom: nothing is settled unseen")

    async def settled(pool: Pool) -> int:
        return await notify_status.settle(pool, event, to, by, note)

    count = on_database(home, settled, role="notify")
    if not count:
        raise StackError(f"{event or to}: nothing of it was given up, or it is settled already")
    typer.echo(f"settled by {by}: {count}")


@notify_app.command()
def acknowledge(
    event: Annotated[UUID, typer.Argument(help="The event's id, as a mail or webhook states it.")],
    by: Annotated[str, typer.Option(help="Who acknowledges, as the record shall name them.")],
    note: Annotated[str, typer.Option(help="What was done about it.")] = "",
    home: Home = DEFAULT_HOME,
) -> None:
    """Acknowledge an event, so that it is not escalated."""

    async def acknowledged(pool: Pool) -> notify_status.Acknowledged | None:
        return await notify_status.acknowledge(pool, event, by, note)

    found = on_database(home, acknowledged, role="notify")
    if found is None:
        raise StackError(f"{event}: there is no such event, or notify has not decided about it yet")
    if not found.first:
        typer.echo(f"{found.by_name} acknowledged it already, at {found.acknowledged_at.isoformat()}")
        return
    typer.echo(f"acknowledged by {found.by_name}")


@notify_app.command()
def communications(
    out: Annotated[Path, typer.Argument(help="An NDJSON file to write.")],
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Decided on or after.")] = None,
    fhir: Annotated[str, typer.Option(help="R4, R4B or R5.")] = "R4",
    home: Home = DEFAULT_HOME,
) -> None:
    """Every delivery as FHIR Communication: who was told what, when, and what became of it."""
    if fhir not in VERSIONS:
        raise StackError(f"--fhir {fhir}: expected one of {', '.join(VERSIONS)}")
    version = fhir

    async def read(pool: Pool) -> list[bytes]:
        after = since.replace(tzinfo=UTC) if since else None
        records = await Subscriptions(pool).records(None, _EVERYTHING, since=after)
        return [msgspec.json.encode(communication(r, version)) for r in reversed(records)]

    lines = on_database(home, read, role="reader")
    out.write_bytes(b"".join(line + b"\n" for line in lines))
    typer.echo(f"{out}: {len(lines)} Communications")
