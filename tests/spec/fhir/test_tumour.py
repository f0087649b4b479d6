"""Specification of the reader: lesions, imaging verdicts, response statements, PD-L1, body sites and specimens."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from shared.facts import (
    BiomarkerResult,
    BodySite,
    ImagingVerdict,
    LesionMeasurement,
    ResponseStatement,
    SpecimenCollected,
)
from shared.fhir.reading import IssueCode, Reason
from shared.quantities import Quantity
from tests.support.records import (
    LOCAL,
    LOINC,
    SNOMED,
    Resource,
    accept,
    amount,
    coded,
    day,
    facts_of,
    leave,
    observation,
    reject,
    resource,
    source,
    without,
)

LESION = {"identifier": {"system": "urn:lesions", "value": "L1"}}
READER = {"reference": "Practitioner/radiologist"}


def part(code: Resource, **value: Any) -> Resource:
    """One component."""
    return {"code": code, **value}


def local(code: str, **value: Any) -> Resource:
    """One component with one of our own codes."""
    return part(coded(LOCAL, code), **value)


LONGEST = part(coded(LOINC, "33728-7"), valueQuantity=amount("34.5", "mm"))


def lesion(*components: Resource, **elements: Any) -> Resource:
    """A measurement of lesion L1 by one reader."""
    usual: dict[str, Any] = {"focus": [LESION], "performer": [READER], "component": list(components)}
    return observation(coded(LOINC, "21889-1"), **(usual | elements))


def measured(**stated: Any) -> LesionMeasurement:
    """The fact of a measurement of L1 of 34.5 mm, but for what is given."""
    usual: dict[str, Any] = {"lesion": "urn:lesions|L1", "reader": "radiologist", "longest_mm": Decimal("34.5")}
    return LesionMeasurement(source=source(), occurred=day(), **(usual | stated))


def test_a_lesion_with_everything() -> None:
    """All components of one lesion are one fact, sizes in mm and the organ by its SNOMED CT code."""
    stated = lesion(
        LONGEST,
        local("viable-diameter", valueQuantity=amount("2.1", "cm")),
        local("short-axis", valueQuantity=amount("12", "mm")),
        local("lesion-role", valueCodeableConcept=coded(LOCAL, "target")),
        local("lesion-state", valueCodeableConcept=coded(LOCAL, "present")),
        local("arterial-hyperenhancement", valueBoolean=True),
        local("washout", valueBoolean=False),
        local("visit-number", valueInteger=3),
        bodySite=coded(SNOMED, "10200004"),
    )
    assert facts_of(stated) == [
        measured(
            role="target",
            state="present",
            viable_mm=Decimal(21),
            short_axis_mm=Decimal(12),
            arterial_hyperenhancement=True,
            washout=False,
            organ="liver",
            visit=3,
        )
    ]


def test_what_is_not_said_stays_unknown() -> None:
    """A lesion without components of ours has neither role nor enhancement: None, never false."""
    assert facts_of(lesion(LONGEST)) == [measured()]


def test_a_lesion_is_known_by_its_body_structure_too() -> None:
    """Without an identifier the BodyStructure is the lesion; with one, it may still give the organ."""
    structure = {"reference": "BodyStructure/b1"}
    assert facts_of(lesion(LONGEST, focus=[structure])) == [measured(lesion="b1", body_structure="b1")]
    assert facts_of(lesion(LONGEST, focus=[structure, LESION])) == [measured(body_structure="b1")]


def test_a_measurement_of_two_lesions_measures_them_as_one() -> None:
    """Lesions that grew together: both are named as focus, by identifier, else by BodyStructure."""
    second = {"identifier": {"system": "urn:lesions", "value": "L2"}}
    assert facts_of(lesion(LONGEST, focus=[LESION, second])) == [measured(merged_with=("urn:lesions|L2",))]
    structures = [{"reference": f"BodyStructure/b{n}"} for n in (1, 2)]
    merged = measured(lesion="b1", body_structure="b1", merged_with=("b2",))
    assert facts_of(lesion(LONGEST, focus=structures)) == [merged]


def test_a_part_names_the_lesion_it_split_from() -> None:
    """By that lesion's identifier, in the system of its own."""
    part_of = local("split-from", valueString="L1")
    own = {"identifier": {"system": "urn:lesions", "value": "L1.1"}}
    stated = lesion(LONGEST, part_of, focus=[own])
    assert facts_of(stated) == [measured(lesion="urn:lesions|L1.1", split_from="urn:lesions|L1")]


def test_a_record_may_be_flagged_as_accepted() -> None:
    """Of several readers' records the trial accepted this one, or did not."""
    for flag in (True, False):
        stated = lesion(LONGEST, local("accepted-reading", valueBoolean=flag))
        assert facts_of(stated) == [measured(accepted=flag)]


def test_a_lesion_is_an_observation_of_its_own() -> None:
    """A lesion as a component of another Observation has no identity of its own, and states nothing."""
    nested = observation({"text": "scan"}, component=[part(coded(LOINC, "21889-1"))], focus=[LESION])
    assert facts_of(nested) == []


def test_an_unknown_body_site_is_an_issue() -> None:
    """A body site that names no organ we know leaves the organ unknown, and is noted."""
    reading = accept(lesion(LONGEST, bodySite=coded(SNOMED, "83418008")))
    assert [issue.code for issue in reading.issues] == [IssueCode.UNMAPPED_CODE]


