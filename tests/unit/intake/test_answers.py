"""How the intake words its answers: FHIR that an independent model of FHIR reads."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fhir.resources.R4B import get_fhir_model_class

from services.intake import answers, capability
from services.intake.envelope import Envelope
from services.intake.refusal import Refusal, try_again
from shared.sites import Site


def _parsed(raw: bytes) -> dict[str, Any]:
    stated: dict[str, Any] = msgspec.json.decode(raw)
    get_fhir_model_class(stated["resourceType"]).model_validate_json(raw)
    return stated


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "structure"), (401, "login"), (404, "not-found"), (413, "too-long"), (422, "invalid"), (502, "exception")],
)
def test_a_refusal_is_an_operation_outcome(status: int, code: str) -> None:
    """It has FHIR's code for the status, what was expected, and where."""
    said = _parsed(answers.refused(Refusal(status, "expected an id", "Patient.id")))
    issue = {"severity": "error", "code": code, "diagnostics": "expected an id", "expression": ["Patient.id"]}
    assert said["issue"] == [issue]


@pytest.mark.parametrize(("seconds", "stated"), [(0.2, "1"), (5.0, "5"), (7.6, "8")])
def test_a_client_is_told_when_to_try_again(seconds: float, stated: str) -> None:
    """503 with whole seconds, at least one."""
    refusal = try_again("expected later", seconds)
    assert (refusal.status, refusal.code, refusal.headers) == (503, "transient", {"Retry-After": stated})


@pytest.mark.parametrize("bundle_type", [None, "message", "collection"])
def test_what_is_taken_is_not_yet_accepted(bundle_type: str | None) -> None:
    """202: the broker has it, and what becomes of it is decided afterwards."""
    status, body = answers.taken(Envelope("Bundle", None, bundle_type))
    assert (status, _parsed(body)["issue"][0]["severity"]) == (202, "information")


@pytest.mark.parametrize("bundle_type", ["transaction", "batch"])
def test_a_bundle_of_requests_is_answered_entry_by_entry(bundle_type: str) -> None:
    """One response for each entry, in order, the refused ones with their outcome."""
    status, body = answers.taken(Envelope("Bundle", None, bundle_type, (202, 501, 400)))
    said = _parsed(body)
    assert (status, said["type"]) == (200, f"{bundle_type}-response")
    responses = [e["response"] for e in said["entry"]]
    assert [r["status"] for r in responses] == ["202 Accepted", "501 Not Implemented", "400 Bad Request"]
    assert [r["outcome"]["issue"][0]["code"] for r in responses if "outcome" in r] == ["not-supported", "structure"]


def test_an_empty_batch_is_answered_without_entries() -> None:
    """FHIR allows no empty array."""
    assert "entry" not in _parsed(answers.taken(Envelope("Bundle", None, "batch"))[1])


@pytest.mark.parametrize(("version", "number"), [("R4", "4.0.1"), ("R4B", "4.3.0"), ("R5", "5.0.0")])
def test_the_capabilities_are_stated_in_each_version(version: str, number: str) -> None:
    """What can be done with each type of which something is read, and nothing that cannot."""
    said = _parsed(capability.statement(version))
    assert said["fhirVersion"] == number
    (rest,) = said["rest"]
    assert {i["code"] for r in rest["resource"] for i in r["interaction"]} == {"create", "update", "delete"}
    assert {"Observation", "Patient", "MedicationAdministration"} <= {r["type"] for r in rest["resource"]}
    assert [i["code"] for i in rest["interaction"]] == ["transaction", "batch"]


def test_a_stranger_is_told_the_version_that_all_sites_share() -> None:
    """A site is told its own version; who is unknown, that of all sites if there is one, else R4."""
    r4b = Site(site="east", time_zone="UTC", fhir_version="R4B")
    r5 = Site(site="west", time_zone="UTC", fhir_version="R5")
    assert capability.version_to_state(r5, [r4b, r5]) == "R5"
    assert capability.version_to_state(None, [r5]) == "R5"
    assert capability.version_to_state(None, [r4b, r5]) == "R4"
