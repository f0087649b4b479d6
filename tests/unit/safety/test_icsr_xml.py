"""The ICH ICSR message: each data element of E2B(R3) at the place that the implementation guide gives it."""

from __future__ import annotations

from typing import Any, Final
from xml.etree import ElementTree as Tree

import msgspec
import pytest

from services.cli.safety.export import files
from services.safety.adverse_events import case_id
from services.safety.evaluate import evaluate
from services.safety.icsr_xml import NAMESPACE
from services.safety.treated import treated
from shared.facts import AnyFact
from tests.spec.safety.trial import PROTOCOL, first_dose
from tests.support import build

AT = build.at("2024-06-01")
NS: Final = {"v3": NAMESPACE}
TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
STAY = build.stay(on="2024-05-03", until="2024-05-08", key="stay-1")
DIED = build.died("2024-05-06")
BORN = build.demographics("1970-06-15", "female")
ROLE: Final = "v3:component/v3:adverseEventAssessment/v3:subject1/v3:primaryRole"
EVENT: Final = f"{ROLE}/v3:subjectOf2/v3:observation[v3:effectiveTime]"
PLACES: Final = [
    ("C.1.1", "v3:id[@root='2.16.840.1.113883.3.989.2.1.3.1']", "extension"),
    ("C.1.8.1", "v3:id[@root='2.16.840.1.113883.3.989.2.1.3.2']", "extension"),
    ("H.1", "v3:text", None),
    ("C.1.4", "v3:effectiveTime/v3:low", "value"),
    ("C.1.5", "v3:availabilityTime", "value"),
    ("C.5.2", f"{ROLE}/v3:subjectOf1/v3:researchStudy/v3:title", None),
    ("C.5.3", f"{ROLE}/v3:subjectOf1/v3:researchStudy/v3:id", "extension"),
    ("C.5.4", f"{ROLE}/v3:subjectOf1/v3:researchStudy/v3:code", "code"),
    ("D.1.1.4", f"{ROLE}/v3:player1/v3:asIdentifiedEntity/v3:id", "extension"),
    ("D.5", f"{ROLE}/v3:player1/v3:administrativeGenderCode", "code"),
    ("D.9.1", f"{ROLE}/v3:player1/v3:deceasedTime", "value"),
    ("E.i.1.1a", f"{EVENT}/v3:value/v3:originalText", None),
    ("E.i.4", f"{EVENT}/v3:effectiveTime/v3:low", "value"),
    ("E.i.5", f"{EVENT}/v3:effectiveTime/v3:high", "value"),
    (
        "G.k.2.2",
        f"{ROLE}/v3:subjectOf2/v3:organizer/v3:component/v3:substanceAdministration"
        "/v3:consumable/v3:instanceOfKind/v3:kindOfProduct/v3:name",
        None,
    ),
    ("C.1.3", "v3:subjectOf2/v3:investigationCharacteristic/v3:value", "code"),
]
ORDER: Final = [
    "id",
    "id",
    "code",
    "text",
    "statusCode",
    "effectiveTime",
    "availabilityTime",
    "component",
    "component",
    "component",
    "outboundRelationship",
    "outboundRelationship",
    "subjectOf1",
    "subjectOf2",
    "subjectOf2",
]
"""Children of investigationEvent in the order of the schema, which is a sequence."""


def exported(*facts: AnyFact) -> tuple[dict[str, Any], Tree.Element]:
    """The elements of the one case, and its message."""
    timeline = build.timeline(first_dose(), BORN, *facts)
    patient = treated(timeline, PROTOCOL, AT)
    assert patient is not None
    made = dict(files([(patient, evaluate(timeline, PROTOCOL, AT).outcomes)], PROTOCOL, AT, "SENDER", "RECEIVER"))
    (name,) = (n for n in made if n.endswith(".xml"))
    return msgspec.json.decode(made[name.replace(".xml", ".json")])["elements"], Tree.fromstring(made[name])


def said(code: str, value: bool = True, on: str = "2024-05-10", note: str | None = None) -> AnyFact:
    """A statement about the stay."""
    focus = str(case_id(build.PATIENT, PROTOCOL.id, "stay/stay-1"))
    fact = build.attestation(code, value, on=on, focus=focus)
    return build.record(msgspec.structs.replace(fact, note=note))