@pytest.mark.parametrize(
    ("stated", "reason", "path"),
    [
        (lesion(LONGEST, focus=[]), Reason.MISSING, "Observation.focus"),
        (
            lesion(local("short-axis", valueQuantity=amount("12", "kg"))),
            Reason.INCOMPATIBLE_UNIT,
            "Observation.component[0].valueQuantity.code",
        ),
        (
            lesion(LONGEST, local("lesion-role", valueCodeableConcept=coded(LOCAL, "main"))),
            Reason.UNKNOWN_CODE,
            "Observation.component[1].valueCodeableConcept",
        ),
        (
            lesion(local("short-axis", valueQuantity=amount("5", "mm", "<"))),
            Reason.IMPOSSIBLE_VALUE,
            "Observation.component[0].valueQuantity.comparator",
        ),
    ],
)
def test_a_lesion_that_cannot_be_read_is_rejected(stated: Resource, reason: Reason, path: str) -> None:
    """A lesion without identity, with a foreign unit, role or an inexact size is rejected, naming the field."""
    rejected = reject(stated)
    assert (rejected.reason, rejected.path) == (reason, path)


def test_a_code_for_another_thing_is_no_node_at_the_porta_hepatis() -> None:
    """SNOMED CT 85638002, cited for that node at times, means another thing: the organ stays unknown, and is noted."""
    structure = {"resourceType": "BodyStructure", "id": "b1", "patient": {"reference": "Patient/p1"}}
    reading = accept(structure | {"location": coded(SNOMED, "85638002")})
    (fact,) = reading.facts
    assert isinstance(fact, BodySite)
    assert fact.organ is None
    assert [issue.code for issue in reading.issues] == [IssueCode.UNMAPPED_CODE]


def test_a_body_structure_states_an_organ() -> None:
    """A BodyStructure gives the organ of the lesions that cite it."""
    stated = without(resource("BodyStructure", "b1", location=coded(SNOMED, "39607008")), "subject")
    stated |= {"patient": {"reference": "Patient/p1"}}
    fact = BodySite(source=source("BodyStructure", "b1"), body_structure="b1", organ="lung")
    assert facts_of(stated) == [fact]


def test_recurrence_on_imaging() -> None:
    """The verdict on imaging carries its method, CT or MRI."""
    stated = observation(coded(LOCAL, "recurrence-on-imaging"), valueBoolean=True, method=coded(SNOMED, "77477000"))
    assert facts_of(stated) == [ImagingVerdict(source=source(), occurred=day(), present=True, method="ct")]


@pytest.mark.parametrize("response", ["CR", "PR", "SD", "PD", "NE", "NON-CR/NON-PD"])
def test_a_readers_own_response(response: Any) -> None:
    """A reader's statement of response is kept with its reader."""
    stated = observation(
        coded(LOCAL, "mrecist-response"),
        valueCodeableConcept=coded(LOCAL, response),
        performer=[READER],
    )
    assert facts_of(stated) == [
        ResponseStatement(source=source(), occurred=day(), response=response, reader="radiologist")
    ]


def pd_l1(**value: Any) -> Resource:
    """PD-L1 on Specimen/s1."""
    return observation(coded(LOINC, "83052-1"), **({"specimen": {"reference": "Specimen/s1"}} | value))


def test_pd_l1_on_a_specimen() -> None:
    """PD-L1 is positive, negative or a percentage, of the specimen that it cites."""
    negative = pd_l1(valueCodeableConcept=coded(SNOMED, "260385009"))
    percent = pd_l1(valueQuantity=amount("0.5", "%"))
    common: dict[str, Any] = {"source": source(), "occurred": day(), "biomarker": "pd-l1", "specimen": "s1"}
    assert facts_of(negative) == [BiomarkerResult(**common, result="negative")]
    assert facts_of(percent) == [BiomarkerResult(**common, percent=Quantity(Decimal("0.5"), "%"))]


def test_pd_l1_on_a_contained_specimen() -> None:
    """A contained specimen states the tissue at once."""
    specimen = {"resourceType": "Specimen", "id": "s", "type": coded(LOCAL, "graft-liver")}
    stated = pd_l1(valueCodeableConcept=coded(SNOMED, "10828004"), contained=[specimen], specimen={"reference": "#s"})
    assert facts_of(stated) == [
        BiomarkerResult(source=source(), occurred=day(), biomarker="pd-l1", result="positive", tissue="graft-liver")
    ]


def test_pd_l1_with_another_answer_is_rejected() -> None:
    """An answer that is neither positive nor negative nor a percentage is not guessed at."""
    rejected = reject(pd_l1(valueCodeableConcept={"text": "equivocal"}))
    assert (rejected.reason, rejected.path) == (Reason.UNKNOWN_CODE, "Observation.value[x]")


def test_a_preliminary_verdict_states_nothing_yet() -> None:
    """Only a laboratory result can say that it is not final; any other preliminary statement waits, noted."""
    stated = observation(coded(LOCAL, "recurrence-on-imaging"), status="preliminary", valueBoolean=True)
    reading = accept(stated)
    assert reading.facts == ()
    assert [issue.code for issue in reading.issues] == [IssueCode.NOT_FINAL]


def test_a_specimen_of_the_graft() -> None:
    """The tissue of a Specimen is its type, else the site of collection; blood is out of scope."""
    fact = SpecimenCollected(source=source("Specimen"), occurred=day(), specimen="r1", tissue="graft-liver")
    collected = {"collectedDateTime": "2024-05-03"}
    graft = coded(LOCAL, "graft-liver")
    assert facts_of(resource("Specimen", type=graft, collection=collected)) == [fact]
    assert facts_of(resource("Specimen", collection=collected | {"bodySite": graft})) == [fact]
    assert leave(resource("Specimen", type=coded(SNOMED, "119297000"))).code == "119297000"
