"""A case as ICH ICSR XML: decides where in the message each data element of ICH E2B(R3) stands.

Does not decide what the elements say (`icsr`), nor transmit. The message is HL7 v3 (`MCCI_IN200100UV01`) as the ICH
E2B(R3) Implementation Guide lays it out. ICH hands out its schema files from its own site alone, so they are no part of
this product: the mapping is documented in docs/icsr.md and its structure is tested. What is not known and the message
must hold has a nullFlavor: MedDRA codes are not assigned here, reporters are masked.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID, uuid5
from xml.etree import ElementTree as Tree

NAMESPACE: Final = "urn:hl7-org:v3"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_TYPE: Final = f"{{{_XSI}}}type"
_ICH: Final = "2.16.840.1.113883.3.989.2.1"
_OBSERVATION: Final = f"{_ICH}.1.19"
_MEDDRA: Final = "2.16.840.1.113883.6.163"
_CRITERIA: Final = {
    "E.i.3.2a": "34",
    "E.i.3.2b": "21",
    "E.i.3.2c": "33",
    "E.i.3.2d": "35",
    "E.i.3.2e": "12",
    "E.i.3.2f": "26",
}
_DRUG_NAMESPACE: Final = UUID("4f0a3a55-4f5c-5f0e-8d6a-5d4b0f1c2e77")
_UNKNOWN: Final = {"nullFlavor": "NI"}
_Elements = dict[str, Any]


def message(elements: _Elements, sender: str | None = None, receiver: str | None = None) -> bytes:
    """One message with one case; `sender` and `receiver` as the authorities registered them, else left open."""
    Tree.register_namespace("", NAMESPACE)
    Tree.register_namespace("xsi", _XSI)
    root = Tree.Element(_named("MCCI_IN200100UV01"), {"ITSVersion": "XML_1.0"})
    _id(root, elements["C.1.1"], f"{_ICH}.3.22")  # N.1.2
    _add(root, "creationTime", value=_time(elements["C.1.2"]))  # N.1.5
    _add(root, "responseModeCode", code="D")
    _id(root, "MCCI_IN200100UV01", "2.16.840.1.113883.1.6", "interactionId")
    _add(root, "name", code="1", codeSystem=f"{_ICH}.1.1")  # N.1.1
    _case_message(root, elements, sender, receiver)
    _party(root, "receiver", "RCV", receiver, f"{_ICH}.3.14")  # N.1.4
    _party(root, "sender", "SND", sender, f"{_ICH}.3.13")  # N.1.3
    Tree.indent(root)
    written: bytes = Tree.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written + b"\n"


def _case_message(root: Tree.Element, e: _Elements, sender: str | None, receiver: str | None) -> None:
    case = _add(root, "PORR_IN049016UV")
    _id(case, e["C.1.1"], f"{_ICH}.3.1")  # N.2.r.1
    _add(case, "creationTime", value=_time(e["C.1.2"]))  # N.2.r.4
    _id(case, "PORR_IN049016UV", "2.16.840.1.113883.1.6", "interactionId")
    _add(case, "processingCode", code="P")
    _add(case, "processingModeCode", code="T")
    _add(case, "acceptAckCode", code="AL")
    _party(case, "receiver", "RCV", receiver, f"{_ICH}.3.12")  # N.2.r.3
    _party(case, "sender", "SND", sender, f"{_ICH}.3.11")  # N.2.r.2
    act = _add(case, "controlActProcess", classCode="CACT", moodCode="EVN")
    _add(act, "code", code="PORR_TE049016UV", codeSystem="2.16.840.1.113883.1.18")
    _add(act, "effectiveTime", value=_time(e["C.1.2"]))
    _report(_add(act, "subject", typeCode="SUBJ"), e, sender)


def _report(subject: Tree.Element, e: _Elements, sender: str | None) -> None:
    """Sections C and H, and the assessment that holds D, E and G, in the order of the schema."""
    report = _add(subject, "investigationEvent", classCode="INVSTG", moodCode="EVN")
    _id(report, e["C.1.1"], f"{_ICH}.3.1")
    _id(report, e["C.1.8.1"], f"{_ICH}.3.2")
    _add(report, "code", code="PAT_ADV_EVNT", codeSystem="2.16.840.1.113883.5.4")
    _add(report, "text").text = e["H.1"]
    _add(report, "statusCode", code="active")
    _add(_add(report, "effectiveTime"), "low", **_when(e.get("C.1.4")))
    _add(report, "availabilityTime", **_when(e.get("C.1.5")))
    _assessment(_add(report, "component", typeCode="COMP"), e)
    _flag(report, "1", {"value": "false"})  # C.1.6.1
    _flag(report, "23", {"value": str(e["C.1.7"]).lower()})
    _first_sender(report)
    _primary_source(report)
    _sender(report, sender)
    _characteristic(report, "1", {_TYPE: "CE", "code": e["C.1.3"], "codeSystem": f"{_ICH}.1.2"})
    _characteristic(report, "2", {_TYPE: "BL", **_UNKNOWN})  # C.1.9.1
    if "C.1.11.1" in e:
        _characteristic(report, "3", {_TYPE: "CE", "code": e["C.1.11.1"], "codeSystem": f"{_ICH}.1.5"})
        reason = _characteristic(report, "4", {_TYPE: "CE"})
        _add(reason, "originalText").text = e["C.1.11.2"]


def _assessment(component: Tree.Element, e: _Elements) -> None:
    assessment = _add(component, "adverseEventAssessment", classCode="INVSTG", moodCode="EVN")
    role = _add(_add(assessment, "subject1", typeCode="SBJ"), "primaryRole", classCode="INVSBJ")
    _patient(role, e)
    _study(role, e)
    if "D.2.2a" in e:
        age = _observation(_add(role, "subjectOf2", typeCode="SBJ"), "3")
        _add(age, "value", **{_TYPE: "PQ", "value": str(e["D.2.2a"]), "unit": e["D.2.2b"]})
    _event(_add(role, "subjectOf2", typeCode="SBJ"), e)
    _drug(_add(role, "subjectOf2", typeCode="SBJ"), e)
    role_of_drug = _causality(assessment, "20")
    _add(role_of_drug, "value", **{_TYPE: "CE", "code": e["G.k.1"], "codeSystem": f"{_ICH}.1.13"})
    _reference(role_of_drug, "subject2", "productUseReference", "SBADM", _drug_id(e))
    for opinion in e.get("G.k.9.i.2.r", ()):
        _opinion(assessment, e, opinion)


def _patient(role: Tree.Element, e: _Elements) -> None:
    """D: masked, with the trial's pseudonym as the investigation number."""
    person = _add(role, "player1", classCode="PSN", determinerCode="INSTANCE")
    _add(person, "name", nullFlavor="MSK")
    if "D.5" in e:
        _add(person, "administrativeGenderCode", code=e["D.5"], codeSystem="1.0.5218")
    if "D.9.1" in e:
        _add(person, "deceasedTime", **_when(e["D.9.1"]))
    number = _add(person, "asIdentifiedEntity", classCode="IDENT")
    _id(number, e["D.1.1.4"], f"{_ICH}.3.10")
    _add(number, "code", code="4", codeSystem=f"{_ICH}.1.4")


