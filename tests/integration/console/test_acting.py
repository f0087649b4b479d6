"""Acting: once, by whoever may, on what was seen; everything else is refused, recorded and explained."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest

from services.cli.stack import Stack
from services.console.console import Console
from services.console.publisher import Publisher
from shared import topics
from shared.runtime import postgres
from shared.runtime.kafka_access import OPEN
from tests.support import console as consoles
from tests.support.console import (
    CASE,
    STUDY,
    Window,
    case,
    forms,
    patient_path,
    screening,
    store_outcome,
    store_patient,
    window,
)
from tests.support.database import Database, eventually
from tests.support.topics import listening


async def _with_case(own: Database, site: str = "north") -> UUID:
    patient = await store_patient(own, site)
    await store_outcome(own, "safety", patient, "adverse-event", "death", case())
    return patient


async def _form(opened: Window, patient: UUID, about: str = "adverse-event") -> dict[str, str]:
    page = await opened.get(patient_path(patient))
    assert page.status_code == 200
    return next(f for f in forms(page.text, patient_path(patient, "state")) if f["about"] == about)


async def _refused(own: Database, patient: UUID) -> list[tuple[str, str]]:
    rows = await own.rows(
        "SELECT person, entry::jsonb->'details'->>'says' AS says FROM console.audit"
        " WHERE patient = $1 AND outcome = 'refused' ORDER BY sequence",
        patient,
    )
    return [(r["person"], r["says"]) for r in rows]


async def test_a_confirmed_case_is_recorded_once_with_who_and_why(own: Database, console: Console) -> None:
    """The record speaks of the case by its id, of the patient by pseudonym, and names the practitioner."""
    patient = await _with_case(own)
    async with window(console, "investigator-north") as opened:
        form = await _form(opened, patient)
        answer = await opened.send(
            patient_path(patient, "state"), form | {"act": "confirm", "reason": "seen at the bedside"}
        )
    assert answer.status_code == 303
    [row] = await own.rows("SELECT * FROM console.act WHERE patient = $1", patient)
    record = msgspec.json.decode(row["record"])
    assert (row["by_person"], row["code"], row["step"], row["site"]) == (
        "investigator-north",
        "sae-confirmed",
        1,
        "north",
    )
    assert record["focus"][0]["identifier"]["value"] == CASE
    assert record["subject"]["identifier"]["value"] == str(patient)
    assert record["performer"][0]["reference"] == "Practitioner/investigator-north"
    assert record["note"][0]["text"] == "seen at the bedside"


async def test_of_two_people_who_act_on_one_case_the_second_is_told(own: Database, console: Console) -> None:
    """Who was first and what they said; nothing of the second is recorded but the refusal."""
    patient = await _with_case(own)
    async with window(console, "investigator-north") as first, window(console, "investigator-north") as second:
        seen_first, seen_second = await _form(first, patient), await _form(second, patient)
        assert (await first.send(patient_path(patient, "state"), seen_first | {"act": "confirm"})).status_code == 303
        late = await second.send(
            patient_path(patient, "state"),
            seen_second | {"act": "refute", "reason": "a planned admission"},
            Referer=f"{consoles.ORIGIN}{patient_path(patient)}",
        )
    assert late.status_code == 409
    assert "Somebody was quicker" in late.text
    assert "Investigator, north: confirmed" in late.text
    assert f'href="{patient_path(patient)}">Look again' in late.text
    assert await own.value("SELECT count(*) FROM console.act WHERE patient = $1", patient) == 1
    [(_, says)] = await _refused(own, patient)
    assert says.startswith("Somebody was quicker")


async def test_ones_own_statement_is_withdrawn_once_as_entered_in_error(own: Database, console: Console) -> None:
    """The same record again, a version later, with why; nobody else's, none without a reason, and not twice."""
    patient = await _with_case(own)
    path = patient_path(patient, "withdraw")
    async with window(console, "investigator-north") as opened, window(console, "safety-officer") as other:
        await opened.send(patient_path(patient, "state"), await _form(opened, patient) | {"act": "confirm"})
        assert forms((await other.get(patient_path(patient))).text, path) == []
        [form] = forms((await opened.get(patient_path(patient))).text, path)
        [again] = forms((await opened.get(patient_path(patient))).text, path)
        [third] = forms((await opened.get(patient_path(patient))).text, path)
        assert (await opened.send(path, form | {"reason": "oh"})).status_code == 422
        assert (await opened.send(path, again | {"reason": "of another patient"})).status_code == 303
        twice = await opened.send(path, third | {"reason": "of another patient"})
        page = await opened.get(patient_path(patient))
    assert twice.status_code == 409
    assert "withdrawn" in page.text
    assert forms(page.text, path) == []
    first, second = await own.rows("SELECT * FROM console.act WHERE patient = $1 ORDER BY step", patient)
    assert (first["key"], second["withdraws"]) == (second["key"], first["act"])
    stated, withdrawn = (msgspec.json.decode(row["record"]) for row in (first, second))
    assert (stated["status"], withdrawn["status"]) == ("final", "entered-in-error")
    assert (withdrawn["id"], withdrawn["meta"]["versionId"]) == (stated["id"], "2")
    assert withdrawn["note"][0]["text"] == "of another patient"
    done = await own.value(
        "SELECT count(*) FROM console.audit WHERE patient = $1 AND action = 'withdraw' AND outcome = 'done'", patient
    )
    assert done == 1


