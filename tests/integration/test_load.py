"""`graftwatch load` as a process between files and a real broker: everything arrives, however often it is interrupted."""

from __future__ import annotations

import gzip
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import ConsumerRecord

from services.cli.load.send import BATCH_MESSAGES
from services.cli.stack import Stack
from services.ingest.app import Ingest
from services.ingest.messages import FeedMessage, from_record
from shared import topics
from shared.runtime import ports, postgres
from tests.support import database as databases
from tests.support import feed, process
from tests.support.database import TEMPLATE, Database, difference
from tests.support.feed import SITE, SITES
from tests.support.records import Resource, as_json
from tests.support.topics import listening

LANE = (("site", SITE.encode()), ("lane", b"backfill"))


class Loads:
    """Runs of the command on one home, and the files that they load."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.mark = uuid4().hex
        self.folder = folder / "export"
        self.folder.mkdir()
        self.home = folder / "home"
        self.env = {
            "PATH": os.environ["PATH"],
            "COLUMNS": "200",
            "KAFKA_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
            "GRAFTWATCH_FEED_EPOCH": stack.feed_epoch,
            "GRAFTWATCH_SITES": str(SITES.resolve()),
        }

    async def run(self, *more: str, die_at: int = 0, env: dict[str, str] | None = None) -> tuple[int, str]:
        """Exit code and output of `graftwatch load` on the folder."""
        words = ("load", str(self.folder), "--site", SITE, "--home", str(self.home), *more)
        return await process.refusal(env or self.env, "-m", "tests.support.dying_load", str(die_at), *words)

    def write(self, name: str, *lines: Resource | bytes) -> Path:
        """A file of these lines, packed if its name says so."""
        content = b"".join((as_json(line) if isinstance(line, dict) else line) + b"\n" for line in lines)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    def counts(self, first: int, last: int) -> list[Resource]:
        """Platelet counts of seven patients, numbered."""
        return [
            feed.platelets(str(100 + n % 50), id_=f"{self.mark}-{n}", of=f"p{n % 7}") for n in range(first, last + 1)
        ]

    def ours(self, records: Iterable[ConsumerRecord]) -> list[ConsumerRecord]:
        """Those messages that this test sent."""
        return [r for r in records if self.mark.encode() in (r.value or b"")]

    def arrived(self, count: int) -> Any:
        """Whether so many different messages have arrived."""
        return lambda records: len({r.value for r in self.ours(records)}) >= count


@pytest.fixture
def loads(stack: Stack, tmp_path: Path) -> Loads:
    """A folder to load from, and a home of its own."""
    return Loads(stack, tmp_path)


@pytest.fixture
async def other_ingest(stack: Stack) -> AsyncIterator[tuple[Ingest, Database]]:
    """An ingest on a second database, to compare with."""
    made = await databases.create(stack.database_url, TEMPLATE)
    async with await postgres.connect(made.url, "ingest", size=2) as pool:
        yield feed.ingest(pool), made
    await databases.drop(stack.database_url, made)


async def test_an_interrupted_load_ends_as_a_clean_one(
    stack: Stack,
    loads: Loads,
    ingest: Ingest,
    database: Database,
    other_ingest: tuple[Ingest, Database],
    tmp_path: Path,
) -> None:
    """Killed three times between the broker's answer and its own note, it sends every line, and few of them twice."""
    loads.write("a.ndjson", *loads.counts(1, 1300))
    loads.write("deep/b.ndjson.gz", *loads.counts(1301, 2600))
    async with listening(stack.bootstrap_servers, topics.BACKFILL) as observations:
        for batch in (1, 3, 3):  # the first of a file, the last of it, and the first of the packed one
            code, _ = await loads.run(die_at=batch)
            assert code == -signal.SIGKILL
        code, said = await loads.run()
        assert code == 0, said
        sent = 2600 + BATCH_MESSAGES + 300 + BATCH_MESSAGES  # each death repeats the batch that was not noted
        interrupted = loads.ours(await observations.until(lambda records: len(loads.ours(records)) >= sent))
        assert (await loads.run("--home", str(tmp_path / "another home")))[0] == 0
        both = loads.ours(await observations.until(lambda records: len(loads.ours(records)) >= sent + 2600))
    assert len(interrupted) == sent
    clean = both[sent:]
    assert len({r.value for r in clean}) == len(clean) == 2600
    assert {r.value for r in interrupted} == {r.value for r in clean}
    await _store(ingest, stack, interrupted)
    await _store(other_ingest[0], stack, clean)
    assert difference(await _rows(database), await _rows(other_ingest[1])) == {}
    assert len(await feed.live_facts(database)) == 2600


async def _store(ingest: Ingest, stack: Stack, records: Sequence[ConsumerRecord]) -> None:
    messages: list[FeedMessage] = [from_record(r, stack.feed_epoch) for r in records]
    for part in feed.deliver_in_parts(messages, 700):
        await ingest.store(part)