def _study(role: Tree.Element, e: _Elements) -> None:
    study = _add(_add(role, "subjectOf1", typeCode="SBJ"), "researchStudy", classCode="CLNTRL", moodCode="EVN")
    _id(study, e["C.5.3"], f"{_ICH}.3.5")
    _add(study, "code", code=e["C.5.4"], codeSystem=f"{_ICH}.1.8")
    _add(study, "title").text = e["C.5.2"]
    if "C.5.1.r.1" in e:
        registered = _add(
            _add(study, "authorization", typeCode="AUTH"), "studyRegistration", classCode="ACT", moodCode="EVN"
        )
        _id(registered, e["C.5.1.r.1"], f"{_ICH}.3.6")


def _event(subject: Tree.Element, e: _Elements) -> None:
    event = _observation(subject, "29", identity=e["C.1.1"])
    if "E.i.4" in e or "E.i.5" in e:
        span = _add(event, "effectiveTime", **{_TYPE: "IVL_TS"})
        for bound, element in (("low", "E.i.4"), ("high", "E.i.5")):
            if element in e:
                _add(span, bound, **_when(e[element]))
    coded = _add(event, "value", **{_TYPE: "CE", "codeSystem": _MEDDRA, **_UNKNOWN})
    _add(coded, "originalText", language="eng").text = e["E.i.1.1a"]
    for element, code in _CRITERIA.items():
        part = _part_of(event, code)
        _add(part, "value", **({_TYPE: "BL", "value": "true"} if e[element] else {_TYPE: "BL", **_UNKNOWN}))
    result = _part_of(event, "27")
    _add(result, "value", **{_TYPE: "CE", "code": e["E.i.7"], "codeSystem": f"{_ICH}.1.11"})