def report_of(message: Tree.Element) -> Tree.Element:
    """The investigationEvent."""
    found = message.find("v3:PORR_IN049016UV/v3:controlActProcess/v3:subject/v3:investigationEvent", NS)
    assert found is not None
    return found


@pytest.mark.parametrize(("element", "path", "attribute"), PLACES, ids=[p[0] for p in PLACES])
def test_each_element_stands_in_its_place(element: str, path: str, attribute: str | None) -> None:
    """What the JSON says the XML says, dates in the form of HL7 v3."""
    elements, message = exported(STAY, DIED)
    found = report_of(message).find(path, NS)
    assert found is not None, path
    stated = found.text if attribute is None else found.get(attribute)
    expected = str(elements[element])
    assert stated in (expected, expected.replace("-", "").replace(":", "").replace("T", ""))


def test_the_parts_come_in_the_order_of_the_schema() -> None:
    """HL7 v3 schemas are sequences: a part out of place is invalid."""
    _, message = exported(STAY)
    assert [child.tag.partition("}")[2] for child in report_of(message)] == ORDER
    wrapper = [child.tag.partition("}")[2] for child in message]
    assert wrapper[:5] == ["id", "creationTime", "responseModeCode", "interactionId", "name"]
    assert wrapper[5:] == ["PORR_IN049016UV", "receiver", "sender"]


def test_each_criterion_of_seriousness_is_true_or_not_stated() -> None:
    """E.i.3.2a-f: true where it is met; E2B(R3) allows no false."""
    _, message = exported(STAY, DIED)
    stated = {}
    for part in report_of(message).findall(f"{EVENT}/v3:outboundRelationship2/v3:observation", NS):
        code, value = part.find("v3:code", NS), part.find("v3:value", NS)
        assert code is not None
        assert value is not None
        stated[code.get("code")] = value.get("value") or value.get("nullFlavor")
    assert {c: stated[c] for c in ("34", "21", "33", "35", "12", "26")} == {
        "34": "true",
        "21": "NI",
        "33": "true",
        "35": "NI",
        "12": "NI",
        "26": "NI",
    }


def test_both_opinions_leave_and_point_to_event_and_drug() -> None:
    """G.k.9.i.2.r, one assessment each; G.k.1 names the suspect."""
    elements, message = exported(STAY, said("sae-related-investigator"), said("sae-related-sponsor", False))
    judged = report_of(message).findall(
        "v3:component/v3:adverseEventAssessment/v3:component/v3:causalityAssessment", NS
    )
    assert [j.findtext("v3:value", None, NS) or None for j in judged] == [None, "related", "not related"]
    event = report_of(message).find(f"{EVENT}/v3:id", NS)
    drug = report_of(message).find(
        f"{ROLE}/v3:subjectOf2/v3:organizer/v3:component/v3:substanceAdministration/v3:id", NS
    )
    assert event is not None
    assert drug is not None
    assert event.get("root") == elements["C.1.1"]
    for opinion in judged[1:]:
        about = [r.get("root") for r in opinion.iter(f"{{{NAMESPACE}}}id")]
        assert about == [event.get("root"), drug.get("root")]


def test_nothing_in_the_message_names_a_person() -> None:
    """Patient and reporter are masked; the birth date is not in it, the age is."""
    elements, message = exported(STAY)
    text = Tree.tostring(message, encoding="unicode")
    assert "1970" not in text
    assert (elements["D.2.2a"], elements["D.2.2b"]) == (53, "a")
    name = report_of(message).find(f"{ROLE}/v3:player1/v3:name", NS)
    assert name is not None
    assert name.get("nullFlavor") == "MSK"


def test_a_case_refuted_after_its_report_is_nullified() -> None:
    """C.1.11: the authority has it, so it must hear that it was none, and why; one never sent does not leave."""
    sent = [said("sae-submitted", on="2024-05-09"), said("sae-refuted", on="2024-05-12", note="planned dialysis")]
    elements, message = exported(STAY, *sent)
    assert (elements["C.1.11.1"], elements["C.1.11.2"]) == ("1", "planned dialysis")
    characteristics = report_of(message).findall("v3:subjectOf2/v3:investigationCharacteristic", NS)
    codes = [c.find("v3:code", NS) for c in characteristics]
    assert [c.get("code") for c in codes if c is not None] == ["1", "2", "3", "4"]
