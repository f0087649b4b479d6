"""Decides what the intake says of itself: its CapabilityStatement, of each version of FHIR. Decides nothing about a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from shared.fhir.resource import READERS
from shared.sites import Site

# The models have no release of FHIR 4.0.1 of their own; in what is said here, R4, R4B and R5 agree.
NUMBERS: Final[Mapping[str, str]] = {"R4": "4.0.1", "R4B": "4.3.0", "R5": "5.0.0"}
_PUBLISHED_ON: Final = "2026-11-23"
"""Of the contract, which this file states: moves when it does."""
_RULES: Final = (
    "Records are taken, not served. 202 means that the broker has the record with the sender's bytes; whether it is "
    "accepted is decided afterwards, and what is rejected becomes a dead letter. Other types are taken and are out of scope. "
    "The id is the sender's; a POST assigns none. Conditional requests are not supported."
)
_INTERACTIONS: Final = ("create", "update", "delete")


def version_to_state(asked_by: Site | None, sites: Iterable[Site]) -> str:
    """The version of FHIR of the site that asks; of one that is not known, the version that all sites share, else R4."""
    if asked_by is not None:
        return asked_by.fhir_version
    versions = {s.fhir_version for s in sites}
    return versions.pop() if len(versions) == 1 else "R4"


@cache
def statement(fhir_version: str) -> bytes:
    """The CapabilityStatement as JSON."""
    made = CapabilityStatement.model_validate(
        {
            "status": "active",
            "date": _PUBLISHED_ON,
            "kind": "instance",
            "software": {"name": "Graftwatch", "version": version("graftwatch")},
            "implementation": {"description": "Graftwatch: FHIR intake of the feed"},
            "fhirVersion": NUMBERS[fhir_version],
            "format": ["application/fhir+json"],
            "rest": [
                {
                    "mode": "server",
                    "documentation": _RULES,
                    "security": {"cors": False, "description": "Bearer token of the site (RFC 6750)."},
                    "resource": [_resource(type_) for type_ in sorted(READERS)],
                    "interaction": [{"code": "transaction"}, {"code": "batch"}],
                }
            ],
        }
    )
    raw: str = made.model_dump_json()
    return raw.encode()


def _resource(type_: str) -> dict[str, Any]:
    return {
        "type": type_,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "updateCreate": True,
        "conditionalCreate": False,
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
    }
