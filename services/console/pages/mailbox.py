"""Mailbox, in development only: the mails that were kept instead of being sent. Decides nothing."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from services.console.access import Right
from services.console.place import Place, place
from services.console.refusal import Refused
from shared.runtime.postgres import queries

router = APIRouter(prefix="/studies/{study}", include_in_schema=False)
At = Annotated[Place, Depends(place(Right.SEE_FEED))]
SHOWN: Final = 200


@router.get("/mailbox")
async def mailbox(at: At) -> HTMLResponse:
    """Every mail that would have been sent, the newest first."""
    _require_development(at)
    rows = await at.console.pool.fetch(queries("console_mailbox")["mails"], SHOWN)
    return await at.page("mailbox.html", title="Mailbox", rows=rows, mail=None)


@router.get("/mailbox/{message_id}")
async def mail(at: At, message_id: UUID) -> HTMLResponse:
    """One of them, as text."""
    _require_development(at)
    found = await at.console.pool.fetchrow(queries("console_mailbox")["mail"], message_id)
    if found is None:
        raise Refused(404, "see-mailbox", "There is no such mail.")
    return await at.page("mailbox.html", title="Mailbox", rows=[], mail=found)


def _require_development(at: Place) -> None:
    if at.console.settings.mode != "development":
        raise Refused(404, "see-mailbox", "There is a mailbox in development only.")
