"""The life of a record through the real store: statuses, versions in any order, deletions, and what resolves a reference."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import pytest

from services.ingest.app import Ingest
from tests.support.database import Database, difference
from tests.support.feed import (
    CAMRELIZUMAB,
    Feed,
    deletion,
    drugs,
    live_facts,
    patient,
    platelet_counts,
    platelets,
    stamp,
)
from tests.support.feed import administration as given
from tests.support.records import ATC, HL7, ICD, SNOMED, Resource, coded, resource

CONFIRMED = {"code": coded(ICD, "C22.0"), "verificationStatus": coded(HL7 + "condition-ver-status", "confirmed")}
DRUG = {"medicationCodeableConcept": coded(ATC, "L04AD02")}
GRAFT = {"code": coded(SNOMED, "18027006")}
STAY = {"class": {"code": "IMP"}, "period": {"start": "2024-05-03"}}
STATUSES: list[tuple[str, dict[str, Any], dict[str, bool]]] = [
    (
        "Observation",
        {},
        {"final": True, "amended": True, "corrected": True, "preliminary": True, "registered": True}
        | {"cancelled": False, "entered-in-error": False},
    ),
    (
        "MedicationAdministration",
        {**DRUG, "effectiveDateTime": "2024-05-02"},
        {"completed": True, "in-progress": True, "stopped": True, "on-hold": True, "not-done": True, "unknown": True}
        | {"entered-in-error": False},
    ),
    ("MedicationStatement", DRUG, {"active": True, "completed": True, "not-taken": True, "entered-in-error": False}),
    ("MedicationRequest", {**DRUG, "intent": "order"}, {"active": True, "cancelled": False, "entered-in-error": False}),
    ("MedicationDispense", DRUG, {"completed": True, "entered-in-error": False}),
    (
        "Procedure",
        GRAFT,
        {"completed": True, "in-progress": True, "stopped": True, "not-done": True}
        | {"preparation": False, "on-hold": False, "unknown": False, "entered-in-error": False},
    ),
    (
        "Encounter",
        STAY,
        {"in-progress": True, "finished": True, "arrived": True, "planned": False}
        | {"cancelled": False, "entered-in-error": False},
    ),
]
CASES = [(t, e, status, states) for t, e, by_status in STATUSES for status, states in by_status.items()]


@pytest.mark.parametrize(("type_", "elements", "status", "states"), CASES, ids=[f"{t}-{s}" for t, _, s, _ in CASES])
async def test_each_status_states_a_fact_or_takes_back_what_was_stated(
    database: Database, ingest: Ingest, type_: str, elements: dict[str, Any], status: str, states: bool
) -> None:
    """After a version that stated a fact, one in each status: it states a fact, or leaves none."""
    usual = next(iter(dict(next(s for t, _, s in STATUSES if t == type_))))
    source = Feed()
    await ingest.store(source.messages(_in_status(type_, elements, usual, 1)))
    assert len(await live_facts(database)) == 1
    await ingest.store(source.messages(_in_status(type_, elements, status, 2)))
    assert bool(await live_facts(database)) is states
    assert await database.value("SELECT count(*) FROM identity.dead_letter") == 0


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_versions_and_a_deletion_end_alike_in_any_order(
    database: Database, ingest: Ingest, order: Sequence[int]
) -> None:
    """Two versions, the second in error, the third corrected, then deleted: nothing stands, whatever comes first."""
    source = Feed()
    sent = [
        platelets("140", 1),
        platelets("140", 2, status="entered-in-error"),
        platelets("90", 3, status="corrected"),
        deletion("Observation/plt", 4),
    ]
    for place in order:
        await ingest.store(source.messages(sent[place]))
    assert await live_facts(database) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_version_after_a_deletion_brings_the_record_back(
    database: Database, ingest: Ingest, order: Sequence[int]
) -> None:
    """Deleted in version 2, there again in version 3: the third stands, whatever comes first."""
    source = Feed()
    sent = [platelets("140", 1), deletion("Observation/plt", 2), platelets("90", 3)]
    for place in order:
        await ingest.store(source.messages(sent[place]))
    assert await platelet_counts(database, patient()) == ["90"]


async def test_two_versions_that_state_the_same_leave_the_same_facts_in_either_order(
    database: Database, ingest: Ingest
) -> None:
    """What outcomes rest on does not tell which of the two came first; the second changes no timeline."""
    left = []
    for versions in ((1, 2), (2, 1)):
        for version in versions:
            await ingest.store(Feed().messages(platelets("140", version)))
        left.append(await live_facts(database))
        assert await database.value("SELECT version FROM timeline.patient") == 1
        await database.empty("identity", "timeline")
    assert left[0] == left[1]


async def test_a_result_that_moves_to_another_patient_leaves_the_first(database: Database, ingest: Ingest) -> None:
    """A correction of the subject ends the fact here and states it there, in either order of arrival."""
    for order in ((0, 1), (1, 0)):
        sent = [platelets("140", 1, of="p1"), platelets("140", 2, of="p2")]
        for place in order:
            await ingest.store(Feed().messages(sent[place]))
        assert await platelet_counts(database, patient("p1")) == []
        assert await platelet_counts(database, patient("p2")) == ["140"]
        await database.empty("identity", "timeline")


async def test_identical_redelivery_writes_nothing(database: Database, ingest: Ingest) -> None:
    """The same bytes at another place in the feed: known, counted, and no row of record, version or fact is touched."""
    await ingest.store(Feed().messages(platelets("140", 1), given()))
    tables = ("identity.resource", "identity.resource_version", "timeline.fact", "timeline.patient")
    rows = "SELECT xmin::text, ctid::text FROM {} ORDER BY 1, 2"
    before = [await database.rows(rows.format(t)) for t in tables]
    dump = await database.dump("identity")
    await ingest.store(Feed().messages(platelets("140", 1), given()))
    assert [await database.rows(rows.format(t)) for t in tables[1:3]] == before[1:3]
    assert difference(dump, await database.dump("identity")) == {}


async def test_contained_and_bundle_internal_references_are_resolved(database: Database, ingest: Ingest) -> None:
    """A contained Medication; a Patient, a Medication and an administration that name each other by `urn:uuid:`."""
    contained = {"resourceType": "Medication", "id": "m", "code": CAMRELIZUMAB}
    inside = given(id_="inside") | {"medicationReference": {"reference": "#m"}, "contained": [contained]}
    person, drug, dose = (f"urn:uuid:00000000-0000-0000-0000-00000000000{n}" for n in (1, 2, 3))
    entries = [
        (dose, given(id_="linked") | {"subject": {"reference": person}, "medicationReference": {"reference": drug}}),
        (drug, resource("Medication", "m9", code=CAMRELIZUMAB)),
        (person, resource("Patient", "p9", gender="male")),
    ]
    linked = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"fullUrl": url, "resource": r, "request": {"method": "PUT", "url": "x"}} for url, r in entries],
    }
    await ingest.store(Feed().messages(inside, linked))
    assert await drugs(database) == ["camrelizumab", "camrelizumab"]
    rows = await database.rows("SELECT DISTINCT patient FROM timeline.fact WHERE kind = 'drug-exposure'")
    assert {r["patient"] for r in rows} == {patient("p1"), patient("p9")}


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_medication_that_comes_from_elsewhere_completes_whatever_the_order(
    database: Database, ingest: Ingest, order: Sequence[int]
) -> None:
    """An administration, its Medication, and that Medication's correction, each in a message of its own."""
    sent = [
        given(of="m5"),
        resource("Medication", "m5", code=coded(ATC, "N02BE01"), meta=stamp(1)),
        resource("Medication", "m5", code=CAMRELIZUMAB, meta=stamp(2)),
    ]
    for place in order:
        await ingest.store(Feed().messages(sent[place]))
    assert await drugs(database) == ["camrelizumab"]


def _in_status(type_: str, elements: dict[str, Any], status: str, version: int) -> Resource:
    if type_ == "Observation":
        return platelets("140", version, status=status)
    return resource(type_, "r", status=status, meta=stamp(version), **elements)


async def test_a_diagnosis_entered_in_error_or_refuted_is_taken_back(database: Database, ingest: Ingest) -> None:
    """A Condition has no status but its verification: in error it states nothing, refuted it says so."""
    source, wrong = Feed(), {**CONFIRMED, "verificationStatus": coded(HL7 + "condition-ver-status", "entered-in-error")}
    await ingest.store(source.messages(resource("Condition", "c", meta=stamp(1), **CONFIRMED)))
    assert len(await live_facts(database)) == 1
    await ingest.store(source.messages(resource("Condition", "c", meta=stamp(2), **wrong)))
    assert await live_facts(database) == []
