"""Decides how tests run the console in their own process, and what they find stored: patients with outcomes, without a feed."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import httpx2
import msgspec

from services.console import app, staff
from services.console.console import Console
from shared import sites as site_files
from shared.protocol import load as protocol_files
from shared.runtime import postgres
from shared.runtime.configuration import ConsoleConfiguration
from shared.runtime.sealing import Vault, place
from shared.runtime.settings import ConsoleSettings
from tests.support.database import Database

STUDY: Final = "camrelizumab-hcc-transplant"
STAFF: Final = Path("deploy/console/staff.yaml")
ORIGIN: Final = "http://console.test"
CROSSWALK_KEY: Final = f"tests:{'5a' * 32}"
VAULT: Final = Vault.of(CROSSWALK_KEY)
CASE: Final = "1419415a-467c-5525-a490-cbc33f678d2f"


@asynccontextmanager
async def running(
    database: Database, servers: str = "127.0.0.1:1", *, people: Path = STAFF, told: Mapping[str, str] | None = None
) -> AsyncIterator[Console]:
    """A console on this database, with the demonstration's staff and the development login unless told otherwise."""
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": servers,
        "DATABASE_URL": database.url,
        "GRAFTWATCH_CROSSWALK_KEY": CROSSWALK_KEY,
        "GRAFTWATCH_MODE": "development",
        "GRAFTWATCH_CONSOLE_LOGIN": "development",
        "GRAFTWATCH_CONSOLE_LOGINS_PER_MINUTE": "1000",
        **(told or {}),
    }
    settings = ConsoleSettings(**{k: v for k, v in environment.items() if v})  # type: ignore[arg-type] # by the names of the environment
    configuration = ConsoleConfiguration(settings, site_files.load(Path("deploy/sites")), protocol_files.load())
    loaded = staff.load(people, configuration.protocols, configuration.sites)
    async with await postgres.connect(database.url, "console", size=4) as pool:
        yield app.assemble(configuration, loaded, pool)


@dataclass
class Window:
    """Somebody's browser, as far as a program can be one."""

    client: httpx2.AsyncClient

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """Open a page."""
        return await self.client.get(path, headers=headers)

    async def send(self, path: str, fields: Mapping[str, Any], **headers: str) -> httpx2.Response:
        """Send a form."""
        return await self.client.post(path, data=dict(fields), headers=headers)

    async def log_in(self, person: str) -> httpx2.Response:
        """By the development login."""
        return await self.send("/login/development", {"person": person}, Origin=ORIGIN)


@asynccontextmanager
async def window(console: Console, person: str | None = None) -> AsyncIterator[Window]:
    """A window of its own, logged in as somebody of the staff file."""
    transport = httpx2.ASGITransport(app=app.application(console))
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        opened = Window(client)
        if person is not None:
            assert (await opened.log_in(person)).status_code == 303
        yield opened


def patient_path(patient: UUID, page: str = "act") -> str:
    """The address of a page about a patient."""
    return f"/studies/{STUDY}/patients/{patient}/{page}"


def forms(page: str, action: str) -> list[dict[str, str]]:
    """The hidden fields of every form on a page that is sent to `action`."""
    found = re.findall(r'<form[^>]*action="([^"]+)"[^>]*>(.*?)</form>', page, re.S)
    return [_fields(inner) for to, inner in found if html.unescape(to) == action]


def _fields(form: str) -> dict[str, str]:
    return {n: html.unescape(v) for n, v in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)}


async def store_patient(database: Database, site: str = "north", patient: UUID | None = None) -> UUID:
    """A patient with a timeline and an entry in the crosswalk."""
    key = patient or uuid4()
    await database.rows("INSERT INTO timeline.patient (patient, site, version) VALUES ($1, $2, 1)", key, site)
    sealed = VAULT.seal(f"id-{key}".encode(), place("patient_id", key))
    await database.rows(
        "INSERT INTO identity.patient (site, patient_id, patient) VALUES ($1, $2, $3)", site, sealed, key
    )
    return key


async def store_outcome(
    database: Database,
    schema: str,
    patient: UUID,
    kind: str,
    subject: str,
    content: Mapping[str, Any],
    ordinal: int = 1,
) -> UUID:
    """An outcome as a service would have appended it."""
    made = uuid4()
    await database.rows(
        f"INSERT INTO {schema}.outcome (outcome_id, patient, protocol, kind, subject, ordinal, withdrawn, content, evidence,"
        " content_hash, timeline_version, protocol_version, protocol_hash, rules_version, evaluated_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, false, $7, '[]', '', 1, '', '', '', now())",
        made,
        patient,
        STUDY,
        kind,
        subject,
        ordinal,
        msgspec.json.encode(content).decode(),
    )
    return made


def screening(status: str = "eligible", says: str = "all criteria are met", **verdicts: str) -> dict[str, Any]:
    """A screening decision with these verdicts."""
    criteria = [
        {"id": c, "verdict": v.replace("_", " "), "missing": [f"{c} value"] if v == "unknown" else []}
        for c, v in verdicts.items()
    ]
    return {"status": status, "says": says, "criteria": criteria}


def case(status: str = "candidate", says: str = "died on 3 May 2025") -> dict[str, Any]:
    """A case of safety, as far as pages show it."""
    return {
        "case_id": CASE,
        "title": "death",
        "status": status,
        "says": says,
        "closed": False,
        "grade": None,
        "onset_on": "2025-05-03",
        "seriousness": ["death"],
        "relation": "unassessed (counts as related)",
        "expectedness": "unassessed (counts as unexpected)",
        "aware_at": "2025-05-03T10:00:00+00:00",
        "merged_into": None,
        "steps": [],
        "due_investigator_at": "2025-05-04T10:00:00+00:00",
    }
