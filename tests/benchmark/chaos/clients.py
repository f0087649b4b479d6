"""Who speaks HTTP to the services: an engine that posts to the intake until it is taken, and somebody who reads the console."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp

from services.cli.demo.run import PROTOCOL
from services.cli.simulate.model import FeedMessage
from services.intake.envelope import open_envelope
from services.intake.refusal import Refusal
from shared import topics

SITES: Final = ("north", "south", "general")
_PERSON: Final = "safety-officer"
_PAGE: Final = f"/studies/{PROTOCOL}/today"
ANSWER_SECONDS: Final = aiohttp.ClientTimeout(total=3)
_AGAIN_SECONDS: Final = 0.25


def sites_with_tokens(home: Path) -> Path:
    """The sites as deployed, each with a token for the intake."""
    folder = home / "sites"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree("deploy/sites", folder)
    for site in SITES:
        with (folder / f"{site}.yaml").open("a") as file:
            file.write(f"\nintake_token_sha256: {hashlib.sha256(_token(site).encode()).hexdigest()}\n")
    return folder


def is_postable(message: FeedMessage) -> bool:
    """Whether the intake would make exactly this message of its value: it takes no tombstone so, and nothing cut off."""
    named = dict(message.headers)
    if message.value is None or named.keys() - {"site", "fhirVersion"} or named.get("site", b"").decode() not in SITES:
        return False
    try:
        envelope = open_envelope(message.value)
    except Refusal:
        return False
    return (topics.feed_topic(envelope.type).name, envelope.key) == (message.topic, message.key)


class NeverTakenError(Exception):
    """A refusal that no repetition changes."""


class Engine:
    """Posts resources to the intake."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/fhir"
        self._session: aiohttp.ClientSession
        self.taken = 0
        """Requests that the intake has answered with 2xx."""
        self.waiting = 0

    async def __aenter__(self) -> Engine:
        self._session = aiohttp.ClientSession(timeout=ANSWER_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def post(self, message: FeedMessage) -> None:
        """Send it until it is taken: what may have arrived is sent again, as a repeated record changes nothing."""
        self.waiting += 1
        try:
            while not await self._is_taken(message):  # noqa: ASYNC110 - each time it is sent again
                await asyncio.sleep(_AGAIN_SECONDS)
        finally:
            self.waiting -= 1
        self.taken += 1

    async def _is_taken(self, message: FeedMessage) -> bool:
        named = {name: value.decode() for name, value in message.headers}
        version = f"; fhirVersion={named['fhirVersion']}" if "fhirVersion" in named else ""
        headers = {
            "Content-Type": f"application/fhir+json{version}",
            "Authorization": f"Bearer {_token(named['site'])}",
        }
        try:
            async with self._session.post(self._url, data=message.value, headers=headers) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return False
        if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NeverTakenError(f"the intake refuses a sound resource: HTTP {answer.status}")
        return answer.status < HTTPStatus.BAD_REQUEST


class Reader:
    """Reads a page of the console again and again, logging in anew where that is asked."""

    def __init__(self, port: int) -> None:
        self._origin = f"http://127.0.0.1:{port}"
        self.read = 0
        """Pages that came whole."""

    async def run(self) -> None:
        """Until cancelled."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(timeout=ANSWER_SECONDS, cookie_jar=jar) as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    self.read += await self._has_read(session)
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _has_read(self, session: aiohttp.ClientSession) -> bool:
        async with session.get(self._origin + _PAGE, allow_redirects=False) as answer:
            text = await answer.text()
        if answer.status == HTTPStatus.OK:
            return "</html>" in text
        form: dict[str, Any] = {"data": {"person": _PERSON}, "headers": {"Origin": self._origin}}
        async with session.post(f"{self._origin}/login/development", allow_redirects=False, **form) as login:
            await login.read()
        return False


def _token(site: str) -> str:
    return f"a token of {site} for the faults"
