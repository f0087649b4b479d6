"""`graftwatch rescreen`: everybody who was screened under another protocol or other rules, anew, with progress.

Decides nothing: it is the sweep of the running service's reconciliation, in the foreground. Stopped at any time, it goes
on where it was; beside the service, or several times over, they share the work.
"""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer

from services.cli import installation
from services.cli.eligibility import source
from services.cli.stack import StackError
from services.eligibility import evaluate as eligibility
from shared.protocol.load import protocol_hash
from shared.protocol.model import Protocol
from shared.runtime import postgres
from shared.runtime.clock import Clock
from shared.runtime.evaluator import Evaluator
from shared.runtime.reconcile import Reconciliation

_AT_ONCE: Final = timedelta(0)
_SAID_SECONDS: Final = 1.0


def rescreen(
    protocols: source.Protocols = None,
    at: Annotated[str | None, typer.Option(help="A fixed evaluation time; the database's clock otherwise.")] = None,
    count: Annotated[bool, typer.Option("--count", help="Only say how many patients are behind.")] = False,
    home: source.Home = source.DEFAULT_HOME,
    demo: source.OfDemo = False,
) -> None:
    """Screen everybody anew whose decision was made under another protocol or other rules; interrupted, it goes on."""
    when, in_force = source.at_of(at), source.chosen(None, protocols)
    for protocol in in_force.values():
        typer.echo(f"{protocol.id} version {protocol.version}, hash {protocol_hash(protocol)[:12]}")
    with source.home_of(home, demo) as (_, url):
        if not count:
            installation.migrate(url, protocols)
        try:
            done = asyncio.run(_run(url, in_force, when, count))
        except KeyboardInterrupt:
            raise StackError("stopped; what is done is done. Run the same command to go on.") from None
    typer.echo(f"{done} patients are behind" if count else f"{done} patients screened; nobody is behind")


async def _run(url: str, in_force: dict[str, Protocol], at: datetime | None, count: bool) -> int:
    async with await postgres.connect(url, "eligibility", size=2) as pool:
        evaluator = Evaluator("eligibility", eligibility, pool, in_force, Clock(at))
        if count:
            async with pool.acquire() as connection:
                return await evaluator.count_behind(connection, _AT_ONCE)
        return await Reconciliation(evaluator, pool, _AT_ONCE).sweep(Progress())


class Progress:
    """Says how many are done, how fast, and how long it will take: in place on a terminal, a line a second elsewhere."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._next = self._started + _SAID_SECONDS

    def __call__(self, done: int, of: int) -> None:
        now = time.monotonic()
        if done < of and now < self._next:
            return
        self._next = now + _SAID_SECONDS
        rate = done / max(now - self._started, 1e-9)
        left = f", about {(of - done) / rate:.0f} s left" if 0 < done < of else ""
        line = f"{done} of {of} patients, {rate:.0f}/s{left}"
        if sys.stderr.isatty():
            end = "\n" if done == of else ""
            sys.stderr.write(f"\r{line:<60}{end}")
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
