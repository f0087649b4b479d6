"""Sessions in Postgres: the browser holds a random token, the database its digest. Decides only when one has ended."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.console import staff
from services.console.access import Person
from services.console.staff import Staff
from shared.runtime.postgres import Pool, queries

_TOKEN_BYTES: Final = 32
_CLAIMS: Final = msgspec.json.Decoder(tuple[str, ...])


class Session(msgspec.Struct, frozen=True):
    """Who is logged in, and the key under which the session's forms are signed."""

    digest: bytes
    person: Person
    form_key: bytes
    now: datetime
    """The database's real time at this request: forms age by it, also where the time of evaluation stands still."""


class Sessions:
    """Begins, finds and ends sessions."""

    def __init__(self, pool: Pool, people: Staff, lasts: timedelta, idle: timedelta, *, by_claims: bool) -> None:
        self._pool = pool
        self._staff = people
        self._lasts = lasts
        self._idle = idle
        self._by_claims = by_claims

    async def begin(self, person: str, name: str, claims: Sequence[str] = ()) -> str:
        """A new session; its token, which is given to the browser and nowhere kept."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        await self._pool.execute(
            queries("console")["begin_session"],
            digest(token),
            person,
            name,
            msgspec.json.encode(list(claims)).decode(),
            secrets.token_bytes(_TOKEN_BYTES),
            self._lasts,
        )
        await self._pool.execute(queries("console")["forget_old"])
        return token

    async def find(self, token: str | None) -> Session | None:
        """The session of a token; None where there is none, or its person has left the staff file meanwhile."""
        if not token:
            return None
        sql, key = queries("console"), digest(token)
        row = await self._pool.fetchrow(sql["session"], key, self._idle)
        if row is None:
            return None
        person = self._person(row["person"], row["name"], _CLAIMS.decode(row["claims"]))
        if person is None:
            return None
        if row["is_stale"]:
            await self._pool.execute(sql["touch_session"], key)
        return Session(key, person, row["form_key"], row["now"])

    async def end(self, session: Session) -> None:
        """Log out."""
        await self._pool.execute(queries("console")["end_session"], session.digest)

    def known(self, person: str, name: str, claims: Sequence[str]) -> Person | None:
        """Who this is by the staff file, or by claims; None for somebody without any part."""
        found = self._person(person, name, claims)
        return found if found is not None and found.grants else None

    def _person(self, person: str, name: str, claims: Sequence[str]) -> Person | None:
        if self._by_claims:
            return staff.from_claims(person, name, claims)
        return self._staff.people.get(person)


def digest(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).digest()
