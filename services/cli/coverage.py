"""`graftwatch coverage` and `graftwatch refill`: what today's rules have not reached yet, and how it is made up for.

Decides nothing: what is behind and what is missing is kept by ingest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.markup import escape
from rich.table import Table

from services.cli import tables
from services.cli.dead_letters.access import Installed, on_database
from services.cli.dead_letters.commands import DEFAULT_HOME, DEFAULT_SITES, AsJson, Home, Protocols, Sites
from services.cli.load.commands import broker_of
from services.cli.stack import StackError
from services.ingest.messages import from_record
from services.ingest.refill import Refill, Refilled
from services.ingest.store import Ingest
from shared import topics
from shared.runtime import clock, coverage, kafka, logs, postgres, rederivation_store, site_intake
from shared.runtime.coverage import Gap

_POLL_MS = 1000
_BATCH = 500
SiteNames = Annotated[list[str] | None, typer.Option("--site", help="This site; may be given several times.")]


def show_coverage(
    as_json: AsJson = False, home: Home = DEFAULT_HOME, sites: Sites = DEFAULT_SITES, protocols: Protocols = None
) -> None:
    """Show what was read by other rules than today's, and for which codes a site's earlier feed is missing.

    Exit code 1 if anything is.
    """
    installed = Installed(home.resolve(), sites, protocols)
    records, letters, gaps = on_database(home, lambda pool: _behind(pool, installed))
    if as_json:
        found = {"records_to_read_again": records, "dead_letters_to_try_again": letters, "earlier_feed_missing": gaps}
        typer.echo(msgspec.json.encode(found).decode())
    else:
        for site, n in records.items():
            typer.echo(f"{site}: {n} records to read again; ingest does so by itself")
        if letters:
            typer.echo(f"{letters} dead letters to try again; ingest does so by itself")
        if gaps:
            tables.show(_gaps(gaps))
        if not (records or letters or gaps):
            typer.echo("everything is read by the rules of today")
    if records or letters or any(g.is_open for g in gaps):
        raise typer.Exit(1)


def refill(
    site: SiteNames = None,
    loaded: Annotated[
        bool, typer.Option("--loaded", help="Not from the topics: say that `graftwatch load` has brought it.")
    ] = False,
    as_json: AsJson = False,
    home: Home = DEFAULT_HOME,
    sites: Sites = DEFAULT_SITES,
    protocols: Protocols = None,
) -> None:
    """Read the feed topics once more from their beginning, for codes that were not asked for when the messages came.

    For every site with a gap, or those named. Ingest may go on meanwhile. What the topics no longer hold is named: it is in
    the site's Bulk Data, for `graftwatch load --restart`, and then `graftwatch refill --loaded`.
    """
    logs.configure("cli", "warning")
    installed = Installed(home.resolve(), sites, protocols)
    done = on_database(home, lambda pool: _refill(pool, installed, site, loaded))
    if as_json:
        typer.echo(msgspec.json.encode(done).decode())
    else:
        for name, value in done.items():
            typer.echo(f"{name.replace('_', ' ')}: {value}")
    if done.get("set_aside") or done.get("missing_before"):
        raise typer.Exit(1)


async def _behind(pool: postgres.Pool, installed: Installed) -> tuple[dict[str, int], int, list[Gap]]:
    ingest = await installed.ingest(pool)
    records = await rederivation_store.waiting(pool, ingest.derivations)
    letters = await rederivation_store.waiting_letters(pool, ingest.derivations, ingest.of_no_site)
    return records, letters, [g for g in await coverage.gaps(pool) if g.is_open]


async def _refill(
    pool: postgres.Pool, installed: Installed, named: Sequence[str] | None, loaded: bool
) -> dict[str, Any]:
    ingest, began = await installed.ingest(pool), clock.wall()
    wanted = await _sites(pool, ingest, named)
    if not wanted:
        return {"sites": "none with a gap"}
    if loaded:
        await coverage.fill(pool, wanted, "Bulk Data", None, began)
        return {"sites": ", ".join(wanted), "filled_from": "Bulk Data"}
    total, missing_before = await _from_topics(pool, installed, ingest, wanted)
    await coverage.fill(pool, wanted, "feed topics", missing_before, began)
    known = {"messages_read": total.read, "set_aside": total.set_aside, "new_dead_letters": len(total.letters)}
    return {"sites": ", ".join(wanted), **known, "missing_before": missing_before}


async def _sites(pool: postgres.Pool, ingest: Ingest, named: Sequence[str] | None) -> list[str]:
    known, paused = ingest.reader.sites, {s.site for s in await site_intake.states(pool) if s.paused_at is not None}
    wanted = sorted(set(named or {g.site for g in await coverage.gaps(pool) if g.is_open}))
    for name in wanted:
        if name not in known:
            raise StackError(f"--site: {name!r} is none of {', '.join(sorted(known))}")
        if name in paused:
            raise StackError(f"{name} is paused: `graftwatch sites resume {name}` first")
    return wanted


async def _from_topics(
    pool: postgres.Pool, installed: Installed, ingest: Ingest, wanted: Sequence[str]
) -> tuple[Refilled, datetime | None]:
    """What was read; and before when the topics hold nothing any more, where they do not go back to their beginning."""
    servers, security, epoch = broker_of(installed.home)
    until, refilling, total = await coverage.positions(pool, epoch), Refill(ingest, pool, wanted), Refilled()
    names = {t.name for t in topics.FEED} | {t for s in wanted for t in ingest.reader.sites[s].topics}
    async with _reading(await kafka.replaying_consumer(servers, security), names, until) as (consumer, begins_late):
        while await _left(consumer, until):
            polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
            messages = [from_record(r, epoch) for records in polled.values() for r in records]
            done = await refilling.apply(refilling.of(messages, until))
            await installed.tell(done.hints, done.letters)
            total.read, total.set_aside = total.read + done.read, total.set_aside + done.set_aside
            total.letters += done.letters
            total.oldest = min((at for at in (total.oldest, done.oldest) if at is not None), default=None)
    return total, (total.oldest or clock.wall()) if begins_late else None


@asynccontextmanager
async def _reading(
    consumer: AIOKafkaConsumer, names: set[str], until: dict[tuple[str, int], int]
) -> AsyncIterator[tuple[AIOKafkaConsumer, bool]]:
    """The consumer at the beginning of every partition that ingest has read; and whether one begins late by now."""
    try:
        places = [TopicPartition(*place) for place, end in until.items() if place[0] in names and end]
        consumer.assign(places)
        beginnings = await consumer.beginning_offsets(places) if places else {}
        await consumer.seek_to_beginning(*places)
        yield consumer, any(beginnings.values())
    finally:
        await consumer.stop()


async def _left(consumer: AIOKafkaConsumer, until: dict[tuple[str, int], int]) -> bool:
    """Whether some partition is to be read further; those that are not are read no more."""
    for tp in list(consumer.assignment()):
        if await consumer.position(tp) >= until[tp.topic, tp.partition]:
            consumer.pause(tp)
    return bool(consumer.assignment() - consumer.paused())


def _gaps(gaps: Sequence[Gap]) -> Table:
    table = Table("site", "asked for since", "concepts", "codes", "", title="The earlier feed is missing for")
    for g in gaps:
        says = (
            f"topics hold nothing before {g.missing_before:%Y-%m-%d %H:%M}" if g.missing_before else "graftwatch refill"
        )
        since = g.since.isoformat(timespec="minutes")
        table.add_row(g.site, since, escape(", ".join(g.concepts)), str(len(g.codes)), says)
    return table
