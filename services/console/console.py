"""What one running console consists of, handed to every request. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import msgspec
from fastapi import Request
from jinja2 import Environment

from services.console.oidc import Provider
from services.console.publisher import Publisher
from services.console.pulse import Pulse
from services.console.sessions import Sessions
from services.console.staff import Staff
from shared.protocol.model import Protocol
from shared.runtime.clock import Clock
from shared.runtime.postgres import Connection, Pool, queries
from shared.runtime.settings import ConsoleSettings
from shared.sites import Site

NOBODY: Final = "(nobody)"
"""In the audit: whoever was refused before anybody was logged in."""


@dataclass(frozen=True)
class Console:
    """Settings, files, database and templates of this process."""

    settings: ConsoleSettings
    sites: Mapping[str, Site]
    protocols: Mapping[str, Protocol]
    staff: Staff
    pool: Pool
    sessions: Sessions
    templates: Environment
    clock: Clock
    pulse: Pulse
    publisher: Publisher
    provider: Provider | None = None
    cookie: str = field(default="graftwatch")

    async def audit(  # noqa: PLR0913, PLR0917 - what an entry says
        self,
        person: str,
        action: str,
        outcome: str = "done",
        patient: UUID | None = None,
        details: Mapping[str, Any] | None = None,
        connection: Connection | None = None,
    ) -> None:
        """Append to the audit, within the caller's transaction if there is one."""
        said = msgspec.json.encode(details or {}).decode()
        sql = queries("console")["record_audit"]
        await (connection or self.pool).execute(sql, person, action, outcome, patient, said)


def console_of(request: Request) -> Console:
    """The console that serves a request."""
    found: Console = request.app.state.console
    return found
