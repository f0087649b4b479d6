"""The deciding service as a process: hints in, decisions out, killed and restarted."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from aiokafka import ConsumerRecord

from services.cli.stack import Stack
from services.ingest.app import Ingest
from shared import events, topics
from shared.protocol import load as protocol_files
from shared.runtime import hints
from shared.runtime.hints import Hint
from tests.support import feed, process
from tests.support.database import Database, eventually
from tests.support.feed import Feed, patient, platelets
from tests.support.records import ICD, SNOMED, Resource, coded, resource
from tests.support.topics import listening, producer

(PROTOCOL,) = protocol_files.load()
GARBAGE = (b"", b"no JSON", b"\xff\xfe", b"[" * 50_000, b'{"patient": "nobody"}', b"null")
HINT_TO_DECISION_LIMIT_S = 10.0


@pytest.fixture
def env(stack: Stack, database: Database) -> dict[str, str]:
    """Settings under which a decision can come by a hint only: reconciliation leaves it an hour."""
    return process.environment(stack, database, GRAFTWATCH_RECONCILE_GRACE_SECONDS="3600")


async def test_hints_become_decisions_and_a_crash_costs_none(
    stack: Stack, database: Database, ingest: Ingest, env: dict[str, str], tmp_path: Path
) -> None:
    """A hint about a candidate, behind garbage and back-fill and twice, is one decision; back-fill is left to reconciliation.

    After a kill -9 what came meanwhile, its hint lost, is found by the restarted service itself. `/health` and
    `/metrics` answer; the log holds no patient id of the hospital and no traceback.
    """
    log = tmp_path / "eligibility.log"
    async with (
        producer(stack.bootstrap_servers) as sender,
        listening(stack.bootstrap_servers, topics.SCREENING_DECISIONS) as decisions,
    ):
        first, second, waiting = f"first-{uuid4()}", f"second-{uuid4()}", f"waiting-{uuid4()}"

        async def tell(raw: bytes, key: bytes = b"k") -> None:
            await sender.send_and_wait(topics.TIMELINE_CHANGES.name, raw, key=key)

        async with process.running(log, env, "-m", "services.eligibility") as service:
            assert (await service.healthy())["status"] == "ok"
            for raw in GARBAGE:
                for partition in range(topics.TIMELINE_CHANGES.partitions):
                    await sender.send_and_wait(topics.TIMELINE_CHANGES.name, raw, partition=partition)
            for hint in await _admit(ingest, waiting):  # ahead on the same partition, and left to reconciliation
                await tell(hints.encode(msgspec.structs.replace(hint, lane="backfill")))
            for hint in await _admit(ingest, first) * 2:
                await tell(hints.encode(hint))
            await decisions.until(lambda records: _about(records, patient(first)), HINT_TO_DECISION_LIMIT_S)
            assert await database.value("SELECT array_agg(patient) FROM eligibility.evaluation") == [patient(first)]
            status, metrics = await service.page("/metrics")
            assert status == 200
            assert 'graftwatch_hints_unreadable_total{service="eligibility"}' in metrics
            await service.kill()
        await _admit(ingest, second)
        env |= {"GRAFTWATCH_RECONCILE_GRACE_SECONDS": "0.2"}
        async with process.running(log, env, "-m", "services.eligibility") as restarted:
            heard = await decisions.until(
                lambda records: _about(records, patient(second)) and _about(records, patient(waiting)), 40
            )
            await eventually(lambda: _all_relayed(database))
            assert await restarted.end() == 0
    studies = [events.decode(r.value) for r in heard if _type(r) == "graftwatch.research-study-published.v1"]
    assert len({_id(r) for r in heard if r.value and _type(r) == "graftwatch.research-study-published.v1"}) == 1
    assert [isinstance(s, events.ResearchStudyPublished) and s.protocol for s in studies][:1] == [PROTOCOL]
    assert await database.value("SELECT count(*) FROM eligibility.outbox WHERE type LIKE '%study-published%'") == 1
    assert len({dict(r.headers)["ce_id"] for r in _about(heard, patient(first))}) == 1
    (event, *_) = [events.decode(r.value) for r in _about(heard, patient(second))]
    assert isinstance(event, events.ScreeningStatusChanged)
    assert (event.before, event.status) == (None, "potentially_eligible")
    assert await database.value("SELECT count(*) FROM eligibility.outcome") == 3
    written = log.read_text()
    assert "Traceback" not in written
    assert first not in written


async def _admit(ingest: Ingest, id_: str) -> list[Hint]:
    """A patient with carcinoma, transplant and a result: a candidate."""
    subject: Resource = {"subject": {"reference": f"Patient/{id_}"}}
    told, _ = await ingest.store(
        Feed().messages(
            resource("Condition", f"c-{id_}", code=coded(ICD, "C22.0"), onsetDateTime="2021-03-01", **subject),
            resource(
                "Procedure",
                f"t-{id_}",
                status="completed",
                code=coded(SNOMED, "18027006"),
                performedDateTime="2021-06-01",
                **subject,
            ),
            platelets("140", 1, f"o-{id_}", of=id_),
        )
    )
    assert [h.patient for h in told] == [feed.patient(id_)]
    return told


def _type(record: ConsumerRecord) -> str:
    return str(dict(record.headers)["ce_type"].decode())


def _id(record: ConsumerRecord) -> str:
    return str(dict(record.headers)["ce_id"].decode())


def _about(records: list[ConsumerRecord], of: UUID) -> list[ConsumerRecord]:
    return [r for r in records if r.key == str(of).encode()]


async def _all_relayed(database: Database) -> bool:
    return bool(await database.value("SELECT bool_and(relayed_at IS NOT NULL) FROM eligibility.outbox"))
