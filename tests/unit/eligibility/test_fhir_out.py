"""Trials and screening lists as FHIR: built by fhir.resources, read back by it, patients by pseudonym only."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from fhir.resources.R4B.bundle import Bundle

from services.eligibility.status import NOT_CANDIDATE, STATUSES
from shared.fhir.out.candidates import SUBJECT_STATUS, candidates_bundle, study_bundle, subject_id
from shared.protocol.load import load, load_file
from shared.protocol.model import Protocol
from tests.support import build

EXAMPLE = Path(__file__).parents[3] / "deploy/protocols/example-first-line-hcc.yaml"
PROTOCOLS = [*load().values(), load_file(EXAMPLE)]
AT = build.at("2024-05-05")
SOMEBODY, SOMEONE_ELSE = UUID(int=1), UUID(int=2)


def _resources(bundle: Bundle) -> list[Any]:
    """The resources of a Bundle as fhir.resources reads them back."""
    read = Bundle.model_validate_json(bundle.model_dump_json())
    return [entry.resource for entry in read.entry or []]


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: p.id)
def test_a_trial_is_valid_fhir_with_every_criterion(protocol: Protocol) -> None:
    """ResearchStudy, Group and EvidenceVariable read back; exclusions are marked as such."""
    study, group, variable = _resources(study_bundle(protocol))
    assert study.enrollment[0].reference == f"Group/{group.id}"
    screening = protocol.screening
    excluded = [False] * len(screening.inclusion) + [True] * len(screening.exclusion)
    assert [c.exclude for c in group.characteristic] == excluded
    assert [c.exclude for c in variable.characteristic] == excluded
    titles = [f"{c.id}: {c.title}" for c in (*screening.inclusion, *screening.exclusion)]
    assert [c.code.text for c in group.characteristic] == titles


def test_a_laboratory_bound_leaves_as_a_range_in_its_code() -> None:
    """Platelets of at least 50 × 10⁹/L: LOINC code, low end, UCUM unit, no high end."""
    (trial, _) = PROTOCOLS
    bundle = msgspec.json.decode(study_bundle(trial).model_dump_json(), strict=False)
    group = bundle["entry"][1]["resource"]
    (platelets,) = [c for c in group["characteristic"] if c["code"]["text"].startswith("I11b")]
    assert {"system": "http://loinc.org", "code": "777-3"} in platelets["code"]["coding"]
    low = platelets["valueRange"]["low"]
    assert Decimal(str(low["value"])) == Decimal(50)
    assert low["code"] == "10*9/L"
    assert "high" not in platelets["valueRange"]


def test_a_screening_list_names_candidates_by_pseudonym() -> None:
    """One ResearchSubject and one entry with the reason for each candidate; others leave no trace."""
    (trial, _) = PROTOCOLS
    statuses = {SOMEBODY: ("eligible", "all met"), SOMEONE_ELSE: (NOT_CANDIDATE, "nothing")}
    bundle = candidates_bundle(trial, statuses, AT)
    listed, *_, subject = _resources(bundle)
    assert [e.item.reference for e in listed.entry] == [f"ResearchSubject/{subject_id(trial, SOMEBODY)}"]
    assert (listed.entry[0].flag.text, subject.status) == ("all met", "eligible")
    assert subject.individual.identifier.value == str(SOMEBODY)
    assert str(SOMEONE_ELSE) not in bundle.model_dump_json()


def test_an_empty_list_says_that_it_is_empty() -> None:
    """Without candidates the List has no entry but a reason, as FHIR asks."""
    (trial, _) = PROTOCOLS
    listed, *_ = _resources(candidates_bundle(trial, {}, AT))
    assert (listed.entry, listed.emptyReason.text) == (None, "No candidate so far.")


def test_every_status_but_one_has_a_status_of_a_research_subject() -> None:
    """Only who is no candidate is no subject."""
    assert set(STATUSES) - SUBJECT_STATUS.keys() == {NOT_CANDIDATE}
