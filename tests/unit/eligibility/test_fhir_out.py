"""Trials and screening lists as FHIR: built by fhir.resources, read back by it, patients by pseudonym only."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from fhir.resources.R4B.bundle import Bundle

from services.eligibility.announce import announce, introduce
from services.eligibility.status import NOT_CANDIDATE, STATUSES
from shared.events import ResearchStudyPublished, ScreeningStatusChanged
from shared.fhir.out import changes
from shared.fhir.out.candidates import SUBJECT_STATUS, candidates_bundle, study_bundle, subject_id
from shared.outcomes import Outcome
from shared.protocol.load import load, load_file, protocol_hash
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


@pytest.mark.parametrize("status", [*STATUSES, "another"])
def test_a_change_of_status_is_a_change_of_the_screening_list(status: str) -> None:
    """A List of changes with the subject's status and the reason; who is no candidate is an entry marked deleted."""
    (trial, _) = PROTOCOLS
    listed, subject = _resources(Bundle.model_validate(changes.status_change(trial, SOMEBODY, status, "the reason")))
    (entry,) = listed.entry
    assert (listed.mode, entry.flag.text, entry.flag.coding[0].code) == ("changes", "the reason", status)
    assert entry.item.reference == f"ResearchSubject/{subject.id}"
    assert bool(entry.deleted) is (status not in SUBJECT_STATUS)
    assert subject.status == SUBJECT_STATUS.get(status, "not-registered")
    assert subject.individual.identifier.value == str(SOMEBODY)


def test_a_changed_status_is_announced_with_its_fhir() -> None:
    """The event carries the change as a Bundle, with the sentence as its reason."""
    (trial, _) = PROTOCOLS
    before, after = (
        Outcome("screening", "", {"status": status, "says": f"{status}: all", "criteria": []})
        for status in ("potentially_eligible", "eligible")
    )
    (event,) = announce(SOMEBODY, trial, before, after)
    assert isinstance(event, ScreeningStatusChanged)
    listed, subject = _resources(Bundle.model_validate(event.fhir))
    assert (listed.entry[0].flag.text, subject.status) == (event.sentence, "eligible")


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: p.id)
def test_a_protocol_is_introduced_with_its_criteria(protocol: Protocol) -> None:
    """One event about the study, about no patient: ResearchStudy, Group and EvidenceVariable, and the hash of the protocol."""
    (event,) = introduce(protocol)
    assert isinstance(event, ResearchStudyPublished)
    study, group, variable = _resources(Bundle.model_validate(event.fhir))
    assert (str(event.patient), event.protocol_hash) == (study.id, protocol_hash(protocol))
    assert (
        len(group.characteristic)
        == len(variable.characteristic)
        == len(protocol.screening.inclusion) + len(protocol.screening.exclusion)
    )


def test_every_status_but_one_has_a_status_of_a_research_subject() -> None:
    """Only who is no candidate is no subject."""
    assert set(STATUSES) - SUBJECT_STATUS.keys() == {NOT_CANDIDATE}
