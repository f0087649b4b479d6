"""What the forms about a patient are sent to. Decides nothing: `acting` does."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from services.console import acting
from services.console.acting import Stated
from services.console.acts import About
from services.console.place import DONE_COOKIE, Bedside, bedside, local_path
from services.console.refusal import Refused

router = APIRouter(prefix="/studies/{study}/patients/{patient}", include_in_schema=False)
At = Annotated[Bedside, Depends(bedside())]
Text = Annotated[str, Form()]


@router.get("/act")
async def act(at: At) -> HTMLResponse:
    """What one may do about the patient, by itself."""
    return await at.page("act.html", title="Your part", acts=await acting.panel(at))


@router.post("/state")
async def state(  # noqa: PLR0913, PLR0917 - the fields of the form
    at: At,
    form: Text,
    about: Annotated[About, Form()],
    act: Text,
    step: Annotated[int, Form(ge=0)],
    subject: Text = "",
    seen: Text = "",
    reason: Annotated[str, Form(max_length=2000)] = "",
    expires: Text = "",
    back: Text = "",
) -> RedirectResponse:
    """State something about the patient, a criterion, a case or the graft."""
    try:
        until = date.fromisoformat(expires) if expires else None
        outcome = UUID(seen) if seen else None
    except ValueError:
        raise Refused(422, "state", "Expected a date such as 2025-06-30.", patient=at.patient) from None
    done = await acting.state(at, Stated(form, about, subject, act, outcome, step, reason.strip(), until))
    return _back(at, back, f"Recorded: {done.done}.")


@router.post("/withdraw")
async def withdraw(
    at: At,
    form: Text,
    stated: Annotated[UUID, Form()],
    reason: Annotated[str, Form(max_length=2000)] = "",
    back: Text = "",
) -> RedirectResponse:
    """Take back what one stated, as entered in error."""
    code = await acting.withdraw(at, form, stated, reason)
    return _back(at, back, f"Withdrawn: {code.replace('-', ' ')}.")


@router.post("/acknowledge")
async def acknowledge(
    at: At,
    form: Text,
    told: Text,
    until: Annotated[datetime, Form()],
    back: Text = "",
) -> RedirectResponse:
    """Take notice of what was told."""
    number = await acting.acknowledge(at, form, told, until)
    return _back(at, back, "Acknowledged." if number == 1 else f"Acknowledged: {number} events.")


@router.post("/assign")
async def assign(
    at: At, form: Text, step: Annotated[int, Form(ge=0)], to: Text = "", back: Text = ""
) -> RedirectResponse:
    """Say who looks after the patient."""
    return _back(at, back, f"Looked after by {await acting.assign(at, form, to, step)}.")


@router.post("/comment")
async def comment(
    at: At,
    form: Text,
    says: Annotated[str, Form(max_length=4000)],
    subject: Text = "",
    back: Text = "",
) -> RedirectResponse:
    """Note something."""
    await acting.comment(at, form, says, subject)
    return _back(at, back, "Noted.")


def _back(at: Bedside, back: str, says: str) -> RedirectResponse:
    """To the page that the form stood on, which says once what was done."""
    path = local_path(back) if back else f"/studies/{at.study}/patients/{at.patient}"
    response = RedirectResponse(urlsplit(path).path, 303)
    response.set_cookie(
        DONE_COOKIE, says.encode("ascii", "replace").decode(), max_age=30, httponly=True, samesite="lax"
    )
    return response
