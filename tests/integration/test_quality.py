"""What is counted of a feed's quality: codes that nobody knows, and what does not conform, beside the feed."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from services.cli.stack import Stack
from services.ingest.app import Ingest
from services.ingest.judging import QUEUE, Judging
from services.ingest.replay import Replay
from shared import topics
from shared.runtime import quality
from shared.runtime.dead_letters import Wanted
from shared.runtime.postgres import Pool
from tests.support import feed, process
from tests.support.database import Database, eventually
from tests.support.feed import Feed, platelets
from tests.support.records import ICD, LOINC, as_json, coded, lab, observation, resource
from tests.support.topics import send, skip_to_end


async def test_codes_that_nobody_knows_are_counted_once_per_resource(
    database: Database, ingest: Ingest, ingest_pool: Pool
) -> None:
    """Known codes that no protocol asks for are not among them, redelivery adds nothing, and no display text is kept."""
    shown = {"coding": [{"system": "urn:oid:1.2.3", "code": "XYZ", "display": "Jane Doe's test"}]}
    messages = Feed().messages(
        lab("00000-0", id_="a"),
        lab("00000-0", id_="b"),
        observation(shown, "c"),
        observation({"coding": [{"system": "Jane Doe", "code": "born 1960"}]}, "d"),
        platelets("140"),
        resource("Condition", "e", code=coded(ICD, "Z99.9")),
    )
    await ingest.store(messages)
    await ingest.store(messages)
    found = [(u.resource_type, u.system, u.code, u.resources) for u in await quality.unmapped(ingest_pool, None, 1)]
    assert found == [
        ("Observation", LOINC, "00000-0", 2),
        ("Condition", ICD, "Z99.9", 1),
        ("Observation", "?", "?", 1),
        ("Observation", "urn:oid:1.2.3", "XYZ", 1),
    ]
    assert [u.code for u in await quality.unmapped(ingest_pool, "north", 2)] == ["00000-0"]
    assert await quality.unmapped(ingest_pool, "south", 1) == []


async def test_a_replay_counts_what_it_finds_unmapped(ingest: Ingest, ingest_pool: Pool, database: Database) -> None:
    """A dead letter that turns out to be of an unknown code is counted when it is read, not before."""
    await ingest.store(Feed().messages(b"not JSON"))
    await feed.mend(database, b"not JSON", as_json(lab("00000-0", id_="a")))
    async for _ in Replay(ingest, ingest_pool).letters(Wanted()):
        pass
    assert [(u.code, u.resources) for u in await quality.unmapped(ingest_pool, None, 1)] == [("00000-0", 1)]
    assert await feed.counts(database) == {("out_of_scope", ""): 1}


async def test_what_does_not_conform_is_summarised(database: Database, ingest: Ingest, ingest_pool: Pool) -> None:
    """In mode `all` each accepted resource is judged once, redelivery not again, by a process that ends with its owner."""
    judging = Judging("all", ingest_pool)
    ingest.stored = judging.offer
    judging.start()
    messages = Feed().messages(
        platelets("140"), platelets("90", 1, "odd", banana=1), platelets("1", 1, "refused", subject={})
    )
    await ingest.store(messages)
    await ingest.store(messages)

    async def judged() -> bool:
        summaries, _ = await quality.conformance(ingest_pool, "north")
        return sum(s.judged for s in summaries) == 2

    await eventually(judged)
    await judging.close()
    summaries, faults = await quality.conformance(ingest_pool, None)
    assert [(s.resource_type, s.judged, s.not_conformant, s.unjudged) for s in summaries] == [("Observation", 2, 1, 0)]
    assert [(f.path, f.issue, f.resources) for f in faults] == [("Observation.banana", "extra_forbidden", 1)]


async def test_what_finds_no_room_is_counted_as_unjudged(ingest: Ingest, ingest_pool: Pool) -> None:
    """The feed does not wait for the judge: beyond the queue, and at the end, what was not judged is counted as such."""
    judging = Judging("sample", ingest_pool)
    ingest.stored = judging.offer
    judging.start()
    await ingest.store(Feed().messages(*(platelets("140", 1, f"o{i}") for i in range(200))))
    await judging.close()
    summaries, _ = await quality.conformance(ingest_pool, None)
    assert sum(s.judged + s.unjudged for s in summaries) == 200
    assert QUEUE > 200 > sum(s.judged for s in summaries)


async def test_a_judge_that_dies_is_replaced(ingest: Ingest, ingest_pool: Pool) -> None:
    """What it had in hand is unjudged, and the next resources are judged by another."""
    judging = Judging("all", ingest_pool)
    ingest.stored = judging.offer
    judging.start()
    source = Feed()

    async def judged(n: int) -> bool:
        summaries, _ = await quality.conformance(ingest_pool, None)
        return sum(s.judged for s in summaries) == n

    await ingest.store(source.messages(platelets("1", 1, "first")))
    await eventually(lambda: judged(1))
    assert judging._process is not None
    judging._process.kill()
    await judging._process.wait()
    await ingest.store(source.messages(platelets("2", 1, "lost")))

    async def unjudged() -> bool:
        summaries, _ = await quality.conformance(ingest_pool, None)
        return sum(s.unjudged for s in summaries) == 1

    await eventually(unjudged)
    await ingest.store(source.messages(platelets("3", 1, "third")))
    await eventually(lambda: judged(2))
    await judging.close()


async def test_the_service_leaves_no_judge_behind(stack: Stack, database: Database, tmp_path: Path) -> None:
    """Killed as a crash would, ingest takes its judging process with it; what was counted is on its pages."""
    group = f"test-quality-{uuid4()}"
    await skip_to_end(stack.bootstrap_servers, group, topics.FEED)
    env = process.environment(stack, database, GRAFTWATCH_CONFORMANCE="all")
    async with process.running(tmp_path / "ingest.log", env, "-m", "tests.support.dying_ingest", group) as service:
        await service.healthy()
        await send(stack.bootstrap_servers, Feed().messages(platelets("140"), lab("00000-0", id_="a"), b"no JSON"))
        judge = await eventually(lambda: _children(service))
        await eventually(lambda: _judged(database))
        _, metrics = await service.page("/metrics")
        await service.kill()
        await eventually(lambda: _gone(judge))
    for line in (
        'graftwatch_conformance_total{judgement="conformant",site="north"} 1.0',
        'graftwatch_feed_unmapped_total{site="north"} 1.0',
        'graftwatch_feed_rejected_total{reason="not-json",site="north"} 1.0',
        "graftwatch_feed_newest_processed_age_seconds",
    ):
        assert line in metrics


async def _children(service: process.ServiceProcess) -> Any:
    return service.children()


async def _gone(processes: Any) -> bool:
    return not any(p.is_running() for p in processes)


async def _judged(database: Database) -> bool:
    return bool(await database.value("SELECT sum(judged) FROM timeline.conformance"))