async def _rows(database: Database) -> dict[str, list[str]]:
    """What was stored, without where in the feed it came from."""
    facts = await database.rows("SELECT (patient, fact_id, record, fact)::text AS row FROM timeline.fact ORDER BY 1")
    resources = await database.rows(
        "SELECT (record, patient, encode(content_sha256, 'hex'), deleted)::text AS row FROM identity.resource ORDER BY 1"
    )
    return {"facts": [r["row"] for r in facts], "resources": [r["row"] for r in resources]}


async def test_a_loaded_folder_is_on_the_feed_in_its_lane(stack: Stack, loads: Loads, ingest: Ingest) -> None:
    """NDJSON, packed NDJSON and a Bundle over several lines, on the topic that may wait: by key, site and lane."""
    mark = loads.mark
    count, person = feed.platelets("140", id_=mark), {"resourceType": "Patient", "id": mark}
    bundle = b'{"resourceType": "Bundle",\n "type": "collection",\n "entry": [{"resource": %s}]}' % as_json(
        feed.platelets("150", id_=f"{mark}-2")
    )
    loads.write("Observation.ndjson", count, b"")
    loads.write("2024/Patient.ndjson.gz", b"\xef\xbb\xbf" + as_json(person))
    loads.write("2024/bundle.json", bundle)
    loads.write("manifest.txt", b"no record")
    async with listening(stack.bootstrap_servers, topics.BACKFILL) as backfill:
        code, said = await loads.run()
        assert code == 0, said
        found = {r.value: r for r in loads.ours(await backfill.until(loads.arrived(3)))}
    observed, loaded_person = found.pop(as_json(count)), found.pop(b"\xef\xbb\xbf" + as_json(person))
    (loaded_bundle,) = found.values()
    assert (observed.key.decode(), observed.value) == (f"Observation/{mark}", as_json(count))
    assert (loaded_person.key.decode(), loaded_bundle.key) == (f"Patient/{mark}", None)
    assert loaded_bundle.value == bundle + b"\n"
    assert {r.headers for r in (observed, loaded_person, loaded_bundle)} == {LANE}
    backfilled = [from_record(r, stack.feed_epoch) for r in (observed, loaded_bundle, loaded_person)]
    live = feed.Feed().message(feed.platelets("1", of="somebody else"))
    assert await _lanes(ingest, *backfilled) == {feed.patient(): "backfill", feed.patient(mark): "backfill"}
    assert (await _lanes(ingest, *backfilled, live))[feed.patient("somebody else")] == "live"


async def _lanes(ingest: Ingest, *messages: FeedMessage) -> dict[UUID, str]:
    hints, _ = await ingest.store(messages)
    return {h.patient: h.lane for h in hints}


async def test_what_cannot_be_sent_is_named_and_the_rest_is_sent(stack: Stack, loads: Loads) -> None:
    """File and line of what is no resource, and the file that is cut off; again, only what is new is sent."""
    first, last, packed = loads.counts(1, 3)
    path = loads.write("a.ndjson", first, b"marked nonsense", b'{"id": "marked"}', last)
    cut = loads.write("b.ndjson.gz", packed, *[os.urandom(40).hex().encode() for _ in range(2000)])
    cut.write_bytes(cut.read_bytes()[:-3000])
    async with listening(stack.bootstrap_servers, topics.BACKFILL) as observations:
        code, said = await loads.run()
        assert code == 1
        for problem in (
            f"{path}:2: expected well-formed JSON in UTF-8",
            f"{path}:3: expected the type of a FHIR resource at resourceType",
            f"{cut}: damaged after line",
        ):
            assert problem in said
        assert "marked" not in said
        assert "more were not sent" in said
        code, said = await loads.run()
        assert code == 1
        assert f"{cut}: damaged after line" in said
        loads.write("c.ndjson", *loads.counts(4, 4))
        await loads.run()
        heard = loads.ours(await observations.until(loads.arrived(4)))
    assert Counter(r.value for r in heard) == Counter(as_json(c) for c in loads.counts(1, 4))
    assert (await loads.run("--restart"))[0] == 1


async def test_a_wrong_command_is_refused_in_words(loads: Loads) -> None:
    """An unknown site, nothing to load, no broker: each says what to do, without a traceback."""
    away = loads.env | {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{ports.free()}"}
    nowhere = {k: v for k, v in loads.env.items() if k != "KAFKA_BOOTSTRAP_SERVERS"}
    nothing = await loads.run()
    loads.write("a.ndjson", b"{}")
    answers = {
        "expected a file or a folder of *.ndjson": nothing,
        "--site: 'east' is none of general, north, south": await loads.run("--site", "east"),
        "no broker answers at": await loads.run(env=away),
        "run `graftwatch stack up`": await loads.run(env=nowhere),
    }
    for expected, (code, said) in answers.items():
        assert code == 1
        assert expected in said
        assert "Traceback" not in said
