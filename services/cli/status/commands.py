"""`graftwatch status`: looks everywhere at once and prints one screen. Decides nothing: `findings` does."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from services.cli.stack import current
from services.cli.status import database, services, surroundings
from services.cli.status.findings import Finding, exit_code, unknown, well, worst_first, wrong
from shared import sites as site_files
from shared import topics
from shared.protocol import load as protocol_files
from shared.runtime import postgres
from shared.runtime.kafka_access import OPEN, Security
from shared.runtime.settings import load_kafka
from shared.sites import ConfigurationError

_HEADS: Final = {
    0: "Graftwatch: all is well",
    1: "Graftwatch: something is wrong",
    2: "Graftwatch: nothing is known to be wrong, but not everything can be told",
}
_MARKS: Final = {"wrong": ("WRONG", "red"), "unknown": ("?", "yellow"), "well": ("well", "green")}
_CONNECT_SECONDS: Final = 10.0


@dataclass(frozen=True)
class _Place:
    """Where the parts of an installation are."""

    home: Path
    database_url: str | None
    kafka: tuple[str, Security] | None
    epoch: str


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a screen.")] = False,
    home: Annotated[Path, typer.Option(envvar="GRAFTWATCH_HOME", help="The directory of the local stack.")] = Path(
        ".graftwatch"
    ),
    sites: Annotated[Path, typer.Option(envvar="GRAFTWATCH_SITES", help="Folder of site files.")] = Path(
        "deploy/sites"
    ),
    protocols: Annotated[Path | None, typer.Option(envvar="GRAFTWATCH_PROTOCOLS", help="Folder of protocols.")] = None,
) -> None:
    """Show on one screen what is well and what is not. Exit code 0: all is well, 1: something is wrong, 2: cannot tell."""
    found = worst_first(asyncio.run(_look(_place(home.resolve()), sites, protocols)))
    code = exit_code(found)
    if as_json:
        typer.echo(msgspec.json.encode({"exit_code": code, "says": _HEADS[code], "parts": found}).decode())
    else:
        _show(found, code)
    raise typer.Exit(code)


def _place(home: Path) -> _Place:
    """As the environment says, else the local stack."""
    stack = current(home)
    url = os.environ.get("DATABASE_URL") or (stack.database_url if stack else None)
    reached: tuple[str, Security] | None = (stack.bootstrap_servers, OPEN) if stack else None
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        settings = load_kafka()
        reached = (settings.kafka_bootstrap_servers, settings.kafka_security)
    epoch = os.environ.get("GRAFTWATCH_FEED_EPOCH") or (stack.feed_epoch if stack else "")
    return _Place(home, url, reached, epoch)


async def _look(place: _Place, sites: Path, protocols: Path | None) -> list[Finding]:
    configured, in_force = site_files.load(sites), protocol_files.load(protocols)
    names = {t.name for t in topics.ALL} | {t for s in configured.values() for t in s.topics}
    found = await services.look(services.addresses(place.home))
    ends = None
    if place.kafka is None:
        found.append(
            unknown("broker", "nobody said where it is", "set KAFKA_BOOTSTRAP_SERVERS, or `graftwatch stack up`")
        )
    else:
        broker, ends = await surroundings.broker(*place.kafka, names)
        found.append(broker)
    feed = {t.name for t in topics.FEED} | (names - {t.name for t in topics.ALL})
    of_feed = None if ends is None else {tp: at for tp, at in ends.items() if tp.topic in feed}
    if place.database_url is None:
        found.append(unknown("Postgres", "nobody said where it is", "set DATABASE_URL, or `graftwatch stack up`"))
        return [*found, surroundings.lag_unknown(), *surroundings.disk(place.home)]
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            pool = await postgres.connect(place.database_url, "reader", size=1)
    except (ConfigurationError, TimeoutError) as error:
        says = str(error).removeprefix("DATABASE_URL: ") or "no answer"
        todo = "is it running (`graftwatch stack status`), and is DATABASE_URL right? What it knows cannot be told"
        found.append(wrong("Postgres", says, todo))
        return [*found, surroundings.lag_unknown(), *surroundings.disk(place.home)]
    async with pool:
        found.append(well("Postgres", "answers"))
        found += await database.look(pool, in_force, configured)
        found += [surroundings.lag_unknown()] if of_feed is None else await surroundings.lag(pool, of_feed, place.epoch)
    return [*found, *surroundings.disk(place.home)]


def _show(found: list[Finding], code: int) -> None:
    """Colours only where somebody looks at a terminal: echo leaves them out elsewhere."""
    typer.echo(typer.style(_HEADS[code], bold=True))
    for finding in found:
        word, colour = _MARKS[finding.state]
        typer.echo(f"{typer.style(f'{word:<6}', fg=colour)} {finding.part:<36}{finding.says}")
        if finding.todo:
            typer.echo(f"{'':<7}{'':<36}→ {finding.todo}")