async def test_another_persons_statement_cannot_be_withdrawn(own: Database, console: Console) -> None:
    """Not even by a form that was made for it."""
    patient, other = await _with_case(own), await _with_case(own)
    path, elsewhere = patient_path(patient, "withdraw"), patient_path(other, "withdraw")
    async with window(console, "investigator-north") as opened, window(console, "safety-officer") as officer:
        await opened.send(patient_path(patient, "state"), await _form(opened, patient) | {"act": "confirm"})
        stated = await own.value("SELECT act FROM console.act WHERE patient = $1", patient)
        await officer.send(
            patient_path(other, "state"), await _form(officer, other) | {"act": "notified", "reason": "by telephone"}
        )
        [form] = forms((await officer.get(patient_path(other))).text, elsewhere)
        refused = await officer.send(elsewhere, form | {"stated": str(stated), "reason": "of another patient"})
        forged = await officer.send(path, form | {"stated": str(stated), "reason": "of another patient"})
    assert refused.status_code == 403
    assert "Only whoever stated it" in refused.text
    assert forged.status_code in {400, 403}
    assert (
        await own.value("SELECT count(*) FROM console.act WHERE withdraws IS NOT NULL AND patient = $1", patient) == 0
    )


async def test_a_case_that_changed_meanwhile_is_not_judged_unseen(own: Database, console: Console) -> None:
    """The services decided anew between the page and the form."""
    patient = await _with_case(own)
    async with window(console, "investigator-north") as opened:
        form = await _form(opened, patient)
        await store_outcome(
            own, "safety", patient, "adverse-event", "death", case(says="died on 9 May 2025"), ordinal=2
        )
        answer = await opened.send(patient_path(patient, "state"), form | {"act": "confirm"})
    assert answer.status_code == 409
    assert "died on 9 May 2025" in answer.text
    assert await own.value("SELECT count(*) FROM console.act WHERE patient = $1", patient) == 0


async def test_a_form_that_is_sent_twice_counts_once(own: Database, console: Console) -> None:
    """The second is refused, recorded, and says that nothing was done twice."""
    patient = await _with_case(own)
    async with window(console, "investigator-north") as opened:
        form = await _form(opened, patient)
        fields = {"form": form["form"], "act": "confirm"} | form
        assert (await opened.send(patient_path(patient, "state"), fields)).status_code == 303
        again = await opened.send(patient_path(patient, "state"), fields | {"step": "1"})
    assert again.status_code == 409
    assert "sent before" in again.text
    assert await own.value("SELECT count(*) FROM console.act WHERE patient = $1", patient) == 1
    assert len(await _refused(own, patient)) == 1


