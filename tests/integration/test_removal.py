"""What is erased or purged is gone from every table, stays away while it should, and is in the audit without a name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.eligibility import evaluate as eligibility
from services.ingest import erased
from services.ingest.app import Ingest
from shared.runtime import clock, postgres, removal, rights
from shared.runtime.clock import Clock
from shared.runtime.evaluator import Evaluator
from shared.runtime.postgres import Pool
from shared.sites import ConfigurationError
from tests.integration.test_evaluator import NOON, PROTOCOLS
from tests.support import feed
from tests.support.database import Database, difference, eventually
from tests.support.feed import Feed, patient, platelets, stamp
from tests.support.records import ICD, Resource, coded, resource

MRN = {"system": "https://north.example/fhir/mrn", "value": "MRN-1"}
BLOBS = {"value": 1, "code": "blobs", "system": "http://unitsofmeasure.org"}
BY, WHY = "data-steward", "consent withdrawn by letter"
EVERYWHERE = [s for s in rights.SCHEMAS if s != "protocol"]
COUNTS = "SELECT outcome, reason, resources::int FROM timeline.feed_count WHERE outcome = 'out_of_scope'"
LAST = "SELECT entry::jsonb FROM console.audit ORDER BY sequence DESC LIMIT 1"


@pytest.fixture
async def steward(database: Database) -> AsyncIterator[Pool]:
    """Connections that act as the steward, who may read no table of a patient."""
    async with await postgres.connect(database.url, "steward", size=2) as pool:
        yield pool


@pytest.fixture
async def screening(database: Database) -> AsyncIterator[Evaluator]:
    """Eligibility with its real rules."""
    async with await postgres.connect(database.url, "eligibility", size=2) as pool:
        yield Evaluator("eligibility", eligibility, pool, PROTOCOLS, Clock(NOON))


def person(id_: str = "p1", version: int = 1, **more: object) -> Resource:
    """A Patient, p1 with an identifier."""
    identifiers = {"identifier": [MRN]} if id_ == "p1" else {}
    return resource("Patient", id_, gender="male", meta=stamp(version), **identifiers | more)


def carcinoma(of: str) -> Resource:
    """The diagnosis by which somebody may become a candidate."""
    status = coded("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed")
    subject = {"reference": f"Patient/{of}"}
    return resource(
        "Condition", f"c-{of}", subject=subject, code=coded(ICD, "C22.0"), verificationStatus=status, meta=stamp(1)
    )


def chart(of: str) -> list[Resource]:
    """A patient with two versions of a result, a diagnosis, and a record that cannot be read."""
    counts = [platelets("140", 1, f"plt-{of}", of), platelets("90", 2, f"plt-{of}", of)]
    unreadable = platelets("1", 1, f"bad-{of}", of, valueQuantity=BLOBS)
    return [person(of), *counts, carcinoma(of), unreadable]


async def everything(database: Database, ingest: Ingest, screening: Evaluator, *people: str) -> None:
    """These people in every table: read, screened, told of, acted on."""
    await ingest.store(Feed().messages(*(r for p in people for r in chart(p))))
    await screening.evaluate({patient(p): None for p in people}, "hint")
    for p in people:
        await _told_and_acted(database, patient(p))


async def _told_and_acted(database: Database, about: UUID) -> None:
    """Rows that notify and the console would write."""
    event, delivery, outcome = uuid4(), uuid4(), uuid4()
    await database.rows(
        "INSERT INTO notify.notice VALUES ($1, DEFAULT, 'safety', $2, $3, 'north', 'study', 'kind', 'routine', '{}', NULL, NULL,"
        " now(), now(), 1, 'hash')", event, outcome, about,
    )  # fmt: skip
    await database.rows(
        "INSERT INTO notify.delivery (delivery_id, event_id, recipient, channel, endpoint, reason, mode, decided_at, due_at,"
        " message_id, state) VALUES ($1, $2, 'r', 'email', 'email', 'rule', 'at-once', now(), now(), $1, 'delivered')",
        delivery, event,
    )  # fmt: skip
    await database.rows("INSERT INTO notify.attempt (delivery_id, attempt, message_id) VALUES ($1, 1, $1)", delivery)
    await database.rows(
        "INSERT INTO notify.mailbox (message_id, recipient, address, subject, text_body, html_body, message)"
        " VALUES ($1, 'r', 'r@trial.example', $2, 'text', 'text', '')", delivery, f"about {about}",
    )  # fmt: skip
    await database.rows(
        "INSERT INTO notify.escalation (escalation_id, event_id, rule, step, recipients, channels, due_at)"
        " VALUES (gen_random_uuid(), $1, 'rule', 1, '{r}', '{email}', now())", event,
    )  # fmt: skip
    await database.rows("INSERT INTO notify.acknowledgement VALUES ($1, $2, 'p', 'name', 'console')", event, about)
    await database.rows(
        "INSERT INTO console.comment (comment, patient, protocol, says, by_person, by_name)"
        " VALUES (gen_random_uuid(), $1, 'study', 'seen', 'p', 'name')", about,
    )  # fmt: skip
    await database.rows(
        "INSERT INTO response.trial_figures VALUES ('study', current_date, 1, 'h', '1', 1, $1::jsonb)"
        " ON CONFLICT (protocol, cut_off_on) DO UPDATE SET content = jsonb_set(trial_figures.content, '{patients}',"
        " (trial_figures.content -> 'patients') || (excluded.content -> 'patients'))",
        json.dumps({"figures": {"treated": 1}, "patients": [{"patient": str(about)}]}),
    )  # fmt: skip


async def traces(database: Database, *of: str) -> dict[str, int]:
    """Rows of any table that hold a pseudonym of these patients or a key of one of their records."""
    named = [str(patient(p)) for p in of]
    for p in of:
        for kind, id_ in (
            ("Patient", p),
            ("Observation", f"plt-{p}"),
            ("Observation", f"bad-{p}"),
            ("Condition", f"c-{p}"),
        ):
            named.append(feed.KEYS.record("north", kind, id_))
    named.append(feed.KEYS.identifier("north", f"{MRN['system']}|{MRN['value']}"))
    content = await database.dump(*EVERYWHERE)
    found = {table: sum(any(n in row for n in named) for row in rows) for table, rows in content.items()}
    return {table: n for table, n in found.items() if n}


async def test_an_erased_person_is_in_no_table(
    database: Database, ingest: Ingest, screening: Evaluator, steward: Pool
) -> None:
    """Of every table only the tombstone knows the pseudonym; of others nothing has changed; the audit names nobody."""
    await everything(database, ingest, screening, "p2")
    others = await database.dump(*EVERYWHERE)
    await everything(database, ingest, screening, "p1")
    assert len(await traces(database, "p1")) >= 18
    expected = await removal.erasable(steward, patient())
    removed = await removal.erase(steward, patient(), BY, WHY)
    assert (1, removed) == expected
    assert len(removed) >= 15
    assert await traces(database, "p1") == {"operation.former_identifier": 1, "operation.former_patient": 1}
    changed = difference(others, await database.dump(*EVERYWHERE)).keys()
    assert changed <= {
        "console.audit", "operation.former_identifier", "operation.former_patient", "operation.removal",
        "timeline.feed_count", "timeline.feed_position", "timeline.conformance", "response.trial_figures", "console.screening",
    }  # fmt: skip
    assert await database.value("SELECT content->'patients'->0->>'patient' FROM response.trial_figures") == str(
        patient("p2")
    )
    (entry,) = await database.rows(LAST)
    audited = json.loads(entry[0])
    assert (audited["person"], audited["action"], audited["patient"]) == (BY, "erase", None)
    assert audited["details"]["removed"] == removed
    assert str(patient()) not in entry[0]


async def test_every_table_about_patients_is_in_the_table_of_erasure(database: Database) -> None:
    """A table with a patient, a record or an event of one is among those that are emptied, or is here with its reason."""
    kept = {
        "console.audit": "append-only by law of the trial: pseudonyms only, and what was seen",
        "operation.former_patient": "the tombstone",
        "operation.former_identifier": "the tombstone of records that name their subject by an identifier",
    }
    rows = await database.rows(
        "SELECT DISTINCT n.nspname || '.' || c.relname AS name FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND n.nspname = ANY($1::text[])"
        " AND attname IN ('patient', 'survivor', 'record', 'event_id', 'delivery_id', 'message_id', 'dead_letter')",
        EVERYWHERE,
    )
    emptied = {r["relation"] for r in await database.rows("SELECT relation FROM operation.of_patients()")}
    assert {r["name"] for r in rows} - emptied - kept.keys() == set()


async def test_a_redelivery_does_not_bring_an_erased_person_back(
    database: Database, ingest: Ingest, screening: Evaluator, steward: Pool
) -> None:
    """Named by id, by identifier or by pseudonym, in a Bundle or alone: counted as erased, kept nowhere; until lifted."""
    await everything(database, ingest, screening, "p1")
    version = await database.value("SELECT version FROM timeline.patient")
    await removal.erase(steward, patient(), BY, WHY)
    by_identifier = platelets("80", 3, "plt-3", subject={"identifier": MRN})
    hints, letters = await ingest.store(
        Feed().messages(*chart("p1"), by_identifier, feed.bundle(person(), platelets("70")))
    )
    assert (hints, letters) == ([], [])
    assert await traces(database, "p1") == {"operation.former_identifier": 1, "operation.former_patient": 1}
    assert await database.value("SELECT count(*) FROM identity.dead_letter") == 0
    counted = {(r["outcome"], r["reason"]): r["resources"] for r in await database.rows(COUNTS)}
    assert counted == {("out_of_scope", "erased"): 8}
    assert await screening.evaluate({patient(): None}, "hint") == 0
    assert await database.value("SELECT count(*) FROM eligibility.evaluation") == 0

    assert await removal.lift(steward, patient(), BY, WHY) == 1
    assert await removal.lift(steward, patient(), BY, WHY) == 0
    await ingest.store(Feed().messages(person(), platelets("60", 4)))
    row = (await database.rows("SELECT version, began_in FROM timeline.patient"))[0]
    assert row["version"] > row["began_in"] > version
    assert await screening.evaluate({patient(): None}, "hint") > 0
    facts = await database.value("SELECT jsonb_agg(DISTINCT evidence) FROM eligibility.outcome")
    assert "c-p1" not in facts  # what was held in memory before is no part of the new timeline
    assert await database.value(
        "SELECT content->>'status' FROM eligibility.current_outcome WHERE kind = 'screening'"
    ) == ("not_candidate")


async def test_whoever_is_merged_is_erased_together(database: Database, ingest: Ingest, steward: Pool) -> None:
    """Two charts of one person are one person, whichever of them is named."""
    linked = {"link": [{"other": {"reference": "Patient/p1"}, "type": "replaced-by"}]}
    await ingest.store(Feed().messages(*chart("p1"), *chart("p2"), *chart("p3"), person("p2", 2, **linked)))
    assert await database.value("SELECT count(*) FROM timeline.patient WHERE merged_into IS NOT NULL") == 1
    assert (await removal.erasable(steward, patient("p1")))[0] == 2
    await removal.erase(steward, patient("p2"), BY, WHY)
    assert await traces(database, "p1", "p2") == {"operation.former_identifier": 1, "operation.former_patient": 2}
    assert [r["patient"] for r in await database.rows("SELECT patient FROM timeline.patient")] == [patient("p3")]
    assert await ingest.store(Feed().messages(*chart("p1"), *chart("p2"))) == ([], [])


async def test_an_interrupted_erasure_is_finished_later(database: Database, ingest: Ingest, steward: Pool) -> None:
    """From its first transaction on nothing is taken in; the second may come any time, and twice changes nothing."""
    await ingest.store(Feed().messages(*chart("p1")))
    begun = await steward.fetchval("SELECT operation.begin_erasure($1, $2, $3)", patient(), BY, WHY)
    assert await ingest.store(Feed().messages(platelets("50", 5))) == ([], [])
    assert await database.value("SELECT count(*) FROM timeline.fact") > 0
    assert await removal.unfinished(steward) == [begun]
    said = await _run(database, "erase", "--resume")
    assert "1 erasures had been interrupted" in said
    entries = await database.value("SELECT count(*) FROM console.audit")
    assert await removal.finish(steward, begun) != {}
    assert await database.value("SELECT count(*) FROM console.audit") == entries
    assert await removal.unfinished(steward) == []
    assert await database.value("SELECT count(*) FROM timeline.fact") == 0


async def test_an_erasure_that_the_database_cuts_off_says_how_to_go_on(database: Database, ingest: Ingest) -> None:
    """Its session is ended while it waits for somebody's lock: one line, no traceback, and it can be finished."""
    await ingest.store(Feed().messages(*chart("p1")))
    waiting = "wait_event_type = 'Lock' AND datname = current_database()"
    told = {"DATABASE_URL": database.url, "GRAFTWATCH_PSEUDONYM_KEY": feed.SECRET}
    async with database.locked("timeline.patient"):
        arguments = ["erase", "north/p1", "--by", BY, "--reason", WHY]
        erasing = asyncio.create_task(asyncio.to_thread(CliRunner().invoke, app, arguments, env=told))
        await eventually(lambda: database.value(f"SELECT true FROM pg_stat_activity WHERE {waiting}"), 30)
        await database.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {waiting}")
        done = await erasing
    assert isinstance(done.exception, ConfigurationError)
    assert "erase --resume" in str(done.exception)
    assert "1 erasures had been interrupted" in await _run(database, "erase", "--resume")


