"""Who asks, where, and whether they may: what every page begins with. A refusal is recorded before it is explained."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request
from fastapi.responses import HTMLResponse

from services.console import forms
from services.console.access import Person, Right
from services.console.console import NOBODY, Console, console_of
from services.console.refusal import LoginNeeded, Refused
from services.console.sessions import Session, digest
from shared.protocol.model import Protocol
from shared.runtime.postgres import Connection, queries

FORM_FIELD: Final = "form"
DONE_COOKIE: Final = "graftwatch-done"
"""What the last form did, said once by the next page."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who is logged in, and the request they make."""

    console: Console
    request: Request
    person: Person
    session: Session | None
    """None for a program with a token: it reads the API and sends no forms."""

    async def audit(self, action: str, patient: UUID | None = None, **details: Any) -> None:
        """Record what this person sees or does."""
        await self.console.audit(self.person.person, action, "done", patient, details)

    def form_token(self, act: str) -> str:
        """A token for a form that is sent to the path `act`."""
        return forms.give_out(self.session.form_key, act, self.session.now) if self.session else ""

    async def take_form(self, token: str, connection: Connection, patient: UUID | None = None) -> UUID:
        """The id of the form that was sent; raises Refused where it is forged, too old, or was sent before."""
        act = self.request.url.path
        if self.session is None:
            raise Refused(403, "send-form", "Forms are for people who are logged in.", patient=patient, path=act)
        match forms.take_back(self.session.form_key, act, token, self.session.now):
            case forms.Fault() as fault:
                todo = "Nothing was done. Open the page again and send its form."
                raise Refused(403, "send-form", f"Refused: {fault}.", patient=patient, todo=todo, path=act)
            case form:
                if await connection.fetchval(queries("console")["use_form"], form.form) is None:
                    raise Refused(
                        409,
                        "send-form",
                        "Refused: this form was sent before, and what it says was done then.",
                        patient=patient,
                        todo="Nothing was done a second time. Open the page again to see how it stands now.",
                        path=act,
                        form=str(form.form),
                    )
                return form.form


@dataclass(frozen=True)
class Place(Visitor):
    """A visitor in a study, with the sites at which they have the right that the page asks for."""

    study: str
    protocol: Protocol
    sites: tuple[str, ...]

    def may(self, right: Right, site: str | None = None) -> bool:
        """Whether the visitor has this right here: at that site, or at any."""
        sites = self.console.sites if site is None else (site,)
        return any(self.person.may(right, self.study, s) for s in sites)

    async def audit_list(self, page: str, patients: int) -> None:
        """Record that a list of patients was shown: which, and how many stood on it."""
        await self.audit("see-list", None, study=self.study, page=page, patients=patients)

    async def page(self, template: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
        """A page of the study."""
        answer = HTMLResponse(await render(self, template, place=self, **shown), status)
        if DONE_COOKIE in self.request.cookies:
            answer.delete_cookie(DONE_COOKIE)
        return answer


@dataclass(frozen=True)
class Bedside(Place):
    """A place where one patient is spoken of, whom the visitor may see; the view is in the audit already."""

    patient: UUID
    site: str
    version: int
    open_dead_letters: int


async def visitor(request: Request) -> Visitor:
    """Whoever is logged in; raises LoginNeeded."""
    console = console_of(request)
    token = request.cookies.get(console.cookie)
    session = await console.sessions.find(token)
    if session is not None:
        return Visitor(console, request, session.person, session)
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    system = console.staff.systems.get(digest(bearer)) if bearer else None
    if system is not None and request.method == "GET":
        return Visitor(console, request, system, None)
    if token or bearer:
        what = "session" if token else "bearer token"
        await console.audit(NOBODY, "log-in", "refused", None, {"says": f"unknown or ended {what}"})
    raise LoginNeeded


def place(right: Right) -> Callable[[Request, str], Awaitable[Place]]:
    """A dependency: the visitor in the study of the path, refused where they have that right at no site."""

    async def found(request: Request, study: str) -> Place:
        return await enter(await visitor(request), study, right)

    return found


async def enter(who: Visitor, study: str, right: Right) -> Place:
    """The visitor's place in a study; raises Refused, alike for a study that is not and one that is another's."""
    protocol = who.console.protocols.get(study)
    sites = who.person.sites(right, study, who.console.sites)
    if protocol is None or not sites:
        raise Refused(
            403,
            right.value,
            f"You have no right to {right.value} in this study, or there is no such study.",
            todo="Ask whoever keeps the staff file if you should have it.",
            study=study,
            path=who.request.url.path,
        )
    return Place(who.console, who.request, who.person, who.session, study, protocol, sites)


def bedside(right: Right = Right.SEE_PATIENTS) -> Callable[[Request, str, UUID], Awaitable[Bedside]]:
    """A dependency: as `place`, with the patient of the path; another site's is refused, and every view is recorded."""

    async def found(request: Request, study: str, patient: UUID) -> Bedside:
        here = await enter(await visitor(request), study, right)
        row = await here.console.pool.fetchrow(queries("console")["patient"], patient)
        if row is None or row["site"] not in here.sites:
            raise Refused(
                403,
                right.value,
                "This patient is of another study or site, or there is no such patient.",
                patient=patient,
                todo="If you followed a link, ask whoever sent it whether you should see this patient.",
                path=request.url.path,
            )
        if request.method == "GET":
            await here.audit("see-patient", patient, path=request.url.path, study=study)
        return Bedside(
            here.console,
            request,
            here.person,
            here.session,
            study,
            here.protocol,
            here.sites,
            patient,
            row["site"],
            row["version"],
            row["open_dead_letters"],
        )

    return found


async def render(who: Visitor, template: str, **shown: Any) -> str:
    """A template with who looks at it, when, and the forms that every page has."""
    async with who.console.pool.acquire() as connection:
        now = await who.console.clock.now(connection)
        real = await connection.fetchval("SELECT now()")
    done = who.request.cookies.get(DONE_COOKIE, "")
    context = {
        "who": who,
        "done": done,
        "now": now,
        "now_real": real,
        "logout_form": who.form_token("/logout"),
        **shown,
    }
    return who.console.templates.get_template(template).render(context)


def local_path(stated: str) -> str:
    """A path of ours to go on to after the login; the start for anything that may lead elsewhere."""
    parts = urlsplit(stated)
    safe = stated.startswith("/") and not stated.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return stated if safe and "\\" not in stated and stated.isprintable() else "/"
