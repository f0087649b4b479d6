"""Specification of the reader: adverse events that a site records itself, in R4 with CTCAE extensions and in R5."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from shared.facts import UNSTAMPED, AdverseEventRecord, Source
from shared.fhir.reading import Accepted, IssueCode, Reason
from shared.fhir.resource import read_again
from tests.support.records import (
    HL7,
    ICD,
    LOCAL,
    SITE,
    Resource,
    accept,
    coded,
    context,
    day,
    facts_of,
    read_all,
    reject,
    resource,
    source,
)

MCODE: Final = Path(__file__).parents[4] / "shared/data/mcode-extraction/csv-ctc-adverse-event-bundle.json"
CTCAE: Final = "http://hl7.org/fhir/us/ctcae/StructureDefinition/"
GUIDE: Final = "http://hl7.org/fhir/uv/ae-research-ig/StructureDefinition/"
NCIT: Final = "http://ncithesaurus-stage.nci.nih.gov"
COLITIS: Final = coded(ICD, "K52.1")


def event(**elements: Any) -> Resource:
    """An R4 AdverseEvent: colitis on 3 May 2024."""
    return resource("AdverseEvent", **({"actuality": "actual", "event": COLITIS, "date": "2024-05-03"} | elements))


def stated(**elements: Any) -> AdverseEventRecord:
    """The fact of that event, but for what is given."""
    usual: dict[str, Any] = {"source": source("AdverseEvent"), "occurred": day(), "concept": "immune-colitis"}
    return AdverseEventRecord(**(usual | elements))


def serious(code: str) -> Resource:
    """AdverseEvent.seriousness."""
    return coded(HL7 + "adverse-event-seriousness", code)


def graded(code: str, name: str = CTCAE + "ctcae-grade") -> list[Resource]:
    """The extension for the CTCAE grade."""
    return [{"url": name, "valueCodeableConcept": coded("urn:grade", code)}]


def criterion(code: str, present: bool | None = True) -> Resource:
    """A criterion of seriousness as the Adverse Event Clinical Research guide writes it."""
    parts: list[Resource] = [{"url": "criterionCode", "valueCodeableConcept": coded(NCIT, code)}]
    if present is not None:
        parts.append({"url": "criterionPresent", "valueBoolean": present})
    return {"url": GUIDE + "seriousness-criteria", "extension": parts}


def suspected(opinion: str, **entity: Any) -> Resource:
    """A suspect entity of R4 with that causality."""
    causality = [{"assessment": coded(HL7 + "adverse-event-causality-assess", opinion)}]
    return {"instance": {"display": "camrelizumab"}, "causality": causality, **entity}


def test_an_event_is_a_fact() -> None:
    """What an AdverseEvent does not say is unknown: seriousness, grade, relation, result."""
    reading = accept(event())
    assert facts_of(event()) == [stated()]
    assert reading.issues == ()


def test_mcodes_example_of_a_ctcae_event() -> None:
    """The public mCODE example: anxiety, grade 1, serious as disabling, resolved; written and read by hand."""
    if not MCODE.exists():
        pytest.skip("the public mCODE example is not beside the checkout")
    (reading,) = read_all(MCODE.read_bytes())
    assert isinstance(reading, Accepted), reading
    (fact,) = reading.facts
    assert isinstance(fact, AdverseEventRecord)
    assert fact == AdverseEventRecord(
        fact_id=fact.fact_id,
        source=Source("AdverseEvent", "adverseEventId-1"),
        occurred=day("1994-12-09"),
        concept=None,
        seriousness=("disability",),
        grade=1,
        ended=day("2021-12-01"),
        recorded=day("1994-12-09"),
    )
    assert fact.fact_id != UNSTAMPED
    assert reading.patient == "mrn-1"
    assert read_again(reading.raw, reading.record, reading.links, SITE, context()) == reading


R5: Final[Resource] = resource(
    "AdverseEvent",
    status="completed",
    actuality="actual",
    code=COLITIS,
    occurrencePeriod={"start": "2024-05-03", "end": "2024-05-20"},
    recordedDate="2024-05-04",
    seriousness=serious("serious"),
    outcome=[coded(HL7 + "adverse-event-outcome", "resolvedWithSequelae")],
    suspectEntity=[
        {
            "instanceCodeableConcept": coded(LOCAL, "camrelizumab"),
            "causality": {"entityRelatedness": coded(NCIT, "C53258")},
        }
    ],
    extension=[criterion("C83052"), criterion("C84266", present=False), *graded("3", GUIDE + "severity-or-grade")],
)
R4: Final[Resource] = event(
    recordedDate="2024-05-04",
    seriousness=serious("SeriousResultsInHospitalization"),
    outcome=coded(HL7 + "adverse-event-outcome", "resolvedWithSequelae"),
    suspectEntity=[suspected("Possible")],
    extension=[*graded("3"), {"url": CTCAE + "adverse-event-resolved-date", "valueDateTime": "2024-05-20"}],
)


def test_the_same_event_in_r4_and_in_r5() -> None:
    """The CTCAE extensions of R4 and the Clinical Research guide of R5 state the same fact."""
    fact = stated(
        seriousness=("hospitalisation",),
        grade=3,
        related=True,
        result="resolved-with-sequelae",
        ended=day("2024-05-20"),
        recorded=day("2024-05-04"),
    )
    assert facts_of(R4) == facts_of(R5) == [fact]
    assert (accept(R4).fhir_version, accept(R5).fhir_version) == ("R4", "R5")
    assert accept(R4).issues == accept(R5).issues == ()


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({}, None),
        ({"seriousness": serious("non-serious")}, ()),
        ({"seriousness": serious("Non-serious")}, ()),
        ({"seriousness": serious("SeriousIsLifeThreatening")}, ("life-threatening",)),
        (
            {"seriousness": serious("serious"), "extension": [criterion("34"), criterion("33")]},
            ("death", "hospitalisation"),
        ),
        ({"seriousness": serious("serious"), "extension": [criterion("C82521", None)]}, ("medically-important",)),
        ({"seriousness": serious("non-serious"), "extension": [criterion("C83117")]}, ("congenital-anomaly",)),
        ({"seriousness": serious("non-serious"), "extension": [criterion("C83117", False)]}, ()),
        ({"outcome": coded(HL7 + "adverse-event-outcome", "fatal")}, ("death",)),
        ({"extension": graded("5")}, ("death",)),
    ],
)
def test_criteria_of_seriousness(elements: Resource, expected: tuple[str, ...] | None) -> None:
    """Criteria stated as present make it serious, whatever the summary says; an event that was fatal meets death."""
    (fact,) = facts_of(event(**elements))
    assert isinstance(fact, AdverseEventRecord)
    assert fact.seriousness == expected


def test_serious_without_a_criterion_is_noted() -> None:
    """`serious` alone does not say why: the criteria stay unknown, which counts until judged, and it is noted."""
    reading = accept(event(seriousness=serious("serious")))
    assert facts_of(event(seriousness=serious("serious"))) == [stated()]
    assert [(i.code, i.path) for i in reading.issues] == [(IssueCode.MISSING_ELEMENT, "AdverseEvent.seriousness")]


@pytest.mark.parametrize(
    ("code", "grade"), [("1", 1), ("4", 4), ("C41340", 3), ("C48275", 5), ("6", None), ("mild", None)]
)
def test_ctcae_grades(code: str, grade: int | None) -> None:
    """A CTCAE grade by number or by its NCIt code; another word is no grade, and is noted."""
    reading = accept(event(extension=graded(code)))
    assert [fact.grade for fact in reading.facts if isinstance(fact, AdverseEventRecord)] == [grade]
    assert bool(reading.issues) is (grade is None)


def test_severity_is_no_grade() -> None:
    """`moderate` is no CTCAE grade."""
    assert facts_of(event(severity=coded(HL7 + "adverse-event-severity", "moderate"))) == [stated()]


@pytest.mark.parametrize(
    ("suspects", "related"),
    [
        ([suspected("Certain")], True),
        ([suspected("Probably-Likely")], True),
        ([suspected("Possible")], True),
        ([suspected("Unlikely")], False),
        ([suspected("Unassessable-Unclassifiable")], None),
        ([suspected("Unlikely"), suspected("Possible")], True),
        ([suspected("Certain", instance={"display": "Tacrolimus"})], None),
        ([suspected("Possible", instance={"reference": "Medication/m9"})], True),
        ([suspected("Unlikely", instance={"reference": "Procedure/x"})], None),
        ([{"instance": {"display": "camrelizumab"}}], None),
    ],
)
def test_the_recorders_opinion_of_the_relation(suspects: list[Resource], related: bool | None) -> None:
    """Possible or stronger is related; a denial counts only where the entity names the trial's kind of drug."""
    assert facts_of(event(suspectEntity=suspects)) == [stated(related=related)]


