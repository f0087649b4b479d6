"""Acting on a patient: acknowledge, assign, comment, state. Decides whether a statement still speaks of what its author saw.

Of two people who state something about the same state of the same thing, the second is told who was first and what they said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from services.console import acts
from services.console.access import Person, Right
from services.console.acts import About, Act, Statement
from services.console.place import Bedside, Place
from services.console.refusal import Refused
from shared import topics
from shared.fhir.out import attestation
from shared.fhir.out.study import OUT_NAMESPACE
from shared.runtime.postgres import Connection, queries

Steps = Mapping[tuple[str, str], int]
"""How often each (kind, subject) of a patient was spoken of."""
LOOK_AGAIN: Final = (
    "Nothing of yours was recorded. Look again at how it stands now, then state it anew if you still would."
)


class Choice(msgspec.Struct, frozen=True):
    """One thing that can be spoken of, as the panel shows it: what it is, what was seen of it, what may be stated."""

    about: About
    subject: str
    title: str
    acts: tuple[Act, ...]
    step: int
    state: str
    says: str = ""
    seen: UUID | None = None


class Panel(msgspec.Struct, frozen=True):
    """All that the visitor may do about a patient, and what was done."""

    choices: tuple[Choice, ...]
    statements: tuple[dict[str, Any], ...]
    comments: tuple[dict[str, Any], ...]
    assignment: dict[str, Any]
    people: tuple[Person, ...]
    may_answer: bool


async def panel(at: Bedside) -> Panel:
    """What the visitor may do here."""
    sql, pool, of = queries("console_acting"), at.console.pool, (at.patient, at.study)
    steps = {(r["kind"], r["subject"]): r["step"] for r in await pool.fetch(sql["steps"], *of)}
    screening = await pool.fetchrow(sql["screening"], at.study, at.patient)
    subjects = await pool.fetch(sql["subjects"], *of)
    found = [*_of_screening(at, screening, steps), *of_safety(at, at.site, subjects, steps)]
    assigned = await pool.fetchrow(sql["assignment"], *of)
    return Panel(
        tuple(c for c in found if c.acts),
        tuple(dict(r) for r in await pool.fetch(sql["statements"], *of)),
        tuple(dict(r) for r in await pool.fetch(sql["comments"], *of)),
        dict(assigned) if assigned else {"step": 0, "to_person": None, "to_name": None},
        _assignable(at),
        at.may(Right.ANSWER, at.site),
    )


def _of_screening(at: Bedside, row: Any, steps: Steps) -> Iterable[Choice]:
    if row is None:
        return
    offered = acts.ACTS[About.SCREENING] if row["status"] in ("eligible", "potentially_eligible", "ineligible") else ()
    here = _Here(at, at.site, steps)
    says, status = row["says"], row["status"]
    yield here.choice(About.SCREENING, "", "Screening", offered, says=says, state=status, seen=row["outcome_id"])
    verdicts = msgspec.json.decode(row["verdicts"])
    for code, title in acts.for_criteria(at.protocol).items():
        verdict = verdicts.get(title.partition(":")[0], "unknown")
        yield here.choice(About.CRITERION, code, title, acts.of_criterion(code), state=verdict)


def of_safety(at: Place, site: str, rows: Iterable[Any], steps: Steps) -> Iterable[Choice]:
    """What the visitor may state about these current outcomes of a patient's safety."""
    here = _Here(at, site, steps)
    for r in rows:
        content, about = msgspec.json.decode(r["content"]), About(r["kind"])
        if about is About.CASE:
            title, state = f"Case: {content['title']}", content["status"]
        else:
            title, state = "Graft rejection", content["level"]
        offered = acts.ACTS[about] if state != "none" else ()
        yield here.choice(about, r["subject"], title, offered, says=content["says"], state=state, seen=r["outcome_id"])


@dataclass(frozen=True)
class _Here:
    """Who looks at a patient of which site, and how often each subject was spoken of."""

    at: Place
    site: str
    steps: Steps

    def choice(self, about: About, subject: str, title: str, offered: Iterable[Act], **seen: Any) -> Choice:
        may = tuple(a for a in offered if any(self.at.may(right, self.site) for right in a.rights))
        step = self.steps.get((about.value, subject), 0)
        return Choice(about, subject, title, may, step, **seen)


def _assignable(at: Bedside) -> tuple[Person, ...]:
    """Who may be asked to look after the patient: those of the staff file who may answer there, and oneself."""
    known = {p.person: p for p in at.console.staff.people.values() if p.may(Right.ANSWER, at.study, at.site)}
    return tuple(sorted((known | {at.person.person: at.person}).values(), key=lambda p: p.name))


