"""`graftwatch fhir study` and `graftwatch fhir candidates`: trial and screening list as FHIR Bundles. Decides nothing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import typer

from services.cli.eligibility import source
from shared.runtime.postgres import Pool

fhir_app = typer.Typer(
    no_args_is_help=True, help="Print trials and screening lists as FHIR (R4B); patients by pseudonym."
)


@fhir_app.command()
def study(protocol: source.OneProtocol = None, protocols: source.Protocols = None) -> None:
    """Print a Bundle of ResearchStudy, Group and EvidenceVariable; one line for each protocol."""
    from shared.fhir.out.candidates import study_bundle  # noqa: PLC0415 - its classes take a while to load

    for asked in source.chosen(protocol, protocols).values():
        typer.echo(study_bundle(asked).model_dump_json())


@fhir_app.command()
def candidates(
    protocol: source.OneProtocol = None,
    protocols: source.Protocols = None,
    demo: source.OfDemo = False,
    home: source.Home = source.DEFAULT_HOME,
) -> None:
    """Print a Bundle of the screening List, its ResearchSubjects and the ResearchStudy; one line for each protocol."""
    from shared.fhir.out.candidates import candidates_bundle  # noqa: PLC0415 - its classes take a while to load

    asked = source.chosen(protocol, protocols)
    with source.home_of(home, demo) as (_, url):
        at, found = source.read(url, lambda pool: _found(pool, list(asked)))
    for name, statuses in found.items():
        typer.echo(candidates_bundle(asked[name], statuses, at).model_dump_json())


async def _found(pool: Pool, protocols: list[str]) -> tuple[datetime, dict[str, dict[UUID, tuple[str, str]]]]:
    statuses = {
        protocol: {p: (c["status"], c["says"]) for p, c in (await source.screening(pool, protocol)).items()}
        for protocol in protocols
    }
    return await source.decided_at(pool), statuses
