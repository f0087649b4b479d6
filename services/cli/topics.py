"""`graftwatch topics`: the topics of this installation on its own Kafka. Decides nothing: table and site files say which."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from services.cli.stack import TopicSpec, create_topics
from services.cli.stack.external import security
from shared import sites as site_files
from shared import topics
from shared.runtime import settings

_SAFE_REPLICATION: Final = 3
_IN_SYNC: Final = "2"
"""Of three copies two have a record before it counts: one broker may fail and nothing waits, nothing is lost."""


def wanted(partitions: int, replication: int, of_sites: list[str]) -> list[TopicSpec]:
    """Every topic of the table, and those that sites have for themselves, which are like the other feed topics."""
    safety = {"min.insync.replicas": _IN_SYNC} if replication >= _SAFE_REPLICATION else {}
    table = [TopicSpec(t.name, partitions, {**t.settings, **safety}) for t in topics.ALL]
    own = {**topics.RESOURCES.settings, **safety}
    return [*table, *(TopicSpec(name, partitions, own) for name in of_sites)]


def create(
    partitions: Annotated[
        int, typer.Option(min=1, max=10_000, help="Most workers of a service.")
    ] = topics.DEFAULT_PARTITIONS,
    replication: Annotated[int, typer.Option(min=1, max=7, help="Copies of each record, on as many brokers.")] = 3,
    sites: Annotated[Path, typer.Option(envvar="GRAFTWATCH_SITES", help="Folder of site files.")] = Path(
        "deploy/sites"
    ),
) -> None:
    """Create the topics that are missing at KAFKA_BOOTSTRAP_SERVERS; one that exists is left as it is."""
    servers = settings.load_kafka().kafka_bootstrap_servers
    own = sorted({t for site in site_files.load(sites).values() for t in site.topics})
    specs = wanted(partitions, replication, own)
    for name in create_topics(servers, specs, security(), replication=replication):
        typer.echo(f"created {name}")
    typer.echo(f"{len(specs)} topics, {partitions} partitions each where created now")