async def test_a_batch_that_looked_before_the_erasure_is_tried_again(
    database: Database, ingest: Ingest, steward: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was erased between the look and the locks is not brought back: the batch fails as a whole and leaves nothing."""

    async def looked_before(_store: object, read: Sequence[object], _keys: object) -> Sequence[object]:
        return read

    await removal.erase(steward, patient(), BY, WHY)
    with monkeypatch.context() as patch:
        patch.setattr(erased, "leave_out", looked_before)
        with pytest.raises(asyncpg.SerializationError):
            await ingest.store(Feed().messages(*chart("p1")))
    assert issubclass(asyncpg.SerializationError, postgres.UNREACHABLE)
    assert await traces(database, "p1") == {"operation.former_patient": 1}


async def test_never_candidates_are_purged_after_a_time(
    database: Database, ingest: Ingest, screening: Evaluator, steward: Pool
) -> None:
    """Who never was one goes, a batch to a transaction; who has a diagnosis, is recent, unscreened or spoken of stays."""
    never = [f"n{i}" for i in range(5)]
    await ingest.store(
        Feed().messages(*(platelets("140", 1, f"plt-{p}", p) for p in [*never, "recent", "spoken", "unscreened"]))
    )
    await ingest.store(Feed().messages(*(r for r in chart("candidate") if r["id"] != "bad-candidate")))
    screened = {patient(p): None for p in [*never, "recent", "spoken", "candidate"]}
    await screening.evaluate(screened, "hint")
    await database.rows(
        "INSERT INTO console.comment (comment, patient, protocol, says, by_person, by_name)"
        " VALUES (gen_random_uuid(), $1, 'study', 'seen', 'p', 'name')", patient("spoken"),
    )  # fmt: skip
    await database.rows(
        "UPDATE timeline.patient SET changed_at = now() - interval '40 days' WHERE patient <> $1", patient("recent")
    )
    before = await database.dump(*EVERYWHERE)
    assert "would purge 5 patients" in await _run(database, "purge", "--days", "30", "--dry-run")
    assert difference(before, await database.dump(*EVERYWHERE)) == {}
    first = await steward.fetchrow("SELECT patients FROM operation.purge(30, 2, $1)", BY)  # killed after one batch
    assert first is not None
    assert first["patients"] == 2
    assert [n async for n, _ in removal.purge(steward, 30, BY, batch=2)] == [2, 1]
    left = {r["patient"] for r in await database.rows("SELECT patient FROM timeline.patient")}
    assert left == {patient(p) for p in ("recent", "spoken", "unscreened", "candidate")}
    assert set(await traces(database, *never)) == {"operation.former_patient"}
    assert await database.value("SELECT count(*) FROM operation.removal WHERE kind = 'purge'") == 3
    assert json.loads(await database.value(LAST))["action"] == "purge"

    await ingest.store(Feed().messages(platelets("100", 2, "plt-n0", "n0")))
    assert await database.value("SELECT version FROM timeline.patient WHERE patient = $1", patient("n0")) > 1
    assert "1 back" in await _run(database, "purge", "--returned")


@pytest.mark.parametrize("arguments", [("purge", "--by", BY), ("retention", "--keep", "sessions=30", "--by", BY)])
async def test_nothing_is_removed_by_age_while_the_clocks_differ(
    database: Database, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is a year ahead would find everybody unchanged for a year."""
    year_ago = clock.wall() - timedelta(days=365)
    monkeypatch.setattr(clock, "wall", lambda: year_ago)
    done = await asyncio.to_thread(CliRunner().invoke, app, arguments, env={"DATABASE_URL": database.url})
    assert isinstance(done.exception, ConfigurationError)
    assert "+8,760.0 h from this host's" in str(done.exception)


async def test_what_has_outlived_its_time_goes_and_what_counts_stays(
    database: Database, ingest: Ingest, steward: Pool
) -> None:
    """Superseded versions and closed dead letters of a certain age go; current versions, open letters and other classes stay."""
    await ingest.store(Feed().messages(*chart("p1"), platelets("1", 1, "bad-2", valueQuantity=BLOBS)))
    await database.rows("UPDATE identity.resource_version SET received_at = now() - interval '400 days'")
    await database.rows(
        "UPDATE identity.dead_letter SET status = 'dropped', closed_at = now() - interval '400 days'"
        " WHERE dead_letter = (SELECT min(dead_letter::text)::uuid FROM identity.dead_letter)"
    )
    keep = "superseded-versions=365,closed-dead-letters=365"
    said = await _run(database, "retention", "--keep", keep, "--dry-run")
    assert "superseded-versions" in said
    days = {"superseded-versions": 365, "closed-dead-letters": 365}
    assert await removal.outlived(steward, days) == {"superseded-versions": 1, "closed-dead-letters": 1}
    assert await removal.retain(steward, days, BY, rows=1) == {"superseded-versions": 1, "closed-dead-letters": 1}
    assert await removal.retain(steward, days, BY) == {}
    lost = (
        "SELECT count(*) FROM identity.resource r WHERE NOT EXISTS (SELECT FROM identity.resource_version v USING_BOTH)"
    )
    both = "WHERE v.record = r.record AND v.content_sha256 = r.content_sha256"
    assert await database.value(lost.replace("USING_BOTH", both)) == 0
    assert await database.value("SELECT count(*) FROM identity.dead_letter WHERE status = 'open'") == 1
    assert json.loads(await database.value(LAST))["details"]["days"] == days


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("erase", "nowhere/p1", "--by", BY, "--reason", WHY), "configured site"),
        (("erase", str(uuid4()), "--by", BY), "--by NAME --reason TEXT"),
        (("erase", str(uuid4()), "--by", BY, "--reason", "short"), "ten characters"),
        (("erase", str(uuid4()), "--lift", "--by", BY, "--reason", WHY), "nobody"),
        (("retention", "--keep", "everything=1", "--by", BY), "superseded-versions"),
        (("retention", "--keep", "mailbox=0", "--by", BY), "CLASS=DAYS"),
        (("purge",), "--by NAME"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words(
    database: Database, arguments: tuple[str, ...], says: str
) -> None:
    """A wrong class, an unknown site, a missing reason: one line that says what is expected."""
    done = await asyncio.to_thread(CliRunner().invoke, app, arguments, env={"DATABASE_URL": database.url})
    assert isinstance(done.exception, ConfigurationError)
    assert says in str(done.exception)


async def test_erase_by_the_hospitals_id(database: Database, ingest: Ingest) -> None:
    """The command finds whom the hospital names, shows first, then erases, and says what it cannot reach."""
    await ingest.store(Feed().messages(*chart("p1")))
    shown = await _run(database, "erase", "north/p1", "--dry-run")
    assert "would erase 1 pseudonym" in shown
    assert "timeline.fact" in shown
    assert await database.value("SELECT count(*) FROM timeline.fact") > 0
    done = await _run(database, "erase", "north/p1", "--by", BY, "--reason", WHY)
    assert "p1" not in done
    assert await traces(database, "p1") == {"operation.former_identifier": 1, "operation.former_patient": 1}


async def _run(database: Database, *arguments: str) -> str:
    told = {"DATABASE_URL": database.url, "GRAFTWATCH_PSEUDONYM_KEY": feed.SECRET}
    done = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=told)
    assert done.exit_code == 0, done.output or done.exception
    return done.stdout
