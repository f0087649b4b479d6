"""An attested statement as a FHIR R4 Observation: what staff state of a patient, a criterion or a case. Decides nothing.

The one writer of such records; `shared.fhir.attestation` reads them, and `shared.reviews` lists those about a case.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from fhir.resources.R4B.observation import Observation

from shared.codes import LOCAL_SYSTEM, PSEUDONYM_SYSTEM
from shared.facts import Amendment
from shared.reviews import DEGREE, MERGED_INTO, NOT_SERIOUS
from shared.terminology import concept

CASE_SYSTEM: Final = "https://graftwatch.example/fhir/NamingSystem/case"


def observation(  # noqa: PLR0913 - the parts of one statement
    code: str,
    *,
    id_: str,
    patient: str | UUID,
    practitioner: str,
    at: datetime,
    value: bool = True,
    by_name: str | None = None,
    sent_at: datetime | None = None,
    expires: date | None = None,
    case: str | None = None,
    reason: str | None = None,
    into: str | None = None,
    amends: Amendment | None = None,
    degree: str | None = None,
) -> Observation:
    """One statement; `patient` is an id of the site or the pseudonym, `practitioner` an id, `case` and `into` ids of cases.

    `at` is when it holds from, `sent_at` (else the same) when the record was made.
    """
    made_at = (sent_at or at).isoformat()
    body: dict[str, Any] = {
        "id": id_,
        "meta": {"versionId": "1", "lastUpdated": made_at},
        "status": "final",
        "category": [{"coding": [_local("attestation")]}],
        "code": {"coding": [{**_local(code), "display": concept(code).display}]},
        "subject": _subject(patient),
        "issued": made_at,
        "performer": [{"reference": f"Practitioner/{practitioner}", **_named("display", by_name)}],
        "valueBoolean": value,
        **_holding(at, expires),
    }
    if case is not None:
        body["focus"] = [{"identifier": {"system": CASE_SYSTEM, "value": case}}]
    if reason is not None:
        body["note"] = [{"text": reason, **_named("authorString", by_name), "time": made_at}]
    components = [*_merged(into), *_amended(amends)]
    if degree is not None:
        components.append(_component(DEGREE, valueCodeableConcept=_coded(degree)))
    if components:
        body["component"] = components
    return Observation.model_validate(body)


def withdrawn(record: str, *, at: datetime, reason: str, by_name: str) -> Observation:
    """The next version of a statement that should never have been made: entered in error, with who says so and why.

    Never older than the statement, though the clock may have been set back since: it would change nothing.
    """
    body: dict[str, Any] = msgspec.json.decode(record)
    number, stated_at = int(body["meta"]["versionId"]) + 1, datetime.fromisoformat(body["meta"]["lastUpdated"])
    body["meta"] = {"versionId": str(number), "lastUpdated": max(at, stated_at).isoformat()}
    body["status"] = "entered-in-error"
    body["note"] = [{"text": reason, "authorString": by_name, "time": at.isoformat()}]
    return Observation.model_validate(body)


def _subject(patient: str | UUID) -> dict[str, Any]:
    if isinstance(patient, UUID):
        return {"type": "Patient", "identifier": {"system": PSEUDONYM_SYSTEM, "value": str(patient)}}
    return {"reference": f"Patient/{patient}"}


def _named(element: str, name: str | None) -> dict[str, str]:
    return {} if name is None else {element: name}


def _holding(at: datetime, expires: date | None) -> dict[str, Any]:
    if expires is None:
        return {"effectiveDateTime": at.isoformat()}
    return {"effectivePeriod": {"start": at.isoformat(), "end": expires.isoformat()}}


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
