"""How far what sites send conforms to FHIR, as counted: no record and no value. Decides nothing."""

from __future__ import annotations

import msgspec


class Summary(msgspec.Struct, frozen=True):
    """How much of a site, type and profile conforms."""

    site: str
    resource_type: str
    profile: str
    judged: int
    not_conformant: int
    unjudged: int


class Fault(msgspec.Struct, frozen=True):
    """One way in which resources do not conform: element, kind of fault, and how many judged resources have it."""

    site: str
    resource_type: str
    profile: str
    path: str
    issue: str
    resources: int
