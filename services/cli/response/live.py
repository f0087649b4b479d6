"""`graftwatch figures`: the trial's figures as the response service keeps them live. Computes nothing."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from services.cli import installation
from services.cli.response import choice
from services.cli.response.report import Chosen, Demo, Home
from services.cli.stack import StackError
from shared.runtime import postgres
from shared.runtime.trial_figures import Kept, kept


def figures(
    at: Annotated[
        datetime | None,
        typer.Option("--at", formats=["%Y-%m-%d"], help="As they stood on that day; without it, the newest."),
    ] = None,
    protocol: Chosen = None,
    demo: Demo = False,
    home: Home = Path(".graftwatch"),
) -> None:
    """Show the trial's figures as they are kept live; `report` computes them anew for any data cut-off."""
    chosen, up_to = choice.protocol(protocol), at.date() if at is not None else date.max
    with installation.database(home.resolve() / "demo" if demo else home.resolve()) as url:
        found = asyncio.run(_read(url, chosen.id, up_to))
    if found is None:
        raise StackError(f"no figures of {chosen.id} up to that day: is the response service running?")
    _show(found, chosen.id, Console())


async def _read(url: str, protocol: str, up_to: date) -> Kept | None:
    async with await postgres.connect(url, "reader", size=1) as pool:
        return await kept(pool, "response", protocol, up_to)


def _show(found: Kept, protocol: str, console: Console) -> None:
    computed = found.computed_at.strftime("%Y-%m-%d %H:%M:%S UTC")
    console.print(f"{protocol}: data cut-off {found.cut_off_on}, computed {computed}, {found.treated} treated patients")
    table = Table("", "unconfirmed", "confirmed")
    for rate in found.content["figures"]["rates"]:
        table.add_row(rate["name"], _part(rate["unconfirmed"]), _part(rate["confirmed"]))
    console.print(table)
    times = Table("", "patients", "events", "median, months (95 %)", "without event at 2 years (95 %)")
    for d in found.content["figures"]["durations"]:
        curve = d["curve"]
        counts = str(curve["patients"]), str(curve["events"])
        times.add_row(d["name"], *counts, _estimate(d["median_months"]), _estimate(d["two_years_percent"]))
    console.print(times)


def _part(part: dict[str, Any]) -> str:
    if part["percent"] is None:
        return "nobody treated"
    return f"{part['count']} of {part['of']}: {part['percent']:.1f} % ({part['low']:.1f}-{part['high']:.1f})"


def _estimate(e: dict[str, float | None]) -> str:
    value, low, high = ("NR" if v is None else f"{v:.1f}" for v in (e["value"], e["low"], e["high"]))
    return f"{value} ({low}-{high})"
