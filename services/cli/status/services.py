"""Asks each service how it is, by its /health. Decides what an answer means, and that silence is a fault."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from services.cli import installation
from services.cli.stack import ports
from services.cli.stack.state import load as load_state
from services.cli.status.findings import Finding, unknown, well, wrong
from shared.sites import ConfigurationError

ADDRESSES: Final = "GRAFTWATCH_SERVICE_ADDRESSES"
REQUIRED: Final = (*installation.SERVICES, installation.CONSOLE)
_ANSWER_SECONDS: Final = 6.0
_SAID: Final = ("lag", "seconds_since_progress", "oldest_behind_seconds", "oldest_undecided_seconds")


def addresses(home: Path) -> dict[str, str]:
    """Where the services are: as GRAFTWATCH_SERVICE_ADDRESSES says, else those of the local stack."""
    stated = os.environ.get(ADDRESSES, "")
    if not stated:
        return {name: f"http://{ports.HOST}:{s.port}" for name, s in load_state(home).services.items()}
    found: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in stated.split(","))):
        name, _, url = part.partition("=")
        if not url.startswith(("http://", "https://")):
            raise ConfigurationError(f"{ADDRESSES}: expected ingest=http://host:port, several separated by commas")
        found[name.strip()] = url.rstrip("/")
    return found


async def look(known: Mapping[str, str]) -> list[Finding]:
    """Each service that there must be, and whichever else is known."""
    if not known:
        todo = f"start them (`graftwatch start`), or name them: {ADDRESSES}=ingest=http://host:port,…"
        return [unknown("services", "no address of any service is known here", todo)]
    names = [*REQUIRED, *sorted(known.keys() - set(REQUIRED))]
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        return list(await asyncio.gather(*(_one(session, name, known.get(name)) for name in names)))


async def _one(session: aiohttp.ClientSession, name: str, address: str | None) -> Finding:
    if address is None:
        return wrong(name, "not started, or its address is not known here", "start it (`graftwatch start`)")
    try:
        async with session.get(f"{address}/health") as answer:
            body = await answer.read()
            return _judged(name, answer.status, body)
    except TimeoutError:
        says = f"does not answer within {_ANSWER_SECONDS:g} s: frozen, or overloaded"
        return wrong(
            name, says, f"look at its process and `graftwatch stack logs {name}`; start it anew if it stays so"
        )
    except aiohttp.ClientError:
        return wrong(
            name, "not running, or not reachable", f"start it anew; its log's last lines say why it ended ({name})"
        )


def _judged(name: str, status: int, body: bytes) -> Finding:
    try:
        said: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        said = {}
    figures = ", ".join(f"{key.replace('_', ' ')} {said[key]}" for key in _SAID if key in said)
    if status == 200 and (untold := said.get("nobody_is_told")):
        says = "; ".join(f"{site}: {', '.join(kinds)}" for site, kinds in sorted(untold.items()))
        return wrong(
            name,
            f"nobody is told of urgent events: {says}",
            "add a rule to the recipients file; `graftwatch recipients check FILE`",
        )
    if status == 200 and (missing := said.get("earlier_feed_missing")):
        says = "; ".join(f"{site}: {len(concepts)} concepts" for site, concepts in sorted(missing.items()))
        todo = "`graftwatch coverage` says which, `graftwatch refill` reads it; docs/runbook.md, EarlierFeedMissing"
        return wrong(name, f"the earlier feed was not read for what is asked for now: {says}", todo)
    if status == 200:
        return well(name, figures or "ok")
    why = str(said.get("reason") or said.get("status") or f"answers {status}")
    todo = f"`graftwatch stack logs {name}` says why; docs/runbook.md, Services"
    return wrong(name, f"{why}{f' ({figures})' if figures else ''}", todo)
