"""The pages, one module each, in the order in which they stand on the left. A new one is added to `PAGES`."""

from __future__ import annotations

from typing import Final

import msgspec
from fastapi import APIRouter

from services.console.access import Person, Right
from services.console.pages import (
    act,
    api,
    audit,
    feed,
    fhir,
    identity,
    mailbox,
    patient,
    response,
    safety,
    screening,
    study,
    today,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    today.router,
    screening.router,
    safety.router,
    response.router,
    feed.router,
    study.router,
    audit.router,
    patient.router,
    act.router,
    api.router,
    fhir.router,
    identity.router,
    mailbox.router,
)


class Page(msgspec.Struct, frozen=True):
    """A page of a study: its path, its name on the left, and the right without which it is not offered."""

    path: str
    name: str
    right: Right


PAGES: Final = (
    Page("today", "Today", Right.SEE_PATIENTS),
    Page("screening", "Screening", Right.SEE_PATIENTS),
    Page("safety", "Safety", Right.SEE_PATIENTS),
    Page("response", "Response", Right.SEE_PATIENTS),
    Page("feed", "Feed", Right.SEE_FEED),
    Page("study", "Study", Right.SEE_FEED),
    Page("audit", "Audit", Right.SEE_AUDIT),
)


MAILBOX: Final = Page("mailbox", "Mailbox", Right.SEE_FEED)
"""In development only."""


def offered(person: Person, study: str, *, development: bool = False) -> tuple[Page, ...]:
    """The pages that a person may open in a study."""
    granted = {r for g in person.grants if g.study in (study, "*") for r in g.rights}
    return tuple(p for p in (*PAGES, *([MAILBOX] if development else ())) if p.right in granted)


def first_page(person: Person, study: str) -> str:
    """Where a person's day begins."""
    return next((p.path for p in offered(person, study)), "nothing")
