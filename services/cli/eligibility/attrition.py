"""`graftwatch attrition`: where a trial loses its patients, as a table, as JSON and as a picture. Decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from services.cli.eligibility import source
from services.cli.eligibility.picture import draw
from services.eligibility.attrition import Attrition, count
from services.eligibility.status import NOT_CANDIDATE
from shared.runtime.postgres import Pool


def attrition(
    protocol: source.OneProtocol = None,
    protocols: source.Protocols = None,
    svg: Annotated[Path | None, typer.Option(help="Also draw the flow of patients into this SVG file.")] = None,
    demo: source.OfDemo = False,
    home: source.Home = source.DEFAULT_HOME,
    as_json: source.AsJson = False,
) -> None:
    """Count where patients are lost: candidates, screened, and per criterion who fails, is open, or fails only that."""
    asked = source.chosen(protocol, protocols)
    with source.home_of(home, demo) as (_, url):
        contents = source.read(url, lambda pool: _contents(pool, list(asked)))
    counted = [count(p, contents[p.id]) for p in asked.values()]
    if svg is not None:
        _write(svg, counted)
    if as_json:
        typer.echo(msgspec.json.encode(counted))
        return
    console = Console(highlight=False)
    for one in counted:
        _show(one, console)


async def _contents(pool: Pool, protocols: list[str]) -> dict[str, list[dict[str, object]]]:
    return {protocol: list((await source.screening(pool, protocol)).values()) for protocol in protocols}


def _write(path: Path, counted: list[Attrition]) -> None:
    """One picture per protocol: the named file, or with several protocols one beside it for each."""
    for one in counted:
        target = path if len(counted) == 1 else path.with_name(f"{path.stem}-{one.protocol}{path.suffix}")
        target.write_text(draw(one), encoding="utf-8")


def _show(counted: Attrition, console: Console) -> None:
    console.print(f"\n[bold]{counted.title}[/bold] ({counted.protocol}, version {counted.version})")
    console.print(f"{counted.patients} patients; {counted.statuses[NOT_CANDIDATE]} no candidates")
    for what, patients in counted.lacking.items():
        console.print(f"  {patients} without evidence of {what}")
    statuses = {s: n for s, n in counted.statuses.items() if s != NOT_CANDIDATE}
    console.print(", ".join(f"{n} {status.replace('_', ' ')}" for status, n in statuses.items()))
    table = Table(title=f"Criteria of the {counted.screened} being screened")
    for head in ("criterion", "title"):
        table.add_column(head)
    for head in ("fails", "unknown", "conflict", "fails only this", "alone in the way", "remaining"):
        table.add_column(head, justify="right")
    for c in counted.criteria:
        numbers = (c.fails, c.unknown, c.conflict, c.fails_only_this, c.stands_alone, c.remaining)
        label = c.id if c.role == "inclusion" else f"{c.id} (exclusion)"
        table.add_row(label, c.title, *(str(n) for n in numbers))
    console.print(table)
