"""The console as a process: pages and API out of Postgres, acts to the feed. Decides nothing itself."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from services.console import login, pages, staff, templating
from services.console.audit_watch import AuditWatch
from services.console.console import NOBODY, Console, console_of
from services.console.guard import Buckets, Guard
from services.console.oidc import Provider
from services.console.openapi import Described
from services.console.place import Visitor, local_path, render, visitor
from services.console.publisher import Publisher
from services.console.pulse import Pulse
from services.console.refusal import LoginNeeded, Refused
from services.console.sessions import Sessions
from services.console.staff import Staff
from shared.runtime import logs, memory, metric_table, ports, postgres, watching
from shared.runtime.clock import Clock
from shared.runtime.configuration import ConsoleConfiguration, load_console
from shared.runtime.logs import logger
from shared.runtime.watched import WatchedFile
from shared.sites import ConfigurationError

log = logger(__name__)
_POOL: Final = 8
_STOP_SECONDS: Final = 5
_MACHINES: Final = ("/api/", "/fhir/")
"""Where an answer is JSON, a refusal too."""


def application(console: Console) -> FastAPI:
    """All pages, the API, and how each kind of refusal is answered, of this console."""
    app = interface()
    app.state.console = console
    app.add_middleware(
        Guard,
        cookie=console.cookie,
        requests=Buckets(console.settings.requests_per_minute),
        logins=Buckets(console.settings.logins_per_minute),
        secure=console.cookie.startswith("__Host-"),
    )
    return app


def interface() -> FastAPI:
    """The same without a console behind it: what there is to ask for, and what describes itself at /api/openapi.json."""
    app = Described(
        title="Graftwatch console",
        description=(
            "What the pages show, as JSON, and the trial as FHIR R4B; all of it read only. Log in with the console's session or "
            "a bearer token of a system. The pages themselves are for people and no part of this."
        ),
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        exception_handlers={
            Refused: _refused,
            LoginNeeded: _login_needed,
            HTTPException: _http_error,
            RequestValidationError: _unreadable,
            Exception: _failed,
        },
    )
    app.mount("/static", StaticFiles(directory=str(Path(str(resources.files("services.console"))) / "static")))
    app.include_router(login.router)
    for router in pages.ROUTERS:
        app.include_router(router)
    app.add_api_route("/", _start, include_in_schema=False)
    app.add_api_route("/live", _live, include_in_schema=False)
    away: dict[int | str, dict[str, Any]] = {503: {"description": "The database does not answer"}}
    app.add_api_route("/health", _health, summary="Whether it and its database answer", responses=away)
    app.add_api_route("/alive", _alive, include_in_schema=False)
    app.add_api_route("/metrics", _metrics, summary="Figures for Prometheus", response_class=PlainTextResponse)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    console: Console = app.state.console
    console.publisher.start()
    watching.certificates("console", console.settings)
    watch = watching.Watch("console", console.pool)
    loops = (watch.run(), AuditWatch(console.pool).run(), staff_file(console).run())
    beside = [asyncio.create_task(work) for work in loops]
    yield
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)
    await console.pulse.stop()
    await console.publisher.stop()


def staff_file(console: Console) -> WatchedFile[Staff]:
    """The staff file, taken anew when it changes."""
    path = console.settings.staff
    return WatchedFile(
        "console", "staff", path, lambda: staff.load(path, console.protocols, console.sites), console.staff.use
    )


async def _start(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """The first page of the first study in which the visitor has a part."""
    studies = who.person.studies(who.console.protocols)
    if not studies:
        raise Refused(
            403, "see-studies", "You have no part in any study here.", todo="Ask whoever keeps the staff file."
        )
    return RedirectResponse(f"/studies/{studies[0]}/{pages.first_page(who.person, studies[0])}", 303)


async def _live(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """Server-sent events: a number whenever something changed."""
    return StreamingResponse(who.console.pulse.listen(), media_type="text/event-stream")


async def _health(request: Request) -> Response:
    try:
        await console_of(request).pool.fetchval("SELECT 1", timeout=1.5)
    except postgres.UNREACHABLE:
        return JSONResponse({"status": "database does not answer", "service": "console"}, 503)
    return JSONResponse({"status": "ok", "service": "console"})


async def _alive() -> Response:
    return JSONResponse({"status": "alive"})


async def _metrics() -> Response:
    return PlainTextResponse(metric_table.exposition("console"))


async def _refused(request: Request, error: Exception) -> Response:
    """Record it, then explain it."""
    assert isinstance(error, Refused)
    console = console_of(request)
    who = await _who(request)
    person = who.person.person if who else NOBODY
    details = {"says": error.says, "status": error.status, **error.details}
    await console.audit(person, error.action, "refused", error.patient, details)
    return await _explain(request, who, error.status, error.says, error.todo)


async def _login_needed(request: Request, _error: Exception) -> Response:
    if request.url.path.startswith(_MACHINES) or request.method != "GET" or request.url.path == "/live":
        return await _explain(request, None, 401, "Nobody is logged in, or not any more.", "Log in, then try again.")
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(
        str(request.url.replace(path="/login", query="").include_query_params(next=f"{request.url.path}{query}")), 303
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    says = "There is no such page." if error.status_code == 404 else str(error.detail)
    return await _explain(request, await _who(request), error.status_code, says, "")


async def _unreadable(request: Request, error: Exception) -> Response:
    """A form or an address that does not say what it should; of a form that is recorded, as it may be a forged one."""
    assert isinstance(error, RequestValidationError)
    places = ", ".join(sorted({str(e["loc"][-1]) for e in error.errors()}))
    says = f"Refused: expected another value of {places}."
    if request.method == "GET":
        return await _explain(
            request, await _who(request), 422, says, "Follow a link of a page rather than an address."
        )
    return await _refused(request, Refused(422, "send-form", says, todo="Nothing was done.", path=request.url.path))


async def _failed(request: Request, error: Exception) -> Response:
    log.error("request-failed", error=logs.where(error))
    says = "The console failed at this request; its log says where."
    return await _explain(request, None, 500, says, "Try again; if it happens again, tell whoever runs Graftwatch.")


async def _who(request: Request) -> Visitor | None:
    try:
        return await visitor(request)
    except (LoginNeeded, *postgres.UNREACHABLE):
        return None


async def _explain(request: Request, who: Visitor | None, status: int, says: str, todo: str) -> Response:
    if request.url.path.startswith("/fhir/"):
        issue = {"severity": "error", "code": "forbidden" if status == 403 else "processing", "diagnostics": says}
        outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
        return JSONResponse(outcome, status, media_type="application/fhir+json")
    if request.url.path.startswith(_MACHINES):
        return JSONResponse({"status": status, "says": says, "todo": todo}, status)
    if who is not None:
        shown = {"status": status, "says": says, "todo": todo, "back": _came_from(request)}
        return HTMLResponse(await render(who, "refused.html", place=None, **shown), status)
    page = console_of(request).templates.get_template("outside.html").render(status=status, says=says, todo=todo)
    return HTMLResponse(page, status)


def _came_from(request: Request) -> str:
    """The page of ours from which a form was sent; empty where there is none to go back to."""
    stated = urlsplit(request.headers.get("Referer", ""))
    is_ours = request.method == "POST" and stated.netloc == request.url.netloc
    return local_path(f"{stated.path}?{stated.query}" if stated.query else stated.path) if is_ours else ""


def assemble(configuration: ConsoleConfiguration, people: Staff, pool: postgres.Pool) -> Console:
    """The console of this configuration on this database."""
    settings = configuration.settings
    secure = settings.mode == "production" or settings.address.startswith("https://")
    by_claims = settings.login == "oidc" and bool(settings.oidc_roles_claim)
    lasts, idle = timedelta(hours=settings.session_hours), timedelta(minutes=settings.idle_minutes)
    return Console(
        settings=settings,
        sites=configuration.sites,
        protocols=configuration.protocols,
        staff=people,
        pool=pool,
        sessions=Sessions(pool, people, lasts, idle, by_claims=by_claims),
        templates=templating.environment(offered=pages.offered),
        clock=Clock(settings.evaluation_time),
        pulse=Pulse(pool),
        publisher=Publisher(pool, settings.kafka_bootstrap_servers, settings.kafka_security),
        provider=Provider(settings) if settings.login == "oidc" else None,
        cookie="__Host-graftwatch" if secure else "graftwatch",
    )


async def serve(configuration: ConsoleConfiguration, people: Staff) -> None:
    """Serve until told to stop; raises ConfigurationError where the database does not answer."""
    settings = configuration.settings
    async with await postgres.connect(settings.database_url.get_secret_value(), "console", size=_POOL) as pool:
        port = settings.web_port or ports.free(settings.web_host)
        server = uvicorn.Server(
            uvicorn.Config(
                application(assemble(configuration, people, pool)),
                host=settings.web_host,
                port=port,
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=settings.trusted_proxies or "",
                timeout_graceful_shutdown=_STOP_SECONDS,
            )
        )
        log.info("service-started", web_port=port, login=settings.login, people=len(people.people))
        memory.spare_what_stays()
        await server.serve()


def main() -> None:
    """Run until stopped; a wrong configuration is named and refused."""
    try:
        configuration = load_console()
        people = staff.load(configuration.settings.staff, configuration.protocols, configuration.sites)
        logs.configure("console", configuration.settings.log_level)
        # What the server says of a request quotes its address, which may name a patient.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        asyncio.run(serve(configuration, people))
    except ConfigurationError as error:
        raise SystemExit(f"graftwatch console cannot start:\n{error}") from None
    except KeyboardInterrupt:  # uvicorn raises the signal again once it has stopped
        raise SystemExit(128 + signal.SIGINT) from None
