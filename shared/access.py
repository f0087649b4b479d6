"""THE table of what each service, and who operates them, may do on Kafka, derived from the table of topics. Decides nothing else.

A service is the user `graftwatch-<service>` and its consumer group has the same name. Whatever is not a right is refused by
a broker that denies by default (`StandardAuthorizer` without `allow.everyone.if.no.acl.found`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from shared import topics

SERVICES: Final = tuple(
    sorted(
        {name for t in topics.ALL for name in (*t.producers, *t.consumers)} - {topics.HOSPITAL},
    )
)
"""Every service that speaks to Kafka."""
OPERATOR: Final = "operator"
"""Who looks whether all is well (`graftwatch status`): sees which topics and groups there are and where they end, no record."""
USERS: Final = (*SERVICES, OPERATOR)


@dataclass(frozen=True)
class Right:
    """What may be done with one topic or consumer group, in Kafka's own words."""

    resource: Literal["topic", "group"]
    name: str
    operations: tuple[str, ...]


def principal(service: str) -> str:
    """The user as whom a service logs in to Kafka, and the name of its consumer group."""
    return f"graftwatch-{service}"


def rights(service: str) -> tuple[Right, ...]:
    """What a service may do: read what it consumes, write what it produces, lead its own group; the operator: describe all."""
    if service == OPERATOR:
        groups = [principal(s) for s in SERVICES if any(s in t.consumers for t in topics.ALL)]
        return (
            *(Right("topic", t.name, ("Describe",)) for t in topics.ALL),
            *(Right("group", name, ("Describe",)) for name in groups),
        )
    read = [Right("topic", t.name, ("Read", "Describe")) for t in topics.ALL if service in t.consumers]
    write = [Right("topic", t.name, ("Write", "Describe")) for t in topics.ALL if service in t.producers]
    group = [Right("group", principal(service), ("Read", "Describe"))] if read else []
    return (*read, *write, *group)