def _drug(subject: Tree.Element, e: _Elements) -> None:
    """G: the trial's drug as suspect, since the first dose."""
    organizer = _add(subject, "organizer", classCode="CATEGORY", moodCode="EVN")
    _add(organizer, "code", code="4", codeSystem=f"{_ICH}.1.20")
    use = _add(
        _add(organizer, "component", typeCode="COMP"), "substanceAdministration", classCode="SBADM", moodCode="EVN"
    )
    _add(use, "id", root=_drug_id(e))
    kind = _add(_add(use, "consumable", typeCode="CSM"), "instanceOfKind", classCode="INST")
    product = _add(kind, "kindOfProduct", classCode="MMAT", determinerCode="KIND")
    _add(product, "name").text = e["G.k.2.2"]
    dosage = _add(use, "outboundRelationship2", typeCode="COMP")
    given = _add(dosage, "substanceAdministration", classCode="SBADM", moodCode="EVN")
    span = _add(given, "effectiveTime", **{_TYPE: "IVL_TS"})
    _add(span, "low", **_when(e["G.k.4.r.4"]))


def _opinion(assessment: Tree.Element, e: _Elements, opinion: dict[str, str]) -> None:
    """G.k.9.i.2.r: who judged, and how; each opinion by itself."""
    judged = _causality(assessment, "39")
    _add(judged, "value", **{_TYPE: "ST"}).text = opinion["G.k.9.i.2.r.3"]
    author = _add(_add(judged, "author", typeCode="AUT"), "assignedEntity", classCode="ASSIGNED")
    _add(_add(author, "code"), "originalText").text = opinion["G.k.9.i.2.r.1"]
    _reference(judged, "subject1", "adverseEffectReference", "OBS", e["C.1.1"])
    _reference(judged, "subject2", "productUseReference", "SBADM", _drug_id(e))


def _first_sender(report: Tree.Element) -> None:
    """C.1.8.2: not an authority."""
    author = _author(report, "outboundRelationship", "1")
    _add(author, "code", code="2", codeSystem=f"{_ICH}.1.3")


def _primary_source(report: Tree.Element) -> None:
    """C.2.r: the site's reporter, masked."""
    related = _add(report, "outboundRelationship", typeCode="SPRT")
    _add(related, "priorityNumber", value="1")
    author = _author(report, "outboundRelationship", "2", related)
    person = _add(author, "assignedPerson", classCode="PSN", determinerCode="INSTANCE")
    name = _add(person, "name")
    _add(name, "given", nullFlavor="MSK")
    _add(name, "family", nullFlavor="MSK")
    _add(_add(person, "asQualifiedEntity", classCode="QUAL"), "code", nullFlavor="UNK")


def _sender(report: Tree.Element, sender: str | None) -> None:
    """C.3: an organisation other than a company or an authority (an academic sponsor)."""
    act = _add(_add(report, "subjectOf1", typeCode="SUBJ"), "controlActEvent", classCode="CACT", moodCode="EVN")
    entity = _add(_add(act, "author", typeCode="AUT"), "assignedEntity", classCode="ASSIGNED")
    _add(entity, "code", code="6", codeSystem=f"{_ICH}.1.7")
    organisation = _add(entity, "representedOrganization", classCode="ORG", determinerCode="INSTANCE")
    within = _add(organisation, "assignedEntity", classCode="ASSIGNED")
    named = _add(within, "representedOrganization", classCode="ORG", determinerCode="INSTANCE")
    if sender is None:
        _add(named, "name", **_UNKNOWN)
    else:
        _add(named, "name").text = sender


