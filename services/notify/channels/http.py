"""Posts to other machines, with bounds on time, answers, addresses and redirects. Decides what an answer means."""

from __future__ import annotations

import asyncio
import email.utils
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, Self

import aiohttp

from services.notify.addresses import Addresses, AddressRefusedError, GuardedResolver
from services.notify.messages import Answer
from shared.runtime import certificates
from shared.runtime.clock import wall

_MOST_HEADER_BYTES: Final = 8_190
_LONGEST_WAIT: Final = 24 * 60 * 60
_GONE: Final = 410
_BUSY: Final = frozenset({408, 425, 429})
USER_AGENT: Final = "Graftwatch-Notify/1"


@dataclass(frozen=True)
class Post:
    """One request."""

    url: str
    body: bytes
    headers: Mapping[str, str]
    seconds: float


class Poster:
    """Two client sessions, one for https and one for plain http, which may reach other addresses."""

    def __init__(self, addresses: Addresses, ca_file: Path | None = None) -> None:
        self._addresses = addresses
        self.tls = certificates.trusting(ca_file, "GRAFTWATCH_NOTIFY_CA_FILE")
        """Whom to trust; mail servers too."""
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        for scheme in ("https", "http"):
            connector = aiohttp.TCPConnector(
                resolver=GuardedResolver(self._addresses, is_plain=scheme == "http"),
                ssl=self.tls,
                limit=0,
                ttl_dns_cache=30,
            )
            self._sessions[scheme] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                max_line_size=_MOST_HEADER_BYTES,
                max_field_size=_MOST_HEADER_BYTES,
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._sessions.values():
            await session.close()

    async def post(self, post: Post) -> Answer:
        """Send it; what became of it, in words without the address. The answer's body is not read."""
        try:
            self._addresses.check_url(post.url)
            return await self._posted(post)
        except AddressRefusedError as error:
            return Answer(False, f"address refused: {error}", endpoint_failed=True)
        except aiohttp.ClientConnectorCertificateError:
            return replace(_failed("certificate not trusted"), is_untrusted=True)
        except aiohttp.ClientSSLError:
            return _failed("no TLS connection")
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, AddressRefusedError)
            return _failed(f"address refused: {error.os_error}" if refused else "no connection")
        except TimeoutError:
            return _failed(f"no answer within {post.seconds:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _failed(f"no answer: {type(error).__name__}")

    async def _posted(self, post: Post) -> Answer:
        session = self._sessions[post.url.partition(":")[0]]
        headers = {"User-Agent": USER_AGENT, **post.headers}
        timeout = aiohttp.ClientTimeout(total=post.seconds)
        # The whole of it: a server may send headers without end, one at a time.
        async with (
            asyncio.timeout(post.seconds),
            session.post(post.url, data=post.body, headers=headers, allow_redirects=False, timeout=timeout) as response,
        ):
            return answer_of(response.status, response.headers.get("Retry-After"))


def answer_of(status: int, retry_after: str | None = None) -> Answer:
    """What a status means: 2xx is taken; 410 never will be; a redirect is not followed; the rest is tried again."""
    if 200 <= status < 300:
        return Answer(True, f"answered {status}")
    answer = Answer(False, f"answered {status}", retry_after=_asked(retry_after))
    if status == _GONE:
        return replace(answer, says="answered 410: it wants no more of this", is_final=True)
    if 300 <= status < 400:
        return replace(answer, says=f"answered {status}: redirects are not followed", endpoint_failed=True)
    return replace(answer, endpoint_failed=status >= 500 or status in _BUSY)


def _failed(says: str) -> Answer:
    return Answer(False, says, endpoint_failed=True)


def _asked(retry_after: str | None) -> timedelta | None:
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return timedelta(seconds=min(int(retry_after), _LONGEST_WAIT))
    try:
        until = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(timedelta(0), until - wall()) if until.tzinfo is not None else None
