"""`graftwatch safety-report`: the trial's figures of harm as of a date. Decides nothing: `services.safety.figures` does."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from services.cli.eligibility import source
from services.safety.figures import Harm, SafetyFigures, figures
from shared.protocol.model import Protocol
from shared.runtime import clock
from shared.runtime.postgres import Pool
from shared.timeline import Timeline

At = Annotated[str | None, typer.Option(help="Date or instant of the figures; now otherwise.")]


def safety_report(
    at: At = None,
    protocol: source.OneProtocol = None,
    protocols: source.Protocols = None,
    demo: source.OfDemo = False,
    home: source.Home = source.DEFAULT_HOME,
    as_json: source.AsJson = False,
) -> None:
    """Patients with a serious adverse event, rates by exposure, rejection by competing risk, and the boundary."""
    asked, when = source.chosen(protocol, protocols), source.at_of(at) or clock.wall()
    timelines = every_timeline(home, demo)
    found = [figures(timelines, p, when) for p in asked.values()]
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    console = Console(highlight=False, soft_wrap=True)
    for one, chosen in zip(found, asked.values(), strict=True):
        _show(one, chosen, when, console)


def every_timeline(home: source.Home, demo: bool) -> list[Timeline]:
    """All timelines of the database."""

    async def reading(pool: Pool) -> list[Timeline]:
        return [timeline async for timeline in source.timelines(pool, lambda _, __: None)]

    with source.home_of(home, demo) as (_, url):
        return source.read(url, reading)


def _show(found: SafetyFigures, protocol: Protocol, at: datetime, console: Console) -> None:
    console.print(f"\n[bold]{protocol.title}[/bold] ({found.protocol}, version {found.version}) as of {at.date()}")
    console.print(f"{found.treated} treated, {found.deaths} died")
    console.print(f"  with a serious adverse event, related or not assessed: {_harm(found.sae)}")
    console.print(f"  with a serious adverse event of any cause: {_harm(found.sae_all_causes)}")
    last = found.rejection_incidence[-1] if found.rejection_incidence else None
    spread = f" ({last.low}-{last.high} %)" if last is not None and last.low is not None else ""
    curve = f"{last.percent} %{spread} from day {last.days}" if last is not None else "0 %"
    console.print(f"  graft rejection: {found.rejections} patients, cumulative incidence {curve}, death competing")
    stopping = found.stopping
    limit = f"stop from {stopping.stop_from}" if stopping.stop_from is not None else "no boundary yet"
    reached = "REACHED" if stopping.is_reached else "not reached"
    certainty = f"rate above the bound with probability {stopping.probability_above}"
    console.print(f"  stopping boundary {reached}: {certainty}; {limit} of {stopping.treated}")
    console.print(
        f"  reports overdue: {found.overdue_reports}; patients with a surveillance gap: {found.surveillance_gaps}"
    )


def _harm(harm: Harm) -> str:
    percent = f"{harm.percent} %" if harm.percent is not None else "-"
    rate = harm.rate
    if rate.per_100_patient_years is None:
        return f"{harm.patients} of {harm.treated} ({percent})"
    return (
        f"{harm.patients} of {harm.treated} ({percent}), {rate.per_100_patient_years} ({rate.low}-{rate.high}) "
        "per 100 patient-years"
    )