def _author(report: Tree.Element, relation: str, code: str, related: Tree.Element | None = None) -> Tree.Element:
    within = related if related is not None else _add(report, relation, typeCode="SPRT")
    source = _add(within, "relatedInvestigation", classCode="INVSTG", moodCode="EVN")
    _add(source, "code", code=code, codeSystem=f"{_ICH}.1.22")
    act = _add(_add(source, "subjectOf2", typeCode="SUBJ"), "controlActEvent", classCode="CACT", moodCode="EVN")
    return _add(_add(act, "author", typeCode="AUT"), "assignedEntity", classCode="ASSIGNED")


def _flag(report: Tree.Element, code: str, value: dict[str, str]) -> None:
    event = _add(_add(report, "component", typeCode="COMP"), "observationEvent", classCode="OBS", moodCode="EVN")
    _add(event, "code", code=code, codeSystem=_OBSERVATION)
    _add(event, "value", **{_TYPE: "BL"}, **value)


def _characteristic(report: Tree.Element, code: str, value: dict[str, str]) -> Tree.Element:
    subject = _add(report, "subjectOf2", typeCode="SUBJ")
    stated = _add(subject, "investigationCharacteristic", classCode="OBS", moodCode="EVN")
    _add(stated, "code", code=code, codeSystem=f"{_ICH}.1.23")
    return _add(stated, "value", **value)


def _causality(assessment: Tree.Element, code: str) -> Tree.Element:
    component = _add(assessment, "component", typeCode="COMP")
    judged = _add(component, "causalityAssessment", classCode="OBS", moodCode="EVN")
    _add(judged, "code", code=code, codeSystem=_OBSERVATION)
    return judged


def _reference(parent: Tree.Element, subject: str, name: str, class_code: str, identity: str) -> None:
    referred = _add(_add(parent, subject, typeCode="SUBJ"), name, classCode=class_code, moodCode="EVN")
    _add(referred, "id", root=identity)


def _part_of(event: Tree.Element, code: str) -> Tree.Element:
    return _observation(_add(event, "outboundRelationship2", typeCode="PERT"), code)


def _observation(parent: Tree.Element, code: str, identity: str | None = None) -> Tree.Element:
    observation = _add(parent, "observation", classCode="OBS", moodCode="EVN")
    if identity is not None:
        _add(observation, "id", root=identity)
    _add(observation, "code", code=code, codeSystem=_OBSERVATION)
    return observation


def _party(parent: Tree.Element, name: str, type_code: str, identity: str | None, root: str) -> None:
    device = _add(_add(parent, name, typeCode=type_code), "device", classCode="DEV", determinerCode="INSTANCE")
    if identity is None:
        _add(device, "id", root=root, **_UNKNOWN)
    else:
        _id(device, identity, root)


def _id(parent: Tree.Element, extension: str, root: str, name: str = "id") -> None:
    _add(parent, name, extension=extension, root=root)


def _add(parent: Tree.Element, tag: str, **attributes: str) -> Tree.Element:
    return Tree.SubElement(parent, _named(tag), attributes)


def _named(tag: str) -> str:
    return f"{{{NAMESPACE}}}{tag}"


def _drug_id(e: _Elements) -> str:
    return str(uuid5(_DRUG_NAMESPACE, f"{e['C.1.1']}/{e['G.k.2.2']}"))


def _when(stated: str | None) -> dict[str, str]:
    return _UNKNOWN if stated is None else {"value": _time(stated)}


def _time(iso: str) -> str:
    """HL7 v3 time: `2024-05-03` is 20240503, an instant has its offset; a month alone stays a month."""
    day, _, clock = iso.partition("T")
    digits = day.replace("-", "")
    if not clock:
        return digits
    at, sign, offset = clock.replace("Z", "+00:00").partition("+")
    if not sign:
        at, sign, offset = clock.partition("-")
    return f"{digits}{at.partition('.')[0].replace(':', '')}{sign}{offset.replace(':', '')}"
