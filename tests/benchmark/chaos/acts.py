"""An investigator who attests criteria through the console, amid the faults too: states, looks whether it stands, states again.

What they sent without an answer they look for on the page, as a person would, and send the page's form again only if it is not
there. Of half of the patients they withdraw it again. The records' ids and times differ between two runs; `Acts` gives them names
that do not.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import aiohttp

from services.cli.demo.run import PROTOCOL
from services.cli.simulate.model import ExpectedPatient
from services.console import acts
from shared.fhir.keys import Keys
from shared.protocol import load as protocol_files
from shared.runtime import postgres
from shared.runtime.postgres import Connection
from tests.benchmark.chaos.clients import ANSWER_SECONDS, SITES
from tests.support.console import forms

PERSON: Final = "investigator-everywhere"
_AGAIN_SECONDS: Final = 0.5
_LOOK_SECONDS: Final = 0.1
_AT_ONCE: Final = 4
_SPOKEN_OF: Final = ("eligible", "potentially_eligible", "ineligible")
_REASON: Final = "of another patient, as it turned out"
_STAFF: Final = f"""
  - person: {PERSON}
    name: Investigator, every site
    practitioner: {PERSON}
    grants:
      - {{study: {PROTOCOL}, site: "*", role: investigator}}
"""
_ACTS: Final = """
SELECT act::text, patient::text, site, code, step, value, reason, by_person, withdraws::text AS withdraws,
    published_at IS NOT NULL AS published
FROM console.act
"""
_FACTS: Final = "SELECT DISTINCT fact_id::text, record, kind FROM timeline.fact WHERE record = ANY($1)"
_IDS: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")


@dataclass(frozen=True)
class Intended:
    """What is to be stated of a patient, once so much of the feed is sent, and whether it is withdrawn again."""

    patient: UUID
    name: str
    code: str
    after: float
    withdrawn: bool


def intend(expected: Sequence[ExpectedPatient], keys: Keys, count: int) -> list[Intended]:
    """So many patients of the cohort, one after the other while the feed flows; every other statement is withdrawn."""
    (code, *_) = acts.for_criteria(protocol_files.load(None)[PROTOCOL])
    known = [e for e in expected if e.site in SITES and e.screening.get("status") in _SPOKEN_OF]
    chosen = known[:: max(1, len(known) // count)][:count]
    return [
        Intended(keys.patient(e.site, e.patient), e.patient, code, n / len(chosen), withdrawn=n % 2 == 1)
        for n, e in enumerate(chosen)
    ]


def staff(home: Path) -> Path:
    """The demonstration's staff and the investigator."""
    path = home / "staff.yaml"
    path.write_text(Path("deploy/console/staff.yaml").read_text().rstrip() + _STAFF)
    return path


class Investigator:
    """States what is intended, each once it may be."""

    def __init__(self, port: int, intended: Sequence[Intended], sent: Callable[[], float]) -> None:
        self._origin = f"http://127.0.0.1:{port}"
        self._left = sorted(intended, key=lambda i: i.after)
        self._sent = sent
        self.done = 0

    async def run(self) -> None:
        """Until everything is stated."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._work())

    async def _work(self) -> None:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(timeout=ANSWER_SECONDS, cookie_jar=jar) as session:
            while self._left:
                next_ = self._left.pop(0)
                while self._sent() < next_.after:  # noqa: ASYNC110 - another task moves it
                    await asyncio.sleep(_LOOK_SECONDS)
                await self._until(1, session, next_, "state", {"act": "attest"})
                if next_.withdrawn:
                    await self._until(2, session, next_, "withdraw", {"reason": _REASON})
                self.done += 1

    async def _until(
        self, step: int, session: aiohttp.ClientSession, of: Intended, action: str, said: Mapping[str, str]
    ) -> None:
        """Send the page's form until the page says that so much was stated."""
        while True:
            try:
                if await self._is_done(step, session, of, action, said):
                    return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _is_done(
        self, step: int, session: aiohttp.ClientSession, of: Intended, action: str, said: Mapping[str, str]
    ) -> bool:
        path = f"/studies/{PROTOCOL}/patients/{of.patient}"
        async with session.get(f"{self._origin}{path}/act", allow_redirects=False) as answer:
            page = await answer.text()
        if answer.status == 303:
            await self._post(session, "/login/development", {"person": PERSON})
            return False
        if answer.status != 200:  # not heard of yet, or the console has trouble
            return False
        stating = [f for f in forms(page, f"{path}/state") if f.get("subject") == of.code]
        if stating and int(stating[0]["step"]) >= step:
            return True
        sending = stating if action == "state" else forms(page, f"{path}/withdraw")
        if sending:
            await self._post(session, f"{path}/{action}", {**sending[0], **said})
        return False

    async def _post(self, session: aiohttp.ClientSession, path: str, fields: Mapping[str, str]) -> None:
        form: dict[str, Any] = {"data": dict(fields), "headers": {"Origin": self._origin}}
        async with session.post(self._origin + path, allow_redirects=False, **form) as answer:
            await answer.read()


@dataclass(frozen=True)
class Acts:
    """What was stated, as stored, and names for its ids that are the same in every run."""

    rows: Mapping[str, str] = field(default_factory=dict)
    records: Sequence[str] = ()
    keys: frozenset[bytes] = frozenset()
    """Of the messages that carry them."""
    on_their_way: int = 0
    named: Mapping[str, str] = field(default_factory=dict)

    def rename(self, text: str) -> str:
        """The text with names in place of ids."""
        return _IDS.sub(lambda id_: self.named.get(id_[0], id_[0]), text) if self.named else text


async def read(connection: Connection, keys: Keys) -> Acts:
    """All that was stated in a run; none while the database is away."""
    try:
        stated = await connection.fetch(_ACTS)
    except postgres.UNREACHABLE:
        return Acts(on_their_way=1)
    named, records, rows = dict[str, str](), dict[str, str](), dict[str, str]()
    for r in stated:
        name = f"act {r['patient']} {r['code']} {r['step']}"
        rows[name] = (
            f"{r['site']} | {r['value']} | {r['reason']} | {r['by_person']} | withdraws: {r['withdraws'] is not None}"
        )
        if r["withdraws"] is None:
            record = keys.record(r["site"], "Observation", r["act"])
            named |= {r["act"]: f"({name})", record: f"(record of {name})"}
            records[record] = name
    for fact in await connection.fetch(_FACTS, list(records)):
        named[fact["fact_id"]] = f"(fact {fact['kind']} of {records[fact['record']]})"
    return Acts(
        rows,
        tuple(records),
        frozenset(f"Observation/{r['act']}".encode() for r in stated if r["withdraws"] is None),
        sum(not r["published"] for r in stated),
        named,
    )
