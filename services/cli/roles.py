"""`graftwatch roles`: makes the database's roles, or says where its rights deviate from the table. Decides nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import asyncpg
import typer

from shared.runtime import logins, rights
from shared.runtime.reaching import reach
from shared.sites import ConfigurationError

_Url = Annotated[
    str | None,
    typer.Option(envvar="DATABASE_URL", help="As a superuser to --apply; as anybody to --check.", show_default=False),
]


def roles(
    passwords: Annotated[
        Path | None, typer.Option(help="Folder with one file for each role, its password; missing ones are made.")
    ] = None,
    apply: Annotated[bool, typer.Option(help="Run the SQL on DATABASE_URL instead of printing it.")] = False,
    check: Annotated[bool, typer.Option(help="Say where the rights of DATABASE_URL deviate from the table.")] = False,
    database_url: _Url = None,
) -> None:
    """Print the SQL that gives each service its own login with only its rights; --apply runs it, --check compares."""
    if (apply or check) and not database_url:
        raise ConfigurationError("DATABASE_URL is not set: which database?")
    if check:
        _check(database_url or "")
        return
    if passwords is None:
        raise ConfigurationError(
            "roles: name a folder for the passwords: graftwatch roles --passwords /etc/graftwatch/passwords"
        )
    script = logins.script(logins.passwords(passwords))
    if not apply:
        typer.echo(script, nl=False)
        return
    asyncio.run(_apply(database_url or "", script))
    typer.echo(f"{len(rights.ROLES)} roles may log in; passwords in {passwords}")


async def _apply(url: str, script: str) -> None:
    connection: asyncpg.Connection[asyncpg.Record] = await reach(url, lambda: asyncpg.connect(url))
    try:
        async with connection.transaction():
            await connection.execute(script)
    except asyncpg.InsufficientPrivilegeError as error:
        raise ConfigurationError(
            f"roles: {error}: only a superuser can do this; print the SQL and have it run"
        ) from None
    finally:
        await connection.close()


def _check(url: str) -> None:
    found = asyncio.run(_deviations(url))
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(1)
    typer.echo("every role has the rights of the table (docs/generated/database-rights.md), and no other")


async def _deviations(url: str) -> list[str]:
    connection: asyncpg.Connection[asyncpg.Record] = await reach(url, lambda: asyncpg.connect(url))
    try:
        return await logins.deviations(connection)
    except asyncpg.UndefinedObjectError as error:
        raise ConfigurationError(
            f"roles: {error}: run `graftwatch migrate` and `graftwatch roles --apply` first"
        ) from None
    finally:
        await connection.close()
