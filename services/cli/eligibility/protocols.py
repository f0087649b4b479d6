"""`graftwatch protocol check FILE…` and `graftwatch protocol schema`: for whoever writes a protocol. Decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from shared.protocol import load as protocol_files
from shared.protocol.criteria import with_nested
from shared.protocol.load import protocol_hash
from shared.protocol.model import Protocol
from shared.protocol.schema import schema
from shared.protocol.sourced import sourced
from shared.sites import ConfigurationError

protocol_app = typer.Typer(no_args_is_help=True, help="Check protocol files, or print what such a file may say.")


@protocol_app.command()
def check(files: Annotated[list[Path], typer.Argument(help="Protocol files.")]) -> None:
    """Say of each file whether it is a protocol; every fault with its line. Exit code 1 if any file has one."""
    wrong = False
    for file in files:
        try:
            typer.echo(f"{file}: {_described(protocol_files.load_file(file))}")
        except ConfigurationError as error:
            wrong = True
            typer.echo(str(error))
    if wrong:
        raise typer.Exit(1)


@protocol_app.command(name="schema")
def print_schema() -> None:
    """Print the JSON Schema of a protocol file, for editors."""
    typer.echo(msgspec.json.format(msgspec.json.encode(schema()), indent=2))


def _described(protocol: Protocol) -> str:
    screening = protocol.screening
    criteria = list(with_nested((*screening.inclusion, *screening.exclusion)))
    assumed = [path for path, value in sourced(protocol) if value.assumed]
    described = (
        f"{protocol.id} version {protocol.version}, {len(screening.inclusion)} inclusion and "
        f"{len(screening.exclusion)} exclusion criteria ({len(criteria)} with their parts), "
        f"hash {protocol_hash(protocol)[:12]}"
    )
    return described + (f"; {len(assumed)} values are assumed: confirm them" if assumed else "")
