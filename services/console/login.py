"""Logging in and out: at the OpenID Connect provider, or in development by choosing who one is. Decides no rights."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.console.console import Console, console_of
from services.console.oidc import CALLBACK, ProviderError
from services.console.place import FORM_FIELD, Visitor, local_path, visitor
from services.console.refusal import Refused
from services.console.sessions import digest
from shared.runtime.postgres import queries

router = APIRouter(include_in_schema=False)
_AGAIN = "Begin the login again."


@router.get("/login")
async def login(request: Request, next: str = "/", says: str = "") -> HTMLResponse:  # noqa: A002 - the query's name
    """The page to log in on."""
    console = console_of(request)
    ended = says == "ended"
    people = list(console.staff.people.values()) if console.settings.login == "development" else []
    page = console.templates.get_template("login.html").render(
        people=people, next=local_path(next), ended=ended, development=bool(people)
    )
    return HTMLResponse(page)


@router.post("/login/development")
async def log_in_without_password(
    request: Request,
    person: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/",  # noqa: A002
) -> Response:
    """Development only: be whoever of the staff file one chooses."""
    console = console_of(request)
    if console.settings.login != "development":
        raise Refused(403, "log-in", "Refused: this console logs in at the provider only.")
    _require_own_page(request)
    known = console.sessions.known(person, person, ())
    if known is None:
        raise Refused(403, "log-in", "Refused: the staff file names nobody so.", named=person[:64])
    return await _let_in(console, known.person, known.name, (), next)


@router.get("/login/provider")
async def to_the_provider(request: Request, next: str = "/") -> Response:  # noqa: A002
    """Send the browser to the provider, and remember what must come back."""
    console = console_of(request)
    if console.provider is None:
        raise Refused(404, "log-in", "This console has no provider to log in at.")
    state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
    try:
        address = await console.provider.address(state, nonce, verifier)
    except ProviderError as error:
        raise Refused(502, "log-in", f"You cannot log in now: {error}.", todo="Try again in a few minutes.") from None
    await console.pool.execute(queries("console")["begin_login"], digest(state), nonce, verifier, local_path(next))
    response = RedirectResponse(address, 303)
    _set_cookie(response, f"{console.cookie}-login", state, 600)
    return response


@router.get(CALLBACK)
async def back_from_the_provider(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    """What the provider answers: believed only if this browser began that login and the ID token proves who it is."""
    console = console_of(request)
    begun = request.cookies.get(f"{console.cookie}-login", "")
    if console.provider is None or not state or not secrets.compare_digest(begun.encode(), state.encode()):
        raise Refused(403, "log-in", "Refused: this login was not begun in this browser.", todo=_AGAIN)
    row = await console.pool.fetchrow(queries("console")["end_login"], digest(state))
    if row is None:
        raise Refused(403, "log-in", "Refused: this login was used already, or is older than ten minutes.", todo=_AGAIN)
    if error or not code:
        raise Refused(403, "log-in", "The provider did not let you in.", todo=_AGAIN, error=error[:64])
    try:
        identity = await console.provider.identity(code, row["nonce"], row["code_verifier"])
    except ProviderError as fault:
        raise Refused(403, "log-in", f"Refused: {fault}.", todo=_AGAIN) from None
    known = console.sessions.known(identity.person, identity.name, identity.roles)
    if known is None:
        says = "You are known to the provider, but have no part in any study here."
        raise Refused(403, "log-in", says, todo="Ask whoever keeps the staff file.", named=identity.person)
    return await _let_in(console, known.person, known.name, identity.roles, row["return_to"])


@router.post("/logout")
async def log_out(
    who: Annotated[Visitor, Depends(visitor)], form: Annotated[str, Form(alias=FORM_FIELD)] = ""
) -> Response:
    """End the session."""
    async with who.console.pool.acquire() as connection, connection.transaction():
        await who.take_form(form, connection)
    if who.session is not None:
        await who.console.sessions.end(who.session)
    await who.audit("log-out")
    response = RedirectResponse("/login?says=ended", 303)
    response.delete_cookie(who.console.cookie)
    return response


async def _let_in(console: Console, person: str, name: str, roles: tuple[str, ...], onward: str) -> Response:
    token = await console.sessions.begin(person, name, roles)
    await console.audit(person, "log-in", details={"by": console.settings.login})
    response = RedirectResponse(local_path(onward), 303)
    _set_cookie(response, console.cookie, token, int(console.settings.session_hours * 3600))
    return response


def _set_cookie(response: Response, name: str, value: str, seconds: int) -> None:
    secure = name.startswith("__Host-")
    response.set_cookie(name, value, max_age=seconds, path="/", secure=secure, httponly=True, samesite="lax")


def _require_own_page(request: Request) -> None:
    """A login form of another site would log somebody in as whom that site likes."""
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none") or (
        origin is not None and origin != f"{request.url.scheme}://{request.url.netloc}"
    ):
        raise Refused(403, "log-in", "Refused: the form came from another site.", origin=(origin or "")[:128])
