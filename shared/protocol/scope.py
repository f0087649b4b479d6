"""Decides which concepts some protocol asks for: what ingest keeps. Decides nothing about a single record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from shared.fhir.scope import Scope
from shared.protocol.criteria import with_nested
from shared.protocol.model import Protocol, Safety
from shared.rules.ctcae import CONCEPTS
from shared.terminology import Kind, by_kind

# Read by every protocol whatever it asks: the course of response and of rejection cannot be told without
# them.
_RESPONSE_KINDS = (Kind.LESION, Kind.RESPONSE_STATEMENT)
_SAFETY_KINDS = (Kind.BIOPSY, Kind.ATTESTATION, Kind.CATEGORY)
_REJECTION_DIAGNOSES = frozenset(
    {
        "liver-transplant-complication",
        "liver-transplant-rejection",
        "liver-transplant-chronic-rejection",
        "liver-transplant-failure",
        "liver-transplant-infection",
        "liver-transplant-other-complication",
    }
)
# Watched for under any checkpoint inhibitor (hepatitis, pneumonitis, colitis, myocarditis, endocrine, RCCEP).
IMMUNE_RELATED = frozenset(
    {
        "immune-hepatitis",
        "immune-pneumonitis",
        "immune-colitis",
        "immune-myocarditis",
        "immune-thyroiditis",
        "immune-adrenal-insufficiency",
        "immune-hypophysitis",
        "rccep",
    }
)


def scope(protocols: Iterable[Protocol]) -> Scope:
    """What the protocols together ask for; demographics, deaths and stays are kept anyway."""
    concepts = frozenset[str]().union(*(_asked_by(protocol) for protocol in protocols))
    return Scope(concepts, hashlib.sha256("\n".join(sorted(concepts)).encode()).hexdigest())


def _asked_by(protocol: Protocol) -> frozenset[str]:
    screening = protocol.screening
    criteria = (c.concepts() for c in with_nested((*screening.inclusion, *screening.exclusion)))
    candidates = (group.concepts for group in screening.candidate_when.value)
    return frozenset().union(
        *criteria,
        *candidates,
        {protocol.treatment.drug.value},
        protocol.response.anticancer_drugs.value,
        protocol.response.local_treatments.value,
        {protocol.endpoints.marker.value},
        _of_kinds(_RESPONSE_KINDS),
        _asked_for_safety(protocol.safety),
    )


def _asked_for_safety(safety: Safety) -> frozenset[str]:
    drugs = {band.drug for band in safety.immunosuppression}
    troughs = {row.id for row in by_kind(Kind.TROUGH) if row.drug in drugs}
    return frozenset().union(
        CONCEPTS[safety.ctcae_version.value],
        safety.monitored.value,
        safety.rejection_treatment.value,
        drugs,
        troughs,
        _REJECTION_DIAGNOSES,
        IMMUNE_RELATED,
        safety.assessment.listed_diagnoses.value,
        {"donor-specific-antibodies"},
        _of_kinds(_SAFETY_KINDS),
    )


def _of_kinds(kinds: tuple[Kind, ...]) -> frozenset[str]:
    return frozenset(row.id for kind in kinds for row in by_kind(kind))
