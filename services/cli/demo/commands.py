"""`graftwatch demo`: runs the demonstration in the terminal; exit code 1 on any mismatch or unaccounted message."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from services.cli.demo import report
from services.cli.demo.run import Plan, Progress, console_address, demonstrate
from services.cli.stack import StackError
from services.cli.stack.model import BrokerKind

DEMO_DATE: Final = "2025-06-30"
SUMMARY: Final = "demo-summary.json"


def demo(
    as_of: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The date to evaluate at.")] = DEMO_DATE,  # type: ignore[assignment] # typer parses it
    seed: Annotated[int, typer.Option(help="Seed of the simulated cohort.")] = 42,
    rate: Annotated[int, typer.Option(min=1, help="Messages a second.")] = 600,
    broker: Annotated[BrokerKind, typer.Option(help="The broker to run.")] = "embedded",
    home: Annotated[Path, typer.Option(help="The directory of the local stack.")] = Path(".graftwatch"),
    sites: Annotated[Path, typer.Option(help="Folder of site files.")] = Path("deploy/sites"),
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running, with the console.")] = False,
) -> None:
    """Stream two hospitals through the real stack and compare what is concluded with what was built in."""
    console = Console()
    plan = Plan(home.resolve() / "demo", sites, _day(as_of), seed, rate, broker, keep)
    with _bars(console) as bars:
        try:
            summary = demonstrate(plan, _progress(bars, console))
        except StackError as error:
            console.print(f"error: {error}", style="red", highlight=False)
            raise typer.Exit(1) from None
    report.show(summary, console)
    path = home / SUMMARY
    path.write_bytes(msgspec.json.format(msgspec.json.encode(summary), indent=2))
    console.print(f"written: {path}; one patient's story: graftwatch timeline PATIENT --demo", highlight=False)
    console.print(_console(plan, keep), highlight=False)
    if not summary.is_right:
        raise typer.Exit(1)


def _console(plan: Plan, keep: bool) -> str:
    if not keep:
        return "console: `make demo KEEP=1` leaves it running at an address it then names"
    stop = f"graftwatch stack down --home {plan.home}"
    return f"console: {console_address(plan.home)} (log in by choosing who you are); to stop everything: {stop}"


def _day(value: datetime) -> date:
    return value.date()


def _bars(console: Console) -> Bars:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Bars(*columns, console=console, transient=False)


def _progress(bars: Bars, console: Console) -> Progress:
    current: list[int] = []

    def begin(title: str, total: int) -> None:
        current[:] = [bars.add_task(title, total=total)]

    return Progress(
        say=lambda text: console.print(f"· {text}", highlight=False),
        begin=begin,
        advance=lambda n: bars.advance(current[0], n),  # type: ignore[arg-type] # rich's TaskID is an int
    )
