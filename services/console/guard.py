"""The outermost layer: response headers, the size and rate of requests. Decides what a browser may load, knows no page.

No inline script or style is allowed: what a record says can at worst be shown.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
MOST_BYTES: Final = 256 * 1024
_REMEMBERED: Final = 10_000
_LOGIN: Final = "/login"
_STATIC: Final = "/static/"
_UNCOUNTED: Final = ("/health", "/alive", "/metrics", _STATIC)


class Buckets:
    """So many requests a minute for each key, in bursts of as many; the oldest keys are forgotten first."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Whether one more request is allowed now."""
        now = self._clock()
        left, since = self._left.pop(key, (self._most, now))
        left = min(self._most, left + (now - since) * self._most / 60)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)
        while len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)
        return allowed


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, cookie: str, requests: Buckets, logins: Buckets, secure: bool) -> None:
        self._app = app
        self._cookie = cookie
        self._requests = requests
        self._logins = logins
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is too large or too frequent; else pass on, and put the headers on the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._put_headers(scope["path"], MutableHeaders(scope=message))
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, answering)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if b"transfer-encoding" in headers or not length.isdigit() or int(length) > MOST_BYTES:
            return PlainTextResponse(f"Expected at most {MOST_BYTES} bytes, of a stated length.", 413)
        path = scope["path"]
        if path.startswith(_UNCOUNTED):
            return None
        address = scope["client"][0] if scope.get("client") else ""
        logging_in = path.startswith(_LOGIN) and (scope["method"] == "POST" or path != _LOGIN)
        allowed = self._logins.take(address) if logging_in else self._requests.take(self._key(headers, address))
        if allowed:
            return None
        return PlainTextResponse("Too many requests: wait a little, then try again.", 429, {"Retry-After": "10"})

    def _key(self, headers: dict[bytes, bytes], address: str) -> str:
        """A session counts by itself, so that colleagues behind one address do not hinder each other."""
        try:
            token = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(self._cookie)
        except CookieError:
            token = None
        return sha256(token.value.encode()).hexdigest() if token else address

    def _put_headers(self, path: str, headers: MutableHeaders) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if path.startswith(_STATIC):
            headers["Cache-Control"] = "public, max-age=3600"
        else:
            headers.setdefault("Cache-Control", "no-store")
        if self._secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