class Stated(msgspec.Struct, frozen=True):
    """What a form states."""

    form: str
    about: About
    subject: str
    act: str
    seen: UUID | None
    step: int
    reason: str = ""
    expires: date | None = None


async def state(at: Bedside, said: Stated) -> Act:
    """Record a statement and bring it to the feed; raises Refused where that must not be."""
    act = _permitted(at, said)
    async with at.console.pool.acquire() as connection, connection.transaction():
        form = await at.take_form(said.form, connection, at.patient)
        content = await _require_unchanged(at, said, connection)
        focus = content.get("case_id") if said.about is About.CASE else None
        statement = Statement(
            act=uuid5(OUT_NAMESPACE, f"act/{form}"),
            patient=at.patient,
            code=act.code,
            value=act.value,
            practitioner=at.person.practitioner,
            by_name=at.person.name,
            at=await at.console.clock.now(connection),
            sent_at=await connection.fetchval("SELECT now()"),
            reason=said.reason,
            focus=focus,
            expires=said.expires,
        )
        if not await _insert(at, said, statement, connection):
            raise await _too_late(at, said, connection)
        details = {"code": act.code, "value": act.value, "about": said.about, "subject": said.subject}
        await at.console.audit(
            at.person.person, "state", "done", at.patient, details | {"reason": said.reason}, connection
        )
    at.console.publisher.call()
    return act


def _permitted(at: Bedside, said: Stated) -> Act:
    act = acts.find(said.about, said.act, said.subject, at.protocol)
    if act is None:
        raise Refused(400, "state", "Refused: there is no such statement.", patient=at.patient, act=said.act[:64])
    if not any(at.may(right, at.site) for right in act.rights):
        needed = " or ".join(right.value for right in act.rights)
        raise Refused(403, "state", f"You have no right to {needed} at this site.", patient=at.patient, act=act.name)
    if act.needs_reason and len(said.reason.strip()) < acts.SHORTEST_REASON:
        says = f"“{act.button}” needs a reason of at least {acts.SHORTEST_REASON} characters."
        raise Refused(422, "state", says, patient=at.patient, todo="Go back and write why.", act=act.name)
    return act


async def _require_unchanged(at: Bedside, said: Stated, connection: Connection) -> dict[str, Any]:
    """What is spoken of, if it still is what was on the screen; a criterion's attestation speaks of no outcome."""
    if said.about is About.CRITERION:
        return {}
    kind, subject = said.about.value, said.subject
    row = await connection.fetchrow(queries("console_acting")["current_outcome"], at.patient, at.study, kind, subject)
    if row is None:
        raise Refused(404, "state", "There is nothing of that name to speak of.", patient=at.patient)
    content: dict[str, Any] = msgspec.json.decode(row["content"])
    if row["outcome_id"] != said.seen:
        last = await _last(at, said, connection)
        says = f"This has changed since you opened it: {content.get('says', 'it was withdrawn')}. {last}"
        raise Refused(409, "state", says.strip(), patient=at.patient, todo=LOOK_AGAIN, act=said.act)
    return content


async def _insert(at: Bedside, said: Stated, s: Statement, connection: Connection) -> bool:
    done = await connection.fetchval(
        queries("console_acting")["state"],
        s.act,
        at.patient,
        at.study,
        said.about.value,
        said.subject,
        said.step + 1,
        said.seen,
        s.code,
        s.value,
        s.reason or None,
        at.person.person,
        at.person.name,
        at.site,
        topics.feed_topic("Observation").name,
        f"Observation/{s.act}",
        acts.observation(s),
    )
    return done is not None


async def _too_late(at: Bedside, said: Stated, connection: Connection) -> Refused:
    last = await _last(at, said, connection)
    return Refused(409, "state", f"Somebody was quicker. {last}", patient=at.patient, todo=LOOK_AGAIN, act=said.act)


async def _last(at: Bedside, said: Stated, connection: Connection) -> str:
    row = await connection.fetchrow(
        queries("console_acting")["last_statement"], at.patient, at.study, said.about.value, said.subject
    )
    if row is None:
        return ""
    known = acts.of_criterion(said.subject) if said.about is About.CRITERION else acts.ACTS[said.about]
    words = next((a.done for a in known if (a.code, a.value) == (row["code"], row["value"])), row["code"])
    words = f"withdrew “{words}”" if row["is_withdrawal"] else words
    return f"{row['by_name']}: {words}, {row['acted_at']:%H:%M} UTC."


