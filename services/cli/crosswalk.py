"""`graftwatch crosswalk`: the keys that what names a person is sealed with: shown, and changed while everything runs.

Decides nothing: which keys there are is said by GRAFTWATCH_CROSSWALK_KEY.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.table import Table

from services.cli import installation, tables
from services.cli.dead_letters.access import on_database
from services.cli.dead_letters.commands import DEFAULT_HOME, AsJson, Home
from shared.fhir.keys import HmacKeys
from shared.runtime import clock, crosswalk, logs, postgres, rotation
from shared.runtime.crosswalk import KeyState

_SAYS_SO_WITHIN: Final = timedelta(minutes=1)
"""An ingest that still seals with a retired key, as it was not restarted, has said so by then."""
crosswalk_app = typer.Typer(no_args_is_help=True, help="The keys that what names a person is sealed with.")
Batch = Annotated[int, typer.Option("--batch", min=1, max=10_000, help="Rows sealed anew in one transaction.")]


@crosswalk_app.command()
def status(as_json: AsJson = False, home: Home = DEFAULT_HOME) -> None:
    """Show the keys that sealed something, and which may be destroyed."""
    known = on_database(home, crosswalk.known_keys)
    if as_json:
        typer.echo(msgspec.json.encode(known).decode())
        return
    current = installation.vault(home.resolve()).current
    table = Table("key", "first used", "")
    for state in known:
        table.add_row(state.key, state.first_used_at.isoformat(timespec="seconds"), _says(state, current))
    tables.show(table)


@crosswalk_app.command()
def rotate(batch: Batch = rotation.BATCH, home: Home = DEFAULT_HOME) -> None:
    """Seal everything anew with the first key of GRAFTWATCH_CROSSWALK_KEY; the others are then retired.

    Ingest may go on meanwhile, if it was started with the same keys in the same order. Interrupted, it goes on where it
    stopped when it is begun again.
    """
    logs.configure("cli", "warning")
    left = on_database(home, lambda pool: _rotate(pool, home.resolve(), batch))
    if left:
        typer.echo(f"still in use: {', '.join(left)}; something was sealed with it meanwhile: is ingest restarted?")
        raise typer.Exit(1)


def _says(state: KeyState, current: str) -> str:
    if state.key == current:
        return "seals"
    if state.retired_at is None:
        return "still needed"
    is_fresh = abs(clock.wall() - state.retired_at) < _SAYS_SO_WITHIN
    return "retired just now: look again in a minute" if is_fresh else "retired: may be destroyed"


async def _rotate(pool: postgres.Pool, home: Path, size: int) -> list[str]:
    """The keys other than the current one that are still needed."""
    vault = installation.vault(home)
    await crosswalk.admit(pool, vault, HmacKeys(installation.pseudonym_key(home).encode()))
    done: dict[str, int] = {}
    async for progress in rotation.rotate(pool, vault, size):
        done[progress.table] = done.get(progress.table, 0) + progress.rows
    for table, rows in done.items():
        typer.echo(f"{table}: {rows} rows sealed anew")
    typer.echo(f"everything is sealed with {vault.current}" if not done else f"now sealed with {vault.current}")
    return [k.key for k in await crosswalk.known_keys(pool) if k.retired_at is None and k.key != vault.current]