@pytest.mark.parametrize("token", ["", "forged", "00000000-0000-4000-8000-000000000000.1751284800.abcdef"])
async def test_a_forged_form_is_refused(own: Database, console: Console, token: str) -> None:
    """Whatever stands in place of the token, and also one that was given out for another act."""
    patient = await _with_case(own)
    async with window(console, "investigator-north") as opened:
        form = await _form(opened, patient)
        answer = await opened.send(patient_path(patient, "state"), form | {"act": "confirm", "form": token})
        moved = await opened.send(patient_path(patient, "comment"), {"form": form["form"], "says": "moved"})
    assert answer.status_code == (403 if token else 422)
    assert moved.status_code == 403
    assert await own.value("SELECT count(*) FROM console.act WHERE patient = $1", patient) == 0
    last = (
        "SELECT outcome || ' ' || person FROM console.audit WHERE action = 'send-form' ORDER BY sequence DESC LIMIT 1"
    )
    assert await own.value(last) == "refused investigator-north"
    assert "Refused" in answer.text


async def test_a_form_of_one_session_is_nothing_in_another(own: Database, console: Console) -> None:
    """What one person was given cannot be sent by another."""
    patient = await _with_case(own)
    async with window(console, "investigator-north") as one, window(console, "coordinator-north") as other:
        form = await _form(one, patient)
        answer = await other.send(patient_path(patient, "comment"), {"form": form["form"], "says": "x"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("person", "act", "reason", "status"),
    [
        ("investigator-north", "refute", "", 422),
        ("investigator-north", "refute", "too short", 422),
        ("investigator-north", "sponsor-related", "", 403),
        ("safety-officer", "confirm", "", 403),
        ("safety-officer", "sponsor-related", "", 303),
        ("coordinator-north", "confirm", "", 403),
        ("monitor", "confirm", "", 403),
        ("investigator-north", "enrol", "", 400),
        ("investigator-north", "no-such-act", "", 400),
    ],
)
async def test_who_may_state_what(
    own: Database, console: Console, person: str, act: str, reason: str, status: int
) -> None:
    """Each role its own; a refutation needs a reason; what is refused is recorded."""
    patient = await _with_case(own)
    async with window(console, "investigator-north") as usual, window(console, person) as opened:
        seen = await _form(usual, patient)
        page = await opened.get(patient_path(patient))
        given = forms(page.text, patient_path(patient, "state"))
        token = given[0]["form"] if given else "none"
        fields = seen | {"form": token, "act": act, "reason": reason}
        answer = await opened.send(patient_path(patient, "state"), fields)
    assert answer.status_code == status
    assert len(await _refused(own, patient)) == (status != 303)


async def test_enrolling_speaks_of_the_decision_that_was_seen(own: Database, console: Console) -> None:
    """Somebody who is not eligible any more is not enrolled by a page that is an hour old."""
    patient = await store_patient(own)
    await store_outcome(own, "eligibility", patient, "screening", "", screening(I1="met"))
    async with window(console, "coordinator-north") as opened:
        form = await _form(opened, patient, "screening")
        changed = screening("ineligible", "ineligible: platelets 42", I1="not_met")
        await store_outcome(own, "eligibility", patient, "screening", "", changed, ordinal=2)
        answer = await opened.send(patient_path(patient, "state"), form | {"act": "enrol"})
        assert answer.status_code == 409
        assert "platelets 42" in answer.text
        fresh = await _form(opened, patient, "screening")
        failed = await opened.send(
            patient_path(patient, "state"), fresh | {"act": "screen-fail", "reason": "platelets too low"}
        )
        assert failed.status_code == 303
    assert await own.value("SELECT code FROM console.act WHERE patient = $1", patient) == "screen-failed"


async def test_acknowledging_counts_once_and_ends_what_stood_before(own: Database, console: Console) -> None:
    """All earlier events of that patient and type with it; whoever comes second is told who was first."""
    patient = await store_patient(own)
    for n in (3, 2, 1):
        await own.rows(
            "INSERT INTO safety.outbox (event_id, patient, outcome_id, topic, type, event, created_at) VALUES"
            " (gen_random_uuid(), $1, gen_random_uuid(), 'safety-events', 'graftwatch.rejection-suspected.v1', $2,"
            " now() - make_interval(hours => $3))",
            patient,
            msgspec.json.encode({"protocol": STUDY, "sentence": f"suspected {n} hours ago"}).decode(),
            n,
        )
    action = patient_path(patient, "acknowledge")
    async with window(console, "safety-officer") as first, window(console, "investigator-north") as second:
        pages = [await w.get(f"/studies/{STUDY}/today") for w in (first, second)]
        [one], [other] = [forms(p.text, action) for p in pages]
        assert "and 2 before it" in pages[0].text
        assert (await first.send(action, one)).status_code == 303
        late = await second.send(action, other)
        assert late.status_code == 409
        assert "Safety officer acknowledged it" in late.text
        assert forms((await first.get(f"/studies/{STUDY}/today")).text, action) == []
    assert await own.value("SELECT count(*) FROM notify.acknowledgement WHERE patient = $1", patient) == 3


async def test_assigning_and_commenting_are_attributed(own: Database, console: Console) -> None:
    """And of two who assign at once, the second is told."""
    patient = await store_patient(own)
    to, note = patient_path(patient, "assign"), patient_path(patient, "comment")
    async with window(console, "coordinator-north") as one, window(console, "investigator-north") as other:
        first = (await one.get(patient_path(patient))).text
        second = (await other.get(patient_path(patient))).text
        assert (await one.send(to, forms(first, to)[0] | {"to": "investigator-north"})).status_code == 303
        late = await other.send(to, forms(second, to)[0] | {"to": "coordinator-north"})
        assert late.status_code == 409
        assert "Investigator, north" in late.text
        assert (await one.send(note, forms(first, note)[0] | {"says": "asked <b>twice</b>"})).status_code == 303
        page = (await other.get(patient_path(patient))).text
    assert "asked &lt;b&gt;twice&lt;/b&gt;" in page
    assert "<b>twice</b>" not in page


async def test_nobody_can_be_assigned_who_may_not_see_the_patient(own: Database, console: Console) -> None:
    """A colleague of another site, or somebody unknown."""
    patient = await store_patient(own)
    action = patient_path(patient, "assign")
    async with window(console, "coordinator-north") as opened:
        for name in ("coordinator-south", "nobody-at-all"):
            page = (await opened.get(patient_path(patient))).text
            assert (await opened.send(action, forms(page, action)[0] | {"to": name})).status_code == 400


async def test_what_was_stated_reaches_the_feed_when_the_broker_is_back(
    stack: Stack, own: Database, console: Console
) -> None:
    """Committed while no broker answers; brought to the feed, with site and key, by whoever publishes next."""
    patient = await _with_case(own, "south")
    async with window(console, "investigator-south") as opened:
        form = await _form(opened, patient)
        assert (await opened.send(patient_path(patient, "state"), form | {"act": "confirm"})).status_code == 303
    act = await own.value("SELECT act FROM console.act WHERE patient = $1", patient)
    async with (
        listening(stack.bootstrap_servers, topics.OBSERVATIONS) as feed,
        await postgres.connect(own.url, "console", size=2) as pool,
    ):
        publisher = Publisher(pool, stack.bootstrap_servers, OPEN)
        publisher.start()
        try:
            await eventually(lambda: _published(own, act))
        finally:
            await publisher.stop()
        key = f"Observation/{act}".encode()
        heard = await feed.until(lambda found: any(m.key == key for m in found))
    [found] = [m for m in heard if m.key == key]
    assert dict(found.headers)["site"] == b"south"
    assert msgspec.json.decode(found.value)["id"] == str(act)


async def _published(own: Database, act: UUID) -> bool:
    return await own.value("SELECT published_at FROM console.act WHERE act = $1", act) is not None
