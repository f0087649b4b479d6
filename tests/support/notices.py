"""Builds events, recipients files and outboxes for the tests of notify. Decides nothing about who is told."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4, uuid5

import yaml

from services.notify import directory
from services.notify.directory import Directory
from services.notify.notices import Notice
from shared import events
from shared.events import AnyEvent
from shared.outcomes import Evidence
from tests.support.database import Database

STUDY: Final = "camrelizumab-hcc-transplant"
AT: Final = datetime(2024, 5, 3, 10, tzinfo=UTC)
"""A Friday, noon in Berlin."""
SECRET: Final = b"a secret of the tests, 24+ bytes"
SECRET_WORD: Final = "whsec_" + base64.b64encode(SECRET).decode()
ENVIRON: Final = {"WEBHOOK_SECRET": SECRET_WORD}
PATIENT: Final = UUID("00000000-0000-8000-8000-00000000000a")
SOURCE_OF: Final = {
    "screening-decisions": "eligibility",
    "response-assessments": "response",
    "safety-events": "safety",
}

COORDINATOR: Final = {"id": "coordinator", "name": "Coordinator", "email": "coordinator@north.example"}
OFFICER: Final = {"id": "officer", "name": "Safety officer", "email": "officer@trial.example"}


def system(url: str, id_: str = "system", **more: Any) -> dict[str, Any]:
    """A recipient with a webhook."""
    return {"id": id_, "name": "A system", "webhook": {"url": url, "secret_env": "WEBHOOK_SECRET"}, **more}


def rule(name: str, *to: str, **more: Any) -> dict[str, Any]:
    """A rule that tells them of everything, but for what is given."""
    return {"name": name, "to": list(to), **more}


def read(folder: Path, *recipients: dict[str, Any], rules: Sequence[dict[str, Any]] = ()) -> Directory:
    """The recipients file of these, written and read."""
    return directory.load(write(folder, *recipients, rules=rules), ENVIRON)


def write(folder: Path, *recipients: dict[str, Any], rules: Sequence[dict[str, Any]] = ()) -> Path:
    """The recipients file of these."""
    path = folder / "recipients.yaml"
    path.write_text(yaml.safe_dump({"recipients": list(recipients), "rules": list(rules)}))
    return path


def suspected(patient: UUID = PATIENT, **more: Any) -> AnyEvent:
    """A suspicion of rejection: stat."""
    return events.RejectionSuspected(
        **_about(patient, "episode-1", "graft rejection is suspected: ALT 412 U/L", more),
        before="none",
        speaks_for=(),
        speaks_against=(),
    )


def retracted(patient: UUID = PATIENT, **more: Any) -> AnyEvent:
    """A suspicion that does not stand: asap."""
    about = _about(patient, "episode-1", "graft rejection no longer suspected, now none", more)
    return events.RejectionRetracted(**about, before="suspected", level="none")


def watched(patient: UUID = PATIENT) -> AnyEvent:
    """A suspicion that does not stand, of a rejection that is still looked out for: asap."""
    about = _about(patient, "episode-1", "graft rejection no longer suspected, now watch", {})
    return events.RejectionRetracted(**about, before="suspected", level="watch")


def gap(patient: UUID = PATIENT) -> AnyEvent:
    """A gap of surveillance: urgent."""
    return events.SurveillanceGapFound(**_about(patient, "", "no liver test since", {}), last_on="2024-04-01", days=14)


def gap_closed(patient: UUID = PATIENT) -> AnyEvent:
    """The gap is over: urgent."""
    about = _about(patient, "", "no liver test is overdue any more", {})
    return events.SurveillanceGapClosed(**about, last_on="2024-05-02")


def merged(into: UUID, patient: UUID = PATIENT) -> AnyEvent:
    """The patient and another are one person: urgent."""
    about = _about(patient, "", "one person with another", {})
    return events.PatientMerged(**about, before=None, into=into)


def graded(grade: int | None, before: int | None, patient: UUID = PATIENT) -> AnyEvent:
    """Another grade of a laboratory term: asap where it is or was severe, else urgent."""
    about = _about(patient, "alt", f"ALT increased, grade {grade}", {})
    return events.ToxicityGraded(**about, term="alt-increased", before=before, grade=grade)


def screened(status: str, before: str | None = None, patient: UUID = PATIENT, **more: Any) -> AnyEvent:
    """Another screening status: urgent where it concerns being eligible, else routine."""
    return events.ScreeningStatusChanged(
        **_about(patient, "", f"now {status}", more), before=before, status=status, criteria_changed=()
    )


def criterion(status: str = "eligible", patient: UUID = PATIENT) -> AnyEvent:
    """Another answer to a criterion, the status as before: routine."""
    about = _about(patient, "", f"still {status}", {})
    return events.CriterionChanged(**about, status=status, criteria_changed=("I1",))


def notice(event: AnyEvent, site: str = "north", created_at: datetime = AT) -> Notice:
    """The notice of an event."""
    source = SOURCE_OF[events.TOPIC_OF[type(event)]]
    return Notice(uuid5(PATIENT, repr(event)), source, uuid4(), event.patient, site, created_at, event)


def evidence(fact: UUID, says: str = "ALT 412 U/L") -> Evidence:
    """A fact that an outcome rests on."""
    return Evidence(fact, "Observation/1", "1", "2024-05-02", says)


def _about(patient: UUID, subject: str, sentence: str, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "patient": patient,
        "protocol": STUDY,
        "protocol_version": "1",
        "subject": subject,
        "sentence": sentence,
        "occurred": "2024-05-02",
        **more,
    }


@dataclass
class Outboxes:
    """Commits outcomes and their events as the deciding services do, into a test's own database."""

    database: Database

    async def patient(self, patient: UUID = PATIENT, site: str = "north") -> None:
        """Register a patient."""
        await self.database.rows(
            "INSERT INTO timeline.patient (patient, site) VALUES ($1, $2) ON CONFLICT DO NOTHING", patient, site
        )

    async def commit(
        self,
        event: AnyEvent,
        *,
        ordinal: int = 1,
        kind: str = "rejection",
        withdrawn: bool = False,
        timeline_version: int = 1,
        facts: Sequence[UUID] = (),
        age_seconds: float = 0,
        source: str | None = None,
        outcome_of: str | None = None,
    ) -> UUID:
        """Append an outcome with its event to the outbox of its service; the event's id."""
        source = source or SOURCE_OF[events.TOPIC_OF[type(event)]]
        topic = events.topic_of(event, source)
        outcome = uuid5(event.patient, f"{outcome_of or source}/{kind}/{event.subject}/{ordinal}")
        event_id = events.event_id(outcome, event)
        cited = [{"fact_id": str(f), "reference": "r", "version": None, "occurred": None, "says": "x"} for f in facts]
        await self.database.rows(
            f"INSERT INTO {source}.outcome (outcome_id, patient, protocol, kind, subject, ordinal, withdrawn, content,"
            " evidence, content_hash, timeline_version, protocol_version, protocol_hash, rules_version, evaluated_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, '{}', $8, 'h', $9, '1', 'h', '1', now())",
            *(outcome, event.patient, event.protocol, kind, event.subject, ordinal, withdrawn),
            *(json.dumps(cited), timeline_version),
        )
        await self.database.rows(
            f"INSERT INTO {source}.outbox (event_id, patient, outcome_id, topic, type, event, created_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, now() - make_interval(secs => $7))",
            *(event_id, event.patient, outcome, topic, events.type_name(event)),
            *(events.encode(event).decode(), age_seconds),
        )
        return event_id

    async def ahead(self, event_id: UUID) -> None:
        """This event and its outcome were committed by a clock that was an hour ahead."""
        for table, column in (("outcome", "recorded_at"), ("outbox", "created_at")):
            of = "outcome_id = (SELECT outcome_id FROM safety.outbox WHERE event_id = $1)"
            await self.database.rows(
                f"UPDATE safety.{table} SET {column} = {column} + interval '1 hour' WHERE {of}", event_id
            )

    async def fact(self, patient: UUID = PATIENT, ended_in: int | None = None) -> UUID:
        """A fact of the timeline, ended in a version or standing."""
        fact = uuid4()
        await self.database.rows(
            "INSERT INTO timeline.fact (patient, fact_id, record, kind, fact, added_in, ended_in)"
            " VALUES ($1, $2, 'Observation/1', 'laboratory', '{}', 1, $3)",
            *(patient, fact, ended_in),
        )
        return fact
