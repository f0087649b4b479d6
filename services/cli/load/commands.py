"""`graftwatch load PATH… --site SITE`: back-fills files in the terminal; exit code 1 if anything was not sent."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from services.cli.installation import DEFAULT_HOME
from services.cli.load import bookmark, source
from services.cli.load.bookmark import Bookmarks
from services.cli.load.send import Load, Problem, Report, Watcher
from services.cli.stack import StackError, current, external
from shared.runtime import kafka
from shared.runtime.kafka_access import OPEN, Security
from shared.sites import load as load_sites

_SHOWN: Final = 20


def load(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders: NDJSON, or JSON Bundles; .gz too.")],
    site: Annotated[str, typer.Option(help="The site whose records these are.")],
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew instead of where it stopped.")] = False,
    home: Annotated[
        Path, typer.Option(help="The directory of the local stack, and of what is remembered.")
    ] = DEFAULT_HOME,
    sites: Annotated[Path, typer.Option(envvar="GRAFTWATCH_SITES", help="Folder of site files.")] = Path(
        "deploy/sites"
    ),
) -> None:
    """Back-fill a site's Bulk Data files through the feed; run again, it goes on where it stopped."""
    known = load_sites(sites)
    if site not in known:
        raise StackError(f"--site: {site!r} is none of {', '.join(sorted(known))} (in {sites})")
    found = source.files(paths)
    servers, security, epoch = broker_of(home.resolve())
    console = Console()
    with bookmark.kept(home.resolve(), site, epoch, restart) as bookmarks:
        report, problems = _run(console, (servers, security), site, found, bookmarks)
    _show(console, site, len(found), report, problems)
    if report.refused or report.refused_before or report.damaged:
        raise typer.Exit(1)


def broker_of(home: Path) -> tuple[str, Security, str]:
    """Address, access and feed epoch of the broker: the environment's (`graftwatch env`), else the local stack's."""
    servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if servers:
        return servers, external.security(), os.environ.get("GRAFTWATCH_FEED_EPOCH", "")
    stack = current(home)
    if stack is None:
        raise StackError(f"No stack in {home}; run `graftwatch stack up`, or set KAFKA_BOOTSTRAP_SERVERS.")
    return stack.bootstrap_servers, OPEN, stack.feed_epoch


def _run(
    console: Console, broker: tuple[str, Security], site: str, found: Sequence[Path], bookmarks: Bookmarks
) -> tuple[Report, int]:
    # What fails is told to the user from the error; the client's own log would say it again, amid the bar.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    problems = 0

    def problem(found: Problem) -> None:
        nonlocal problems
        problems += found.line is not None
        if problems <= _SHOWN or found.line is None:
            console.print(f"not sent: {found}", style="red", highlight=False, markup=False, soft_wrap=True)

    with _bar(console) as bar:
        task = bar.add_task(f"loading {site}", total=sum(p.stat().st_size for p in found))
        watcher = Watcher(lambda n: bar.advance(task, n), problem)
        try:
            return asyncio.run(_send(broker, site, found, bookmarks, watcher)), problems
        except KeyboardInterrupt:
            raise StackError("stopped; the same command goes on where it stopped") from None


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console)


async def _send(
    broker: tuple[str, Security], site: str, found: Sequence[Path], bookmarks: Bookmarks, watcher: Watcher
) -> Report:
    producer = await kafka.producer(*broker)
    try:
        return await Load(site, producer, bookmarks, watcher).run(found)
    finally:
        await producer.stop()


def _show(console: Console, site: str, files: int, report: Report, problems: int) -> None:
    if problems > _SHOWN:
        console.print(f"… and {problems - _SHOWN:,} more were not sent", style="red", highlight=False)
    table = Table(title=f"Loaded for {site}, {files:,} files", title_justify="left")
    table.add_column("type")
    table.add_column("sent", justify="right")
    for type_, n in sorted(report.sent.items()):
        table.add_row(type_, f"{n:,}")
    table.add_section()
    table.add_row("sent now", f"{report.sent.total():,}")
    table.add_row("sent by earlier runs", f"{report.sent_before:,}")
    table.add_row("not sent (named above, or by earlier runs)", f"{report.refused + report.refused_before:,}")
    table.add_row("damaged files", f"{report.damaged:,}")
    console.print(table)