def test_the_detection_starts_the_sites_clock() -> None:
    """The site is aware when it detects, though it writes later; without an onset the detection bounds it."""
    late = event(detected="2024-05-05", recordedDate="2024-05-09")
    assert facts_of(late) == [stated(recorded=day("2024-05-05"))]
    undated = accept({name: value for name, value in late.items() if name != "date"})
    assert [fact.occurred for fact in undated.facts] == [day("2024-05-05")]
    assert [i.code for i in undated.issues] == [IssueCode.DATE_FALLBACK]


def test_an_undated_event_of_unknown_kind_is_kept() -> None:
    """An event without code and date is a fact all the same, with both noted."""
    reading = accept(resource("AdverseEvent", actuality="actual"))
    assert len(reading.facts) == 1
    assert [i.code for i in reading.issues] == [IssueCode.UNMAPPED_CODE, IssueCode.UNDATED]


def test_a_near_miss_states_nothing() -> None:
    """A potential event did not happen; one entered in error is retracted; neither is out of scope."""
    assert facts_of(event(actuality="potential")) == []
    assert facts_of(R5 | {"status": "entered-in-error"}) == []


@pytest.mark.parametrize(
    ("odd", "reason", "path"),
    [
        (event(actuality="perhaps"), Reason.UNKNOWN_CODE, "AdverseEvent.actuality"),
        (R5 | {"status": "banana"}, Reason.UNKNOWN_CODE, "AdverseEvent.status"),
        (event(date="2024-13"), Reason.IMPOSSIBLE_DATE, "AdverseEvent.date"),
        (event(subject={"reference": "Group/g"}), Reason.SUBJECT_MISSING, "AdverseEvent.subject.reference"),
    ],
)
def test_what_cannot_be_read_is_refused(odd: Resource, reason: Reason, path: str) -> None:
    """An event is refused by the element that is wrong."""
    assert (reject(odd).reason, reject(odd).path) == (reason, path)
