"""`graftwatch sites status|resume`: which site is paused and why, and how it goes on. Decides nothing."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.table import Table

from services.cli import tables
from services.cli.dead_letters.access import Installed, on_database
from services.cli.dead_letters.commands import (
    DEFAULT_HOME,
    DEFAULT_SITES,
    AsJson,
    Home,
    Protocols,
    Sites,
)
from services.cli.stack import StackError
from services.ingest.pausing import UNREADABLE
from services.ingest.replay import Replayed
from shared.runtime import logs, postgres, site_intake
from shared.runtime.site_intake import SiteState

sites_app = typer.Typer(no_args_is_help=True, help="Sites whose feed is paused because too much of it cannot be read.")


@sites_app.command()
def status(as_json: AsJson = False, home: Home = DEFAULT_HOME) -> None:
    """Show each site: paused or not, why, since when, and how many messages are held. Exit code 1 if any is paused."""
    states = on_database(home, site_intake.states, "reader")
    if as_json:
        typer.echo(msgspec.json.encode([_row(s) for s in states]).decode())
    else:
        table = Table("site", "state", "since", "held", "unreadable of the last", "why")
        for s in states:
            recent = f"{s.recent.count(UNREADABLE)} of {len(s.recent)}"
            since = s.paused_at.isoformat(timespec="seconds") if s.paused_at else ""
            state = "paused" if s.paused_at else "open"
            table.add_row(s.site, state, since, str(s.held), recent, s.paused_because or "")
        tables.show(table)
    if any(s.paused_at for s in states):
        raise typer.Exit(1)


@sites_app.command()
def resume(
    site: Annotated[str, typer.Argument(help="The paused site.")],
    home: Home = DEFAULT_HOME,
    sites: Sites = DEFAULT_SITES,
    protocols: Protocols = None,
) -> None:
    """Process what is held of a site in the order of the feed, then let its messages pass again."""
    logs.configure("cli", "warning")
    installed = Installed(home.resolve(), sites, protocols)
    done = on_database(home, lambda pool: _resume(pool, installed, site))
    typer.echo(f"{site} is resumed: {done.read} messages read, {done.unread} of them unreadable")
    if done.unread:
        typer.echo(f"what could not be read: graftwatch dead-letters list --site {site}")


async def _resume(pool: postgres.Pool, installed: Installed, site: str) -> Replayed:
    paused = {s.site for s in await site_intake.states(pool) if s.paused_at is not None}
    if site not in paused:
        raise StackError(f"{site!r} is not paused; paused: {', '.join(sorted(paused)) or 'none'}.")
    total = Replayed()
    async for part in (await installed.replay(pool)).resume(site):
        await installed.tell(part.hints, part.letters)
        total.read, total.unread = total.read + part.read, total.unread + part.unread
    return total


def _row(state: SiteState) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(state)
    fields["recent"] = {"messages": len(state.recent), "unreadable": state.recent.count(UNREADABLE)}
    return fields
