"""Who may see whom: by study and site, every view recorded, identifiers only with a right and a reason, no script run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
import yaml

from services.console import audit as chain
from services.console.audit import Entry
from services.console.console import Console
from services.console.pages.audit import verified
from shared.runtime.sealing import place
from tests.support import console as consoles
from tests.support.console import STUDY, forms, patient_path, screening, store_outcome, store_patient, window
from tests.support.database import Database

PAGES = ("today", "screening", "screening/attrition", "safety", "study")


async def test_a_patient_of_another_site_is_refused_recorded_and_explained(own: Database, console: Console) -> None:
    """Alike for one who does not exist: nobody learns that there is such a patient."""
    patient, nobody = await store_patient(own, "south"), uuid4()
    async with window(console, "coordinator-north") as opened:
        answers = [await opened.get(patient_path(p)) for p in (patient, nobody)]
        posted = await opened.send(patient_path(patient, "comment"), {"form": "x", "says": "hello"})
    assert [a.status_code for a in answers] == [403, 403]
    assert posted.status_code == 403
    assert "of another study or site, or there is no such patient" in answers[0].text
    rows = await own.rows("SELECT person, outcome FROM console.audit WHERE patient = $1", patient)
    assert [tuple(r) for r in rows] == [("coordinator-north", "refused")] * 2


async def test_every_view_of_a_patient_is_recorded_before_it_is_seen(own: Database, console: Console) -> None:
    """Who, whom, when, on which page."""
    patient = await store_patient(own)
    async with window(console, "monitor") as opened:
        assert (await opened.get(patient_path(patient))).status_code == 200
    [row] = await own.rows("SELECT person, action, entry FROM console.audit WHERE patient = $1", patient)
    assert (row["person"], row["action"]) == ("monitor", "see-patient")
    assert patient_path(patient) in row["entry"]


async def test_lists_hold_only_patients_of_the_visitors_sites(own: Database, console: Console) -> None:
    """On the page, in the API and in FHIR alike."""
    here, there = await store_patient(own, "north"), await store_patient(own, "south")
    for patient in (here, there):
        await store_outcome(own, "eligibility", patient, "screening", "", screening(I1="met"))
    async with window(console, "coordinator-north") as opened:
        for path in (
            f"/studies/{STUDY}/screening",
            f"/api/studies/{STUDY}/screening?count=1000",
            f"/fhir/ResearchSubject?study={STUDY}&_count=1000",
            f"/fhir/List?identifier={STUDY}",
        ):
            text = (await opened.get(path)).text
            assert str(there) not in text, path
        assert str(here) in text or "ResearchSubject/" in text


@pytest.mark.parametrize("page", PAGES)
async def test_an_administrator_sees_no_patient_and_nobody_another_study(console: Console, page: str) -> None:
    """Refused without saying whether there is such a study."""
    async with window(console, "administrator") as opened:
        expected = 200 if page == "study" else 403
        assert (await opened.get(f"/studies/{STUDY}/{page}")).status_code == expected
        assert (await opened.get(f"/studies/no-such-study/{page}")).status_code == 403


async def test_a_script_in_a_patients_text_is_shown_and_not_run(own: Database, console: Console) -> None:
    """Wherever the text stands: it is escaped, and the policy would let no inline script run."""
    script = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    patient = await store_patient(own)
    await store_outcome(
        own, "eligibility", patient, "screening", "", screening("eligible", f"eligible {script}", I1="met")
    )
    async with window(console, "coordinator-north") as opened:
        for path in (f"/studies/{STUDY}/today", f"/studies/{STUDY}/screening", patient_path(patient)):
            answer = await opened.get(path)
            assert "&lt;script&gt;alert(" in answer.text, path
            assert "<script>alert" not in answer.text
            assert "<img src=x" not in answer.text
            policy = answer.headers["Content-Security-Policy"]
            assert "unsafe" not in policy
            assert "script-src 'self'" in policy


async def test_re_identification_needs_its_right_and_a_reason(own: Database, console: Console) -> None:
    """And is in the audit with the reason, in the transaction that reads the crosswalk."""
    patient = await store_patient(own)
    path = patient_path(patient, "identity")
    async with window(console, "coordinator-north") as without, window(console, "investigator-north") as having:
        refused = await without.get(path)
        assert refused.status_code == 403
        assert f"id-{patient}" not in refused.text
        page = (await having.get(path)).text
        assert f"id-{patient}" not in page
        [form] = forms(page, path)
        assert (await having.send(path, form | {"reason": "short"})).status_code == 422
        [form] = forms((await having.get(path)).text, path)
        shown = await having.send(path, form | {"reason": "call the patient back today"})
    assert f"id-{patient}" in shown.text
    says = await own.value(
        "SELECT entry::jsonb->'details'->>'reason' FROM console.audit"
        " WHERE patient = $1 AND action = 'reidentify' AND outcome = 'done'",
        patient,
    )
    assert says == "call the patient back today"


async def test_without_its_key_a_console_opens_no_name(own: Database) -> None:
    """Nothing is asked of the crosswalk then, and nothing recorded as read."""
    patient = await store_patient(own)
    path = patient_path(patient, "identity")
    without = {"GRAFTWATCH_CROSSWALK_KEY": ""}
    async with consoles.running(own, told=without) as console, window(console, "investigator-north") as opened:
        [form] = forms((await opened.get(path)).text, path)
        answer = await opened.send(path, form | {"reason": "call the patient back today"})
    assert answer.status_code == 503
    assert "was not given the key" in answer.text
    done = "SELECT count(*) FROM console.audit WHERE patient = $1 AND action = 'reidentify' AND outcome = 'done'"
    assert await own.value(done, patient) == 0


async def test_a_record_as_sent_is_shown_of_this_patient_only(own: Database, console: Console) -> None:
    """With the right and a reason; another patient's record is refused."""
    patient, other = await store_patient(own), await store_patient(own)
    for who, record in ((patient, f"r-{patient}"), (other, f"r-{other}")):
        await own.rows(
            "INSERT INTO timeline.fact (patient, fact_id, record, kind, fact, added_in)"
            " VALUES ($1, gen_random_uuid(), $2, 'laboratory', '{}', 1)",
            who,
            record,
        )
        await own.rows(
            "INSERT INTO identity.resource_version (record, content_sha256, raw) VALUES ($1, '', $2)",
            record,
            consoles.VAULT.seal(b'{"resourceType":"Observation","note":"<b>bold</b>"}', place("raw", record, "")),
        )
    path = patient_path(patient, "identity")
    async with window(console, "investigator-north") as opened:
        for record, status in ((f"r-{patient}", 200), (f"r-{other}", 404)):
            [form] = forms((await opened.get(path)).text, path)
            answer = await opened.send(path, form | {"reason": "compare with the chart", "record": record})
            assert answer.status_code == status
            assert ("&lt;b&gt;bold&lt;/b&gt;" in answer.text) is (status == 200)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM identity.patient",
        "SELECT * FROM identity.resource_version",
        "SELECT * FROM identity.dead_letter",
        "SELECT * FROM timeline.fact",
        "SELECT * FROM eligibility.outcome",
        "INSERT INTO console.audit VALUES (1, now(), '', '', 'done', NULL, '', '', '')",
        "UPDATE console.audit SET person = 'somebody else'",
        "DELETE FROM console.comment",
        "UPDATE console.act SET value = false",
        "INSERT INTO notify.acknowledgement (event_id, patient, by_person, by_name, via) SELECT gen_random_uuid(),"
        " gen_random_uuid(), '', '', ''",
    ],
)
async def test_the_consoles_role_reads_views_and_cannot_rewrite_anything(console: Console, sql: str) -> None:
    """Whoever takes over the console's connection has neither identifiers nor another past."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await console.pool.execute(sql)


async def test_the_audit_refuses_change_to_its_owner_too(own: Database, console: Console) -> None:
    """Update, delete and truncate."""
    await console.audit("somebody", "log-in")
    for sql in ("UPDATE console.audit SET person = ''", "DELETE FROM console.audit", "TRUNCATE console.audit"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await own.rows(sql)


async def test_tampering_with_the_audit_shows_where(own: Database, console: Console) -> None:
    """Whoever may drop the trigger can change an entry, but not unseen."""
    for n in range(3):
        await console.audit("somebody", f"act-{n}")
    assert (await verified(console.pool)).broken is None
    last = await own.value("SELECT max(sequence) FROM console.audit")
    await own.rows("ALTER TABLE console.audit DISABLE TRIGGER audit_is_append_only")
    try:
        await own.rows(
            "UPDATE console.audit SET entry = replace(entry, 'somebody', 'anybody!') WHERE sequence = $1", last - 1
        )
        broken = (await verified(console.pool)).broken
        await own.rows(
            "UPDATE console.audit SET entry = replace(entry, 'anybody!', 'somebody') WHERE sequence = $1", last - 1
        )
    finally:
        await own.rows("ALTER TABLE console.audit ENABLE TRIGGER audit_is_append_only")
    assert broken == chain.Break(last - 1, "its text is not the one that was written")
    assert (await verified(console.pool)).broken is None


async def test_entries_written_at_once_form_one_chain(own: Database, console: Console) -> None:
    """However many people are at work."""
    import asyncio  # noqa: PLC0415 - the only test of concurrency here

    await asyncio.gather(*(console.audit(f"p{n}", "at-once") for n in range(40)))
    rows = await own.rows("SELECT * FROM console.audit ORDER BY sequence")
    entries = [Entry(**{k: r[k] for k in Entry.__struct_fields__}) for r in rows]
    assert chain.verify(entries).broken is None
    assert entries[-1].hash == hashlib.sha256(entries[-1].previous_hash + entries[-1].entry.encode()).digest()


async def test_a_program_with_a_token_reads_and_does_nothing_else(own: Database, tmp_path: Path) -> None:
    """Within its grants; a forged token is refused and recorded."""
    patient = await store_patient(own)
    await store_outcome(own, "eligibility", patient, "screening", "", screening(I1="met"))
    system = {
        "system": "registry",
        "token_sha256": hashlib.sha256(b"a token of the tests").hexdigest(),
        "grants": [{"study": STUDY, "site": "north", "role": "monitor"}],
    }
    path = tmp_path / "staff.yaml"
    path.write_text(yaml.safe_dump({"systems": [system]}))
    async with consoles.running(own, people=path) as console, window(console) as opened:
        token = {"Authorization": "Bearer a token of the tests"}
        read = await opened.get(f"/api/studies/{STUDY}/screening?count=1000", **token)
        assert read.status_code == 200
        assert str(patient) in read.text
        assert (
            await opened.send(patient_path(patient, "comment"), {"form": "x", "says": "y"}, **token)
        ).status_code == 401
        before = await _refusals(own)
        assert (await opened.get(f"/api/studies/{STUDY}/screening", Authorization="Bearer forged")).status_code == 401
        assert await _refusals(own) == before + 1


async def _refusals(own: Database) -> int:
    found: int = await own.value("SELECT count(*) FROM console.audit WHERE outcome = 'refused'")
    return found


async def test_the_list_is_what_was_decided_last(own: Database, console: Console) -> None:
    """Whatever the order in which outcomes are appended; a status keeps the time at which it began."""
    patient = await store_patient(own)
    await store_outcome(
        own, "eligibility", patient, "screening", "", screening("potentially_eligible", I1="unknown"), 1
    )
    since = await own.value("SELECT status_since FROM console.screening WHERE patient = $1", patient)
    await store_outcome(
        own, "eligibility", patient, "screening", "", screening("potentially_eligible", I1="conflict"), 3
    )
    await store_outcome(own, "eligibility", patient, "screening", "", screening("eligible", I1="met"), 2)
    [row] = await own.rows("SELECT * FROM console.screening WHERE patient = $1", patient)
    assert (row["status"], row["ordinal"], row["undecided"], row["missing"]) == ("potentially_eligible", 3, 1, [])
    assert row["status_since"] == since
    del console


async def test_paging_shows_each_patient_once(own: Database) -> None:
    """From the first page to the last, whatever changes meanwhile stays out of the way."""
    study_patients = {await store_patient(own, "general") for _ in range(23)}
    for patient in study_patients:
        await store_outcome(own, "eligibility", patient, "screening", "", screening("ineligible", I1="not_met"))
    seen: list[UUID] = []
    async with consoles.running(own) as console, window(console, "safety-officer") as opened:
        after = ""
        while True:
            page = (await opened.get(f"/api/studies/{STUDY}/screening?status=ineligible&count=5&after={after}")).json()
            seen += [UUID(c["patient"]) for c in page["candidates"] if c["site"] == "general"]
            if page["after"] is None:
                break
            after = page["after"].replace("+", "%2B")
    assert sorted(seen) == sorted(study_patients)


async def test_an_unreachable_database_is_said_by_health(own: Database) -> None:
    """So that a proxy sends nobody here."""
    async with consoles.running(own) as console, window(console) as opened:
        assert (await opened.get("/health")).json()["status"] == "ok"
        await console.pool.close()
        assert (await opened.get("/health")).status_code == 503
