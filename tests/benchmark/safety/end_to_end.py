"""From a laboratory message in a hospital's feed to the committed event of it: seconds, on the local stack."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from services.cli import installation
from services.cli.demo import publish
from services.cli.simulate.delivery import ACCEPTED, message
from services.cli.simulate.model import FeedMessage
from services.cli.stack import Stack, StackError, down, start_services, up
from shared.runtime import postgres
from shared.runtime.postgres import Pool

BrokerKind = Literal["embedded", "apache"]
PER_SECOND: Final = 200
_AS_OF: Final = "2025-06-30"
_LIMIT_S: Final = 120
_EVERY_S: Final = 0.25
_TREATED: Final = "SELECT count(*) FROM safety.outcome WHERE kind = 'toxicity'"
# Until the event's row was written, just before its transaction committed; and the stages on the way.
_TAKEN: Final = """
SELECT extract(epoch FROM o.recorded_at - o.published_at)::float AS seconds,
       extract(epoch FROM f.recorded_at - o.published_at)::float AS until_stored,
       extract(epoch FROM e.created_at - f.recorded_at)::float AS until_taken,
       extract(epoch FROM o.recorded_at - e.created_at)::float AS until_written
FROM safety.outbox e
JOIN safety.outcome o USING (outcome_id)
JOIN timeline.fact f ON f.patient = o.patient AND f.kind = 'laboratory' AND f.occurred_at > '2025-06-24'
WHERE e.type = 'graftwatch.rejection-suspected.v1' AND o.published_at IS NOT NULL
"""
STAGES: Final = ("until_stored", "until_taken", "until_written")
"""Feed to ingest's transaction; from there to safety's; from its beginning to the row of the event."""


def available() -> tuple[BrokerKind, ...]:
    """The brokers that can be had here: Apache Kafka needs Java and Maven."""
    apache = shutil.which("mvn") is not None and shutil.which("java") is not None
    return ("embedded", *(("apache",) if apache else ()))


_SUSPECTED: Final = "SELECT count(*) FROM safety.outbox WHERE type = 'graftwatch.rejection-suspected.v1'"


@dataclass(frozen=True)
class Taken:
    """How long each event took, in seconds, and each stage of it; how many reconciliation found before their hint."""

    seconds: list[float]
    by_reconciliation: int
    stages: dict[str, list[float]]


def measured(home: Path, patients: int, broker: BrokerKind) -> Taken:
    """How long each severe liver test took to its event; the stack is this benchmark's own and is stopped after."""
    down(home)
    for data in ("postgres", "kafka", "logs"):
        shutil.rmtree(home / data, ignore_errors=True)
    stack = up(home, broker=broker, topics=installation.topic_specs(), prepare=installation.prepare)
    try:
        told = installation.service_environment(home, Path("deploy/sites"), _AS_OF)
        start_services(home, ("ingest", "safety"), told)
        with installation.database(home) as url:
            return asyncio.run(_measure(stack, url, patients))
    finally:
        down(home)


async def _measure(stack: Stack, url: str, patients: int) -> Taken:
    async with await postgres.connect(url, "reader", size=1) as pool:
        before = [m for n in range(patients) for m in (dose(n), alt(n, "baseline", "2025-06-01", 30))]
        quiet = [alt(n, "quiet", "2025-06-20", 35) for n in range(patients)]
        await publish.publish(stack.bootstrap_servers, before + quiet, 4 * PER_SECOND, lambda _: None)
        await _until(pool, _TREATED, patients)
        severe = [alt(n, "severe", "2025-06-25", 412) for n in range(patients)]
        await publish.publish(stack.bootstrap_servers, severe, PER_SECOND, lambda _: None)
        await _until(pool, _SUSPECTED, patients)
        rows = await pool.fetch(_TAKEN)
        return Taken(
            [r["seconds"] for r in rows], patients - len(rows), {stage: [r[stage] for r in rows] for stage in STAGES}
        )


async def _until(pool: Pool, count: str, wanted: int) -> None:
    try:
        async with asyncio.timeout(_LIMIT_S):
            while await pool.fetchval(count) < wanted:  # noqa: ASYNC110 - it happens in other processes
                await asyncio.sleep(_EVERY_S)
    except TimeoutError:
        raise StackError(f"not every patient was decided within {_LIMIT_S} s") from None


def dose(patient: int) -> FeedMessage:
    """The first dose of a patient."""
    return _message(
        "MedicationAdministration",
        patient,
        "dose",
        medicationCodeableConcept={"text": "camrelizumab"},
        status="completed",
        effectiveDateTime="2025-06-10T10:00:00Z",
        dosage={"dose": {"value": 200, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}},
    )


def alt(patient: int, name: str, on: str, value: int) -> FeedMessage:
    """An ALT of a patient, with its limit of normal."""
    unit = {"unit": "U/L", "system": "http://unitsofmeasure.org", "code": "U/L"}
    return _message(
        "Observation",
        patient,
        name,
        status="final",
        category=[
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}
        ],
        code={"coding": [{"system": "http://loinc.org", "code": "1742-6"}]},
        effectiveDateTime=on,
        valueQuantity={"value": value, **unit},
        referenceRange=[{"high": {"value": 40, **unit}}],
    )


def _message(type_: str, patient: int, name: str, **elements: Any) -> FeedMessage:
    stamp = {"versionId": "1", "lastUpdated": "2025-06-26T10:00:00Z"}
    about = {"resourceType": type_, "id": f"{name}-{patient}", "meta": stamp}
    subject = {"subject": {"reference": f"Patient/{patient}"}}
    return message("north", type_, f"{type_}/{name}-{patient}", {**about, **subject, **elements}, ACCEPTED)
