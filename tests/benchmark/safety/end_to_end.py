"""From a laboratory message in a hospital's feed to the committed event of it: seconds, on the local stack."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any, Final

from services.cli import installation
from services.cli.demo import publish
from services.cli.simulate.delivery import ACCEPTED, message
from services.cli.simulate.model import FeedMessage
from services.cli.stack import Stack, StackError, down, start_services, up
from shared.runtime import postgres
from shared.runtime.postgres import Pool

PER_SECOND: Final = 200
_AS_OF: Final = "2025-06-30"
_LIMIT_S: Final = 120
_EVERY_S: Final = 0.25
_TREATED: Final = "SELECT count(*) FROM safety.outcome WHERE kind = 'toxicity'"
# The transaction's own time: what the event waits for between its transaction and the relay is not in it.
_TAKEN: Final = """
SELECT extract(epoch FROM e.created_at - o.published_at)::float AS seconds
FROM safety.outbox e JOIN safety.outcome o USING (outcome_id)
WHERE e.type = 'graftwatch.rejection-suspected.v1' AND o.published_at IS NOT NULL
"""


def seconds(home: Path, patients: int) -> list[float]:
    """How long each severe liver test took to its event; the stack is this benchmark's own and is stopped after."""
    down(home)
    for data in ("postgres", "kafka", "logs"):
        shutil.rmtree(home / data, ignore_errors=True)
    stack = up(home, topics=installation.topic_specs(), prepare=installation.prepare)
    try:
        told = installation.service_environment(home, Path("deploy/sites"), _AS_OF)
        start_services(home, ("ingest", "safety"), told)
        with installation.database(home) as url:
            return asyncio.run(_measure(stack, url, patients))
    finally:
        down(home)


async def _measure(stack: Stack, url: str, patients: int) -> list[float]:
    async with await postgres.connect(url, "reader", size=1) as pool:
        before = [m for n in range(patients) for m in (dose(n), alt(n, "baseline", "2025-06-01", 30))]
        quiet = [alt(n, "quiet", "2025-06-20", 35) for n in range(patients)]
        await publish.publish(stack.bootstrap_servers, before + quiet, 4 * PER_SECOND, lambda _: None)
        await _until(pool, _TREATED, patients)
        severe = [alt(n, "severe", "2025-06-25", 412) for n in range(patients)]
        await publish.publish(stack.bootstrap_servers, severe, PER_SECOND, lambda _: None)
        await _until(pool, f"SELECT count(*) FROM ({_TAKEN}) AS taken", patients)
        return [r["seconds"] for r in await pool.fetch(_TAKEN)]


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
