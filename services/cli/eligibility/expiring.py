"""`graftwatch expiring`: whose answers time alone is about to change. Decides nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from services.cli.eligibility import source
from services.eligibility.attrition import BEING_SCREENED
from services.eligibility.expiring import expiring as about_to_expire
from shared.runtime.postgres import Pool


def expiring(
    days: Annotated[int, typer.Option("--within", min=1, max=3650, help="Days from the last evaluation.")] = 7,
    protocol: source.OneProtocol = None,
    protocols: source.Protocols = None,
    demo: source.OfDemo = False,
    home: source.Home = source.DEFAULT_HOME,
    as_json: source.AsJson = False,
) -> None:
    """List the answers that end soon without news: a laboratory value growing too old, an attestation, a birthday."""
    asked = source.chosen(protocol, protocols)
    with source.home_of(home, demo) as (_, url):
        found = source.read(url, lambda pool: _found(pool, list(asked), timedelta(days=days)))
    if as_json:
        typer.echo(msgspec.json.encode(found))
        return
    console = Console(highlight=False, soft_wrap=True)
    for entry in found:
        console.print(
            f"{entry['valid_until'][:10]} {entry['patient']} {entry['protocol']} {entry['criterion']} "
            f"{entry['verdict']}: {escape(entry['says'])}"
        )
    if not found:
        console.print(f"nothing ends within {days} days")


async def _found(pool: Pool, protocols: list[str], within: timedelta) -> list[dict[str, str]]:
    at = await source.decided_at(pool)
    found = [
        {"patient": str(patient), "protocol": protocol, "status": content["status"], **msgspec.to_builtins(e)}
        for protocol in protocols
        for patient, content in (await source.screening(pool, protocol)).items()
        if content["status"] in BEING_SCREENED
        for e in about_to_expire(content, at, within)
    ]
    return sorted(found, key=lambda e: (e["valid_until"], e["patient"], e["protocol"], e["criterion"]))
