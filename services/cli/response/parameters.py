"""The parameters of a protocol that response and endpoints were derived by, each with its source. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator

from shared.protocol.model import Protocol
from shared.protocol.sourced import Sourced, sourced


def rows(protocol: Protocol) -> Iterator[tuple[str, str, Sourced[object]]]:
    """Name, value in words, and the value with its source."""
    for section in (protocol.treatment, protocol.response, protocol.endpoints):
        for name, stated in sourced(section):
            yield name.replace("_", " "), _words(stated.value), stated


def _words(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)
