"""Oddities and conformance: what is noted about a resource whose facts are sound."""

from __future__ import annotations

from typing import Final

import pytest

from shared.fhir.conformance import judge
from shared.fhir.element_tables import ELEMENTS, NESTED, FhirVersion
from shared.fhir.reading import Issue, IssueCode
from shared.fhir.resource import READERS
from tests.support.records import Resource, accept, as_json, lab, resource, without

R4_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/"


def codes(of: Resource) -> list[tuple[IssueCode, str]]:
    """Code and path of each issue of an accepted resource."""
    return [(issue.code, issue.path) for issue in accept(of).issues]


def test_a_conformant_resource_has_no_issue() -> None:
    """Primitive extensions and everything that R4 knows are no oddities."""
    assert codes(lab(_status={"id": "x"}, note=[{"text": "fasting"}], language="en")) == []


@pytest.mark.parametrize(
    ("stated", "path"),
    [
        (lab(banana=1), "Observation.banana"),
        (lab() | {"Mrs Example": 1}, "Observation.?"),
        (lab(referenceRange=[{"text": "x", "normal": 1}]), "Observation.referenceRange.normal"),
        (lab(component=[{"code": {"text": "x"}, "status": "final"}]), "Observation.component.status"),
    ],
)
def test_an_element_that_r4_does_not_know_is_noted(stated: Resource, path: str) -> None:
    """The element is named, unless its name could be a text of its own."""
    assert codes(stated) == [(IssueCode.UNKNOWN_ELEMENT, path)]


@pytest.mark.parametrize(
    ("stated", "path"),
    [
        (lab(note={"text": "fasting"}), "Observation.note"),
        (lab(encounter=[{"reference": "Encounter/e1"}]), "Observation.encounter"),
    ],
)
def test_a_list_where_r4_has_one_is_noted(stated: Resource, path: str) -> None:
    """An element that is not read may be one instead of a list, or the reverse: that is noted."""
    assert codes(stated) == [(IssueCode.WRONG_TYPE, path)]


def test_issues_are_the_same_every_time() -> None:
    """Issues come in one order, each once."""
    odd = lab(zebra=1, banana=1)
    assert accept(odd).issues == accept(odd).issues
    assert [path for _, path in codes(odd)] == ["Observation.banana", "Observation.zebra"]


@pytest.mark.parametrize("version", ["R4", "R5"])
def test_every_type_that_is_read_has_its_elements(version: FhirVersion) -> None:
    """The tables of elements cover exactly the types that have a reader."""
    assert ELEMENTS[version].keys() == READERS.keys()
    assert all(path.partition(".")[0] in READERS for path in NESTED[version])


@pytest.mark.parametrize("type_", sorted(READERS))
@pytest.mark.parametrize("version", ["R4", "R5"])
def test_the_elements_are_those_of_the_version(type_: str, version: FhirVersion) -> None:
    """The table of elements agrees with an independent model of R4 and of R5."""
    from fhir.resources import R4B, get_fhir_model_class  # noqa: PLC0415 - slow to load

    model = (R4B.get_fhir_model_class if version == "R4" else get_fhir_model_class)(type_)
    inherited = {"id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"}
    stated = {name.rstrip("*"): name.endswith("*") for name in ELEMENTS[version][type_].split()}
    assert stated.keys() == set(model.elements_sequence()) - inherited
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    assert {name for name in stated if stated[name]} == {
        name for name in stated if "List" in str(fields[name].annotation)
    }


def test_conformance_names_the_element_not_the_value() -> None:
    """The full judgement gives a path for each fault and repeats no value."""
    odd = lab(banana="Mrs Example", status=7)
    assert judge(as_json(odd)) == (
        Issue(IssueCode.CONFORMANCE, "Observation.banana", "extra_forbidden"),
        Issue(IssueCode.CONFORMANCE, "Observation.status", "string_type"),
    )


def test_conformance_repeats_no_name_that_could_be_a_text() -> None:
    """An unknown element whose name is no name of an element is not repeated."""
    assert [issue.path for issue in judge(as_json(lab() | {"Mrs Example": 1}))] == ["Observation.?"]


def test_a_conformant_resource_is_judged_so() -> None:
    """R4 is judged by R4's models: a Condition with R4's shape conforms."""
    assert judge(as_json(lab())) == ()
    assert judge(as_json(resource("Condition", code={"text": "x"}))) == ()
    assert judge(as_json(without(lab(), "status"))) != ()


def test_r5_is_judged_by_its_own_models() -> None:
    """What is R5 by its shape conforms to R5's models, and would not to R4's."""
    given = resource(
        "MedicationAdministration", status="completed", medication={"concept": {"text": "x"}}, occurenceDateTime="2024"
    )
    assert judge(as_json(given)) == ()
    assert judge(as_json(given | {"meta": {"profile": [f"{R4_PROFILE}MedicationAdministration|4.0.1"]}})) != ()


def test_conformance_is_judged_by_the_version_that_was_read() -> None:
    """What its site or message says is R5 is judged so, where neither profile nor shape would tell."""
    neither = resource("Encounter", status="completed")
    assert [issue.path for issue in judge(as_json(neither), "R4")] == ["Encounter.class"]
    assert judge(as_json(neither), "R5") == ()


def test_conformance_never_raises() -> None:
    """What is no resource, or has no model, is an issue as well."""
    for raw in (
        b"{",
        b"[]",
        b'{"resourceType":"MedicinalProduct"}',
        b'{"resourceType":"Observation","code":' + b"[" * 900,
    ):
        assert len(judge(raw)) == 1