async def withdraw(at: Bedside, form: str, stated: UUID, reason: str) -> str:
    """Take one's own statement back as entered in error: it counts as never made. What was stated."""
    sql, by = queries("console_acting"), at.person
    async with at.console.pool.acquire() as connection, connection.transaction():
        made = await at.take_form(form, connection, at.patient)
        row = await connection.fetchrow(sql["own_statement"], stated, at.patient, at.study)
        if row is None or row["by_person"] != by.person:
            says = "Only whoever stated it can withdraw it, and it must be of this patient."
            raise Refused(403, "withdraw", says, patient=at.patient, statement=str(stated))
        if len(reason.strip()) < acts.SHORTEST_REASON:
            says = f"“Withdraw” needs a reason of at least {acts.SHORTEST_REASON} characters."
            raise Refused(422, "withdraw", says, patient=at.patient, todo="Go back and write why.")
        record = attestation.withdrawn(
            row["record"], at=await connection.fetchval("SELECT now()"), reason=reason.strip(), by_name=by.name
        )
        act = uuid5(OUT_NAMESPACE, f"act/{made}")
        said = (reason.strip(), by.person, by.name, record.model_dump_json())
        if await connection.fetchval(sql["withdraw"], act, stated, *said) is None:
            raise Refused(409, "withdraw", "It was withdrawn already.", patient=at.patient, statement=str(stated))
        details = {"code": row["code"], "value": row["value"], "statement": str(stated), "reason": reason.strip()}
        await at.console.audit(by.person, "withdraw", "done", at.patient, details, connection)
    at.console.publisher.call()
    code: str = row["code"]
    return code


async def acknowledge(at: Bedside, form: str, type_: str, until: datetime) -> int:
    """Take notice of a patient's events of one type up to a time; how many had been open."""
    _require(at, Right.ANSWER, "acknowledge")
    sql = queries("console_acting")
    async with at.console.pool.acquire() as connection, connection.transaction():
        await at.take_form(form, connection, at.patient)
        person = at.person
        done: int = await connection.fetchval(
            sql["acknowledge"], at.patient, type_, at.study, until, person.person, person.name
        )
        if not done:
            row = await connection.fetchrow(sql["acknowledged_by"], at.patient, type_)
            says = (
                f"{row['by_name']} acknowledged it at {row['acknowledged_at']:%H:%M} UTC." if row else "No such event."
            )
            raise Refused(409, "acknowledge", says, patient=at.patient, todo="There is nothing left to acknowledge.")
        details = {"type": type_, "until": until.isoformat(), "events": done}
        await at.console.audit(person.person, "acknowledge", "done", at.patient, details, connection)
    return done


async def assign(at: Bedside, form: str, to: str, step: int) -> str:
    """Say who looks after the patient; empty: nobody any more. Their name."""
    _require(at, Right.ANSWER, "assign")
    chosen = next((p for p in _assignable(at) if p.person == to), None)
    if to and chosen is None:
        raise Refused(400, "assign", "Refused: nobody of that name can look after this patient.", patient=at.patient)
    sql, by = queries("console_acting"), at.person
    async with at.console.pool.acquire() as connection, connection.transaction():
        await at.take_form(form, connection, at.patient)
        name = chosen.name if chosen else None
        done = await connection.fetchval(
            sql["assign"], at.patient, at.study, step + 1, to or None, name, by.person, by.name
        )
        if done is None:
            row = await connection.fetchrow(sql["assignment"], at.patient, at.study)
            found = dict(row or {"by_name": "somebody", "to_name": None})
            says = f"Somebody was quicker: {found['by_name']} assigned it to {found['to_name'] or 'nobody'}."
            raise Refused(409, "assign", says, patient=at.patient, todo=LOOK_AGAIN)
        await at.console.audit(by.person, "assign", "done", at.patient, {"to": to}, connection)
    return name or "nobody"


async def comment(at: Bedside, form: str, says: str, subject: str) -> None:
    """Note something about the patient or one of the cases."""
    _require(at, Right.ANSWER, "comment")
    if not says.strip():
        raise Refused(
            422, "comment", "An empty comment says nothing.", patient=at.patient, todo="Go back and write it."
        )
    async with at.console.pool.acquire() as connection, connection.transaction():
        made = await at.take_form(form, connection, at.patient)
        who = (at.person.person, at.person.name)
        sql = queries("console_acting")["comment"]
        await connection.execute(sql, made, at.patient, at.study, subject[:200], says.strip()[:4000], *who)
        await at.console.audit(who[0], "comment", "done", at.patient, {"comment": str(made)}, connection)


def _require(at: Bedside, right: Right, action: str) -> None:
    if not at.may(right, at.site):
        raise Refused(403, action, f"You have no right to {right.value} at this site.", patient=at.patient)
