"""An attested statement as a FHIR R4 Observation, such as staff act on a case by. Decides nothing (`shared.reviews`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fhir.resources.R4B.observation import Observation

from shared.codes import LOCAL_SYSTEM
from shared.facts import Amendment
from shared.reviews import MERGED_INTO, NOT_SERIOUS
from shared.terminology import concept


def observation(  # noqa: PLR0913 - the parts of one statement
    code: str,
    *,
    id_: str,
    patient: str,
    practitioner: str,
    at: datetime,
    value: bool = True,
    case: str | None = None,
    reason: str | None = None,
    into: str | None = None,
    amends: Amendment | None = None,
) -> Observation:
    """One statement; `patient` and `practitioner` are ids of the site, `case` and `into` ids of cases."""
    body: dict[str, Any] = {
        "id": id_,
        "meta": {"versionId": "1", "lastUpdated": at.isoformat()},
        "status": "final",
        "category": [{"coding": [_local("attestation")]}],
        "code": {"coding": [{**_local(code), "display": concept(code).display}]},
        "subject": {"reference": f"Patient/{patient}"},
        "performer": [{"reference": f"Practitioner/{practitioner}"}],
        "effectiveDateTime": at.isoformat(),
        "valueBoolean": value,
    }
    if case is not None:
        body["focus"] = [{"identifier": {"value": case}}]
    if reason is not None:
        body["note"] = [{"text": reason}]
    components = [*_merged(into), *_amended(amends)]
    if components:
        body["component"] = components
    return Observation.model_validate(body)


def _merged(into: str | None) -> list[dict[str, Any]]:
    return [] if into is None else [_component(MERGED_INTO, valueString=into)]


def _amended(amends: Amendment | None) -> list[dict[str, Any]]:
    if amends is None:
        return []
    components = []
    if amends.term is not None:
        components.append(_component("amended-term", valueString=amends.term))
    for code, when in (("amended-onset", amends.onset), ("amended-end", amends.ended)):
        if when is not None:
            components.append(_component(code, valueDateTime=when.text))
    if amends.grade is not None:
        components.append(_component("amended-grade", valueInteger=amends.grade))
    if amends.seriousness is not None:
        criteria = amends.seriousness or (NOT_SERIOUS,)
        components += [_component("amended-seriousness", valueCodeableConcept=_coded(c)) for c in criteria]
    if amends.result is not None:
        components.append(_component("amended-outcome", valueCodeableConcept=_coded(amends.result)))
    return components


def _component(code: str, **value: Any) -> dict[str, Any]:
    return {"code": {"coding": [_local(code)]}, **value}


def _coded(code: str) -> dict[str, Any]:
    return {"coding": [_local(code)]}


def _local(code: str) -> dict[str, str]:
    return {"system": LOCAL_SYSTEM, "code": code}
