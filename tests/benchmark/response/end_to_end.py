"""From a corrected baseline in a hospital's feed to the event that says so: seconds, on the local stack."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer

from services.cli import installation
from services.cli.demo import publish
from services.cli.simulate.delivery import ACCEPTED, message
from services.cli.simulate.model import FeedMessage
from services.cli.stack import Stack, StackError, down, start_services, up
from shared.runtime import kafka
from shared.topics import RESPONSE_ASSESSMENTS

_LOCAL: Final = "https://graftwatch.example/fhir/CodeSystem/clinical"
_AS_OF: Final = "2025-06-30"
_LIMIT_S: Final = 30.0
_VISIT: Final = "2025-03-01"


def seconds(home: Path, corrections: int) -> list[float]:
    """How long each correction took; the stack is this benchmark's own and is stopped afterwards."""
    down(home)
    for data in ("postgres", "kafka", "logs"):
        shutil.rmtree(home / data, ignore_errors=True)
    stack = up(home, topics=installation.topic_specs(), prepare=installation.prepare)
    try:
        told = installation.service_environment(home, Path("deploy/sites"), _AS_OF)
        start_services(home, ("ingest", "response"), told)
        return asyncio.run(_measure(stack, corrections))
    finally:
        down(home)


async def _measure(stack: Stack, corrections: int) -> list[float]:
    events = await kafka.feed_consumer(stack.bootstrap_servers, "bench-response", [RESPONSE_ASSESSMENTS.name])
    try:
        await _send(stack, dose(), lesion("baseline", "2025-01-10", 50, 1), lesion("visit", _VISIT, 34, 1))
        await _told(events, "PR")
        taken = []
        for n in range(corrections):
            # 34 mm is 32 % below 50 mm, and 15 % below 40 mm.
            size, expected = ((40, "SD"), (50, "PR"))[n % 2]
            started = time.perf_counter()
            await _send(stack, lesion("baseline", "2025-01-10", size, n + 2))
            await _told(events, expected)
            taken.append(time.perf_counter() - started)
        return taken
    finally:
        await events.stop()


async def _send(stack: Stack, *messages: FeedMessage) -> None:
    await publish.publish(stack.bootstrap_servers, messages, 10_000, lambda _: None)


async def _told(events: AIOKafkaConsumer, response: str) -> None:
    """Wait for the event that the visit has this response now."""
    try:
        async with asyncio.timeout(_LIMIT_S):
            async for record in events:
                event = msgspec.json.decode(record.value)
                if event["type"] == "visit-response-assessed" and event["response"] == response:
                    return
    except TimeoutError:
        raise StackError(f"no event that the response is {response} within {_LIMIT_S:.0f} s") from None


def dose() -> FeedMessage:
    """The first dose."""
    return _message(
        "MedicationAdministration",
        "dose",
        1,
        medicationCodeableConcept={"text": "camrelizumab"},
        status="completed",
        effectiveDateTime="2025-01-15",
        dosage={"dose": {"value": 200, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}},
    )


def lesion(name: str, on: str, viable: int, version: int) -> FeedMessage:
    """One target in the liver at one scan; a later version corrects it."""
    size = {"value": viable, "unit": "mm", "system": "http://unitsofmeasure.org", "code": "mm"}
    return _message(
        "Observation",
        name,
        version,
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": "21889-1"}]},
        effectiveDateTime=on,
        focus=[{"identifier": {"system": "https://north.example/fhir/lesion", "value": "l1"}}],
        bodySite={"coding": [{"system": "http://snomed.info/sct", "code": "10200004"}]},
        component=[
            {"code": _local("viable-diameter"), "valueQuantity": size},
            {"code": _local("lesion-role"), "valueCodeableConcept": _local("target")},
            {"code": _local("lesion-state"), "valueCodeableConcept": _local("present")},
        ],
    )


def _message(type_: str, id_: str, version: int, **elements: Any) -> FeedMessage:
    stamp = {"versionId": str(version), "lastUpdated": f"2025-06-01T10:00:{version:02d}Z"}
    about = {"resourceType": type_, "id": id_, "meta": stamp, "subject": {"reference": "Patient/1"}}
    return message("north", type_, f"{type_}/{id_}", {**about, **elements}, ACCEPTED)


def _local(code: str) -> dict[str, Any]:
    return {"coding": [{"system": _LOCAL, "code": code}]}
