"""Decides what a site's feed is read for: every code and name by which something that is asked for may come.

Does not decide what is asked for: that is the scope's.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared import terminology
from shared.fhir.resource import READERS
from shared.fhir.scope import Scope
from shared.sites import Site


def asked_of(site: Site, scope: Scope) -> frozenset[str]:
    """`concept|system|code`, `concept|name` of a drug, and the types that are read."""
    return frozenset(_entries(site, scope))


def _entries(site: Site, scope: Scope) -> Iterator[str]:
    for concept_id in scope.concepts:
        concept = terminology.concept(concept_id)
        yield from (f"{concept_id}|{row.code.system}|{row.code.value}" for row in concept.codes)
        yield from (f"{concept_id}|{name}" for name in concept.names)
        yield concept_id
    yield from (f"{m.concept}|{m.system}|{m.code}" for m in site.codes if m.concept in scope.concepts)
    yield from (f"type|{type_}" for type_ in READERS)
