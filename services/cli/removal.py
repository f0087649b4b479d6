"""`graftwatch erase`, `purge` and `retention`: what is removed, by whom and why, shown first where asked. Decides nothing."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer

from services.cli.dead_letters.access import Installed, on_database
from shared import sites as site_files
from shared.runtime import clock, removal
from shared.runtime.hints import Hint
from shared.runtime.postgres import Pool
from shared.sites import ConfigurationError

Home = Annotated[Path, typer.Option(help="The directory of the local stack.")]
By = Annotated[str, typer.Option(help="Who does it, for the audit.", show_default=False)]
Dry = Annotated[bool, typer.Option("--dry-run", help="Change nothing: say what would be removed.")]
DEFAULT_HOME: Final = Path(".graftwatch")
_ROLE: Final = "steward"
_VARIABLE: Final = "GRAFTWATCH_RETENTION"
_APART: Final = timedelta(hours=1)


def erase(
    patient: Annotated[
        str | None, typer.Argument(help="SITE/PATIENT-ID as the hospital has it, or a pseudonym.", show_default=False)
    ] = None,
    by: By = "",
    reason: Annotated[str, typer.Option(help="Why, for the audit; no name in it.", show_default=False)] = "",
    dry_run: Dry = False,
    lift: Annotated[bool, typer.Option(help="Let a person who was erased come back.")] = False,
    resume: Annotated[bool, typer.Option(help="Finish erasures that were interrupted.")] = False,
    sites: Annotated[Path, typer.Option(envvar="GRAFTWATCH_SITES", help="Folder of site files.")] = Path(
        "deploy/sites"
    ),
    home: Home = DEFAULT_HOME,
) -> None:
    """Erase a person and whoever is merged with them from every table; the feed does not bring them back unless lifted."""
    if resume:
        on_database(home, _resume, _ROLE)
        return
    if patient is None:
        raise ConfigurationError("erase: whom? SITE/PATIENT-ID or a pseudonym")
    installed = Installed(home.resolve(), sites, None)
    whom = _pseudonym(patient, installed)
    if dry_run:
        persons, counted = on_database(home, lambda pool: removal.erasable(pool, whom), _ROLE)
        _show(f"would erase {persons} pseudonym(s) of one person", counted)
        return
    _stated(by, reason)
    if lift:
        lifted = on_database(home, lambda pool: removal.lift(pool, whom, by, reason), _ROLE)
        if not lifted:
            raise ConfigurationError("erase --lift: nobody of this name was erased, or it was lifted before")
        typer.echo(
            "lifted: what the feed brings from now on is taken in; ask the site to send the earlier records again"
        )
        return
    _show("erased", on_database(home, lambda pool: removal.erase(pool, whom, by, reason), _ROLE))
    # So that running services drop what they hold in memory; one that nothing reaches drops it with its next look.
    asyncio.run(installed.tell([Hint(whom, 0, clock.wall(), "live")], []))
    typer.echo("kept elsewhere until it expires: the broker's topics, backups, what was sent (docs/postgres.md)")


def purge(
    days: Annotated[int, typer.Option(min=1, help="Only of whom nothing has changed for so many days.")] = 365,
    by: By = "",
    dry_run: Dry = False,
    returned: Annotated[bool, typer.Option(help="List purged patients of whom something has come since.")] = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Remove patients who never were a candidate of any protocol."""
    if returned:
        back = on_database(home, removal.returned, _ROLE)
        for r in back:
            typer.echo(
                f"{r['patient']}  {r['site']}  purged {r['purged_at']:%Y-%m-%d}, back since {r['returned_at']:%Y-%m-%d}"
            )
        typer.echo(f"{len(back)} back: what came before their purge is missing until their site sends it again")
        return
    if dry_run:
        patients, counted = on_database(home, lambda pool: removal.purgeable(pool, days), _ROLE)
        _show(f"would purge {patients} patients", counted)
        return
    _stated(by, "-")

    async def work(pool: Pool) -> tuple[int, Counter[str]]:
        await _clocks_agree(pool)
        total, rows = 0, Counter[str]()
        async for patients, removed in removal.purge(pool, days, by):
            total += patients
            rows.update(removed)
        return total, rows

    total, rows = on_database(home, work, _ROLE)
    _show(f"purged {total} patients", rows)


def retention(
    keep: Annotated[
        str, typer.Option(envvar=_VARIABLE, help="CLASS=DAYS, separated by commas; a class not named is kept for ever.")
    ] = "",
    by: By = "",
    dry_run: Dry = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Remove what has become older than it may, by class; without classes, list them."""

    async def work(pool: Pool) -> tuple[str, Mapping[str, int]]:
        known = await removal.classes(pool)
        if not keep:
            return "classes, none of which has an age (" + _VARIABLE + ")", dict.fromkeys(known, 0)
        days = _days(keep, known)
        if dry_run:
            return "would remove", await removal.outlived(pool, days)
        await _clocks_agree(pool)
        return "removed", await removal.retain(pool, days, by)

    if keep and not dry_run:
        _stated(by, "-")
    _show(*on_database(home, work, _ROLE))


async def _clocks_agree(pool: Pool) -> None:
    """Refuse to remove by age where the database's clock is not this host's: one that is years ahead finds everything old."""
    theirs: datetime = await pool.fetchval("SELECT now()")
    apart = theirs - clock.wall()
    if abs(apart) > _APART:
        raise ConfigurationError(
            f"the clock of the database is {apart.total_seconds() / 3600:+,.1f} h from this host's: correct the wrong one,"
            " then run it again; nothing was removed"
        )


def _days(text: str, known: list[str]) -> dict[str, int]:
    days: dict[str, int] = {}
    for part in text.split(","):
        name, _, age = part.strip().partition("=")
        if name not in known or not age.isdecimal() or int(age) < 1:
            raise ConfigurationError(
                f"{_VARIABLE}: {part.strip()!r}: expected CLASS=DAYS with one of {', '.join(known)}"
            )
        days[name] = int(age)
    return days


async def _resume(pool: Pool) -> None:
    waiting = await removal.unfinished(pool)
    for erasure in waiting:
        _show("erased", await removal.finish(pool, erasure))
    typer.echo(f"{len(waiting)} erasures had been interrupted")


def _pseudonym(patient: str, installed: Installed) -> UUID:
    try:
        return UUID(patient)
    except ValueError:
        site, _, id_ = patient.partition("/")
    if not id_ or site not in site_files.load(installed.sites):
        raise ConfigurationError("erase: expected SITE/PATIENT-ID with a configured site, or a pseudonym")
    if "GRAFTWATCH_PSEUDONYM_KEY" not in os.environ and not (installed.home / "pseudonym.key").exists():
        raise ConfigurationError("GRAFTWATCH_PSEUDONYM_KEY is not set: without it nobody is found by the hospital's id")
    return installed.keys().patient(site, id_)


def _stated(by: str, reason: str) -> None:
    if not by or not reason:
        raise ConfigurationError("the audit needs who does this and why: --by NAME --reason TEXT")


def _show(head: str, counted: Mapping[str, int]) -> None:
    typer.echo(head)
    for relation, rows in sorted(counted.items()):
        typer.echo(f"  {relation:<32}{rows:>10,}")
    if not counted:
        typer.echo("  nothing")
