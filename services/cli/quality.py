"""`graftwatch unmapped` and `graftwatch data-quality`: what is odd about a site's data, for whoever can mend it there.

Decides only what is still unmapped with the table and site files of today.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from services.cli import tables
from services.cli.dead_letters.access import on_database
from services.cli.dead_letters.commands import DEFAULT_HOME, DEFAULT_SITES, AsJson, Home, Site, Sites
from services.ingest.unmapped import is_known
from shared import sites as site_files
from shared import terminology
from shared.conformance import Fault, Summary
from shared.fhir.meaning import Meaning
from shared.fhir.out.quality import operation_outcome
from shared.runtime import postgres, quality, status
from shared.runtime.quality import UnmappedCode
from shared.runtime.status import FeedCount


def unmapped(
    site: Site = None,
    least: Annotated[int, typer.Option("--min", min=1, help="Only codes of so many resources or more.")] = 1,
    as_json: AsJson = False,
    home: Home = DEFAULT_HOME,
    sites: Sites = DEFAULT_SITES,
) -> None:
    """List the codes that neither the table of codes nor the site's file knows, the most frequent first."""
    rows = on_database(home, lambda pool: quality.unmapped(pool, site, least), "reader")
    meanings = {name: Meaning(each) for name, each in site_files.load(sites).items()}
    shown = [
        _still_unmapped(r) for r in rows if r.site not in meanings or not is_known(meanings[r.site], r.system, r.code)
    ]
    if as_json:
        typer.echo(msgspec.json.encode(shown).decode())
        return
    table = Table("site", "type", "system", "code", "resources", "")
    for row in shown:
        cells = (row["site"], row["resource_type"], row["system"] or "-", row["code"], str(row["resources"]))
        table.add_row(*map(escape, cells), escape(row["known_wrong"] or ""))
    tables.show(table)
    if mapped := len(rows) - len(shown):
        typer.echo(f"{mapped} more are known by now: `graftwatch refill` brings what came before that")


def data_quality(
    site: Site = None,
    as_json: AsJson = False,
    as_outcome: Annotated[
        bool, typer.Option("--operation-outcome", help="What does not conform, as a FHIR OperationOutcome.")
    ] = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show what became of each site's resources, how much of them conforms to FHIR, and what does not."""
    feed, summaries, faults = on_database(home, lambda pool: _quality(pool, site), "reader")
    if as_outcome:
        typer.echo(operation_outcome(summaries, faults).model_dump_json(indent=2))
        return
    if as_json:
        found = {"feed": feed, "conformance": summaries, "issues": faults}
        typer.echo(msgspec.json.encode(found).decode())
        return
    tables.show(_outcomes(feed), _conformance(summaries), _faults(faults))


async def _quality(pool: postgres.Pool, site: str | None) -> tuple[list[FeedCount], list[Summary], list[Fault]]:
    feed = [c for c in await status.feed_counts(pool) if site is None or c.site == site]
    return feed, *await quality.conformance(pool, site)


def _still_unmapped(row: UnmappedCode) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(row)
    return fields | {"known_wrong": terminology.known_wrong(row.system, row.code)}


def _outcomes(feed: Sequence[FeedCount]) -> Table:
    table = Table("site", "topic", "outcome", "reason", "resources", title="What became of the feed")
    for c in feed:
        table.add_row(c.site or "-", c.topic, c.outcome.replace("_", " "), c.reason, str(c.resources))
    return table


def _conformance(summaries: Sequence[Summary]) -> Table:
    columns = ("site", "type", "profile", "judged", "not conformant", "unjudged")
    table = Table(*columns, title="Conformance to FHIR of what is in scope")
    for s in summaries:
        counts = (str(s.judged), str(s.not_conformant), str(s.unjudged))
        table.add_row(s.site, s.resource_type, escape(s.profile) or "-", *counts)
    return table


def _faults(faults: Sequence[Fault], most: int = 30) -> Table:
    title = "What does not conform" + (f" (the first {most} of {len(faults)})" if len(faults) > most else "")
    table = Table("site", "profile", "element", "fault", "resources", title=title)
    for f in faults[:most]:
        table.add_row(f.site, escape(f.profile) or "-", escape(f.path), escape(f.issue), str(f.resources))
    return table
