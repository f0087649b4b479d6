"""Whom a pseudonym names, and a record as the hospital sent it: by right, with a reason, audited. Decides nothing."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse

from services.console.access import Right
from services.console.place import Bedside, bedside
from services.console.refusal import Refused
from shared.runtime.postgres import queries
from shared.runtime.sealing import Unsealable, Vault
from shared.runtime.sealing import place as sealed_at

router = APIRouter(prefix="/studies/{study}/patients/{patient}", include_in_schema=False)
At = Annotated[Bedside, Depends(bedside())]
Text = Annotated[str, Form()]
SHORTEST_REASON = 10


@router.get("/identity")
async def ask(at: At) -> HTMLResponse:
    """The form that asks for the reason."""
    _require_right(at)
    return await at.page("identity.html", title="Re-identify", found=None, record=None, versions=[], reason="")


@router.post("/identity")
async def reidentify(
    at: At, form: Text, reason: Annotated[str, Form(max_length=500)], record: Annotated[str, Form(max_length=200)] = ""
) -> HTMLResponse:
    """The hospital's id of the patient; and one record as it was sent, if one is named. Shown once, kept nowhere."""
    _require_right(at)
    _vault(at)
    if len(reason.strip()) < SHORTEST_REASON:
        says = f"A reason of at least {SHORTEST_REASON} characters is needed."
        raise Refused(422, "reidentify", says, patient=at.patient, todo="Go back and write why you need to know.")
    sql = queries("console_identity")
    async with at.console.pool.acquire() as connection, connection.transaction():
        await at.take_form(form, connection, at.patient)
        row = await connection.fetchrow(sql["reidentify"], at.patient, at.person.person, reason.strip())
        versions = []
        if record:
            if not await connection.fetchval(sql["is_of"], at.patient, record):
                raise Refused(404, "reidentify", "This patient has no such record.", patient=at.patient)
            versions = await connection.fetch(sql["original_record"], record, at.person.person, reason.strip())
    found, shown = _opened(at, row, record, versions)
    return await at.page(
        "identity.html", title="Re-identify", found=found, record=record, versions=shown, reason=reason.strip()
    )


def _require_right(at: Bedside) -> None:
    if not at.may(Right.REIDENTIFY, at.site):
        says = f"You have no right to {Right.REIDENTIFY.value} at this site."
        todo = "It is granted by name, beside a role; ask whoever keeps the staff file."
        raise Refused(403, "reidentify", says, patient=at.patient, todo=todo)


def _vault(at: Bedside) -> Vault:
    """What opens a name; raises Refused where this console was not given the key, before anything is asked for."""
    key = at.console.settings.crosswalk_key
    if key is None:
        says = "This console was not given the key that opens names."
        todo = "Whoever runs Graftwatch can set GRAFTWATCH_CROSSWALK_KEY."
        raise Refused(503, "reidentify", says, patient=at.patient, todo=todo)
    return Vault.of(key.get_secret_value())


def _opened(at: Bedside, row: Any, record: str, versions: list[Any]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    vault = _vault(at)
    if row is None:
        raise Refused(404, "reidentify", "The crosswalk has no such patient.", patient=at.patient)
    try:
        name = vault.open(row["patient_id"], sealed_at("patient_id", at.patient)).decode()
        shown = [
            {
                "received_at": v["received_at"],
                "text": _pretty(vault.open(v["raw"], sealed_at("raw", record, v["content_sha256"].hex()))),
            }
            for v in versions
        ]
    except Unsealable as error:
        raise Refused(503, "reidentify", f"The name cannot be opened: {error}.", patient=at.patient) from None
    return {"site": row["site"], "patient_id": name}, shown


def _pretty(raw: bytes) -> str:
    try:
        return msgspec.json.format(raw, indent=2).decode("utf-8", "backslashreplace")
    except msgspec.DecodeError:
        return raw.decode("utf-8", "backslashreplace")
