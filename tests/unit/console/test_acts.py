"""What people may state, and that each statement is a record that the reader reads as what was meant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from fhir.resources.R4B.observation import Observation

from services.console import acts
from services.console.access import Right
from services.console.acts import ACTS, About, Act, Statement
from shared import terminology
from shared.codes import PSEUDONYM_SYSTEM
from shared.facts import Attestation
from shared.fhir.message import read_message
from shared.fhir.out import attestation
from shared.fhir.reading import Accepted
from shared.protocol import load as protocol_files
from tests.support import records

PATIENT = UUID("8507221f-98fb-8f9b-ba14-088f87427dd6")
CASE = "1419415a-467c-5525-a490-cbc33f678d2f"
AT = datetime(2025, 6, 30, 12, 0, tzinfo=UTC)
PROTOCOL = protocol_files.load()["camrelizumab-hcc-transplant"]
EVERY: list[Act] = [
    *(a for found in ACTS.values() for a in found),
    *(a for code in acts.for_criteria(PROTOCOL) for a in acts.of_criterion(code)),
]


def statement(act: Act, **more: object) -> Statement:
    """The act as stated by somebody."""
    fields = {
        "act": UUID(int=7),
        "patient": PATIENT,
        "code": act.code,
        "value": act.value,
        "practitioner": "investigator-north",
        "by_name": "Investigator",
        "at": AT,
        "sent_at": AT,
    }
    return Statement(**(fields | more))  # type: ignore[arg-type] # a test's own fields


@pytest.mark.parametrize("act", EVERY, ids=lambda a: f"{a.code}-{a.value}")
def test_a_statement_conforms_and_reads_as_the_attestation_that_was_meant(act: Act) -> None:
    """By fhir.resources and by our own reader: code, value, whom, what it speaks of."""
    record = acts.observation(statement(act, focus=CASE, reason="seen at the bedside", expires=date(2025, 9, 30)))
    Observation.model_validate_json(record)
    known = {("north", f"{PSEUDONYM_SYSTEM}|{PATIENT}"): "p1"}
    context = records.context(patient=lambda site, identifier: known.get((site, identifier)))
    [reading] = read_message(record.encode(), None, records.SITE, context)
    assert isinstance(reading, Accepted), reading
    assert reading.issues == ()
    [fact] = reading.facts
    assert isinstance(fact, Attestation)
    assert (fact.code, fact.value, fact.focus) == (act.code, act.value, CASE)
    assert fact.expires is not None
    assert fact.expires.text == "2025-09-30"
    assert "investigator-north" in fact.practitioner


@pytest.mark.parametrize("act", EVERY, ids=lambda a: f"{a.code}-{a.value}")
def test_a_withdrawn_statement_is_a_later_version_that_states_nothing(act: Act) -> None:
    """The same record, entered in error: it conforms, and our reader finds no fact in it."""
    stated = acts.observation(statement(act, focus=CASE))
    record = attestation.withdrawn(stated, at=AT, reason="of the wrong patient", by_name="A").model_dump_json()
    Observation.model_validate_json(record)
    known = {("north", f"{PSEUDONYM_SYSTEM}|{PATIENT}"): "p1"}
    context = records.context(patient=lambda site, identifier: known.get((site, identifier)))
    [first] = read_message(stated.encode(), None, records.SITE, context)
    [reading] = read_message(record.encode(), None, records.SITE, context)
    assert isinstance(first, Accepted)
    assert isinstance(reading, Accepted), reading
    assert reading.facts == ()
    assert reading.record == first.record
    assert (first.order.version_id, reading.order.version_id) == (1, 2)


def test_a_withdrawal_is_never_older_than_what_it_withdraws() -> None:
    """The clock was set back five minutes between the two: ingest would keep the later one by `lastUpdated`, the statement."""
    stated = acts.observation(statement(EVERY[0], focus=CASE))
    withdrawn = attestation.withdrawn(stated, at=AT - timedelta(minutes=5), reason="of the wrong patient", by_name="A")
    context = records.context(patient=lambda *_: "p1")
    [before], [after] = (
        read_message(record.encode(), None, records.SITE, context) for record in (stated, withdrawn.model_dump_json())
    )
    assert isinstance(before, Accepted)
    assert isinstance(after, Accepted)
    assert (after.order.last_updated, after.order.version_id) == (before.order.last_updated, 2)


def test_every_statement_is_of_a_code_that_the_table_knows() -> None:
    """And every attestation of the table but the merging and amending of cases can be made."""
    known = {c.id for c in terminology.by_kind(terminology.Kind.ATTESTATION)}
    assert {a.code for a in EVERY} <= known


def test_what_denies_or_ends_something_needs_a_reason() -> None:
    """Nobody refutes, screen-fails or denies without saying why."""
    grave = [a for a in EVERY if a.is_grave]
    assert {a.name for a in grave} >= {"refute", "screen-fail", "deny"}
    assert all(a.needs_reason for a in grave)


def test_an_investigator_judges_and_a_safety_officer_assesses_for_the_sponsor() -> None:
    """Neither can state what is the other's: both opinions are kept."""
    rights = {a.name: a.rights for a in ACTS[About.CASE]}
    assert rights["confirm"] == rights["refute"] == rights["related"] == (Right.JUDGE,)
    assert rights["sponsor-related"] == rights["submitted"] == (Right.ASSESS,)


def test_only_what_a_criterion_asks_for_can_be_attested() -> None:
    """A code that no criterion of the protocol asks for is no statement."""
    assert set(acts.for_criteria(PROTOCOL)) == {
        "not-resectable",
        "survival-over-3-months",
        "targeted-therapy-intolerance",
        "thyroid-acceptable",
    }
    assert acts.find(About.CRITERION, "attest", "sae-confirmed", PROTOCOL) is None
    assert acts.find(About.CASE, "enrol", "death", PROTOCOL) is None
