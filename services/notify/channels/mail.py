"""Mail: builds the message and hands it to the SMTP server, or keeps it in the mailbox of a development installation.

Decides what a server's refusal means; the words are of `wording`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final, Protocol
from urllib.parse import SplitResult, unquote, urlsplit
from uuid import UUID

import aiosmtplib

from services.notify import wording
from services.notify.directory import Directory, Recipient
from services.notify.identities import Identities
from services.notify.messages import Answer, Outgoing
from services.notify.notices import delivery_id
from shared.runtime import logs
from shared.runtime.clock import wall
from shared.runtime.postgres import UNREACHABLE, Pool, queries

LIMIT: Final = 8
"""Connections to the mail server."""
_PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True)
class Letter:
    """A mail with everything it is kept or sent by."""

    message_id: UUID
    recipient: Recipient
    address: str
    mail: wording.Mail
    message: EmailMessage


class Carrier(Protocol):
    """Who takes a letter."""

    async def take(self, letter: Letter) -> Answer:
        """Take it or not; never raises."""
        ...


class MailChannel:
    """Writes letters and hands them over."""

    limit = LIMIT
    batch = 1

    def __init__(
        self, directory: Directory, carrier: Carrier, identities: Identities, sender: str, console_url: str
    ) -> None:
        self._identities = identities
        self._directory = directory
        self._carrier = carrier
        self._sender = sender
        self._console_url = console_url

    def use(self, directory: Directory) -> None:
        """Go by another recipients file from the next mail on."""
        self._directory = directory

    async def send(self, message: Sequence[Outgoing]) -> Answer:
        """Send one notice, or all of a digest, as one mail."""
        first = message[0]
        recipient = self._directory.recipients.get(first.recipient)
        if recipient is None or recipient.email is None:
            return Answer(False, "the recipients file has no such address any more", is_final=True)
        known = await self._identities.add(message, recipient)
        return await self._carrier.take(self.letter(known, recipient, recipient.email))

    def letter(self, message: Sequence[Outgoing], recipient: Recipient, address: str) -> Letter:
        """The mail; its Message-ID is the delivery's id, so that a repeat can be recognised."""
        first = message[0]
        is_digest = first.mode == "digest"
        make = wording.digest(message, recipient.zone, self._console_url) if is_digest else None
        mail = make or wording.one(first, recipient.zone, self._console_url)
        built = EmailMessage(policy=SMTP)
        built["From"] = Address("Graftwatch", addr_spec=self._sender)
        built["To"] = Address(recipient.name, addr_spec=address)
        built["Subject"] = mail.subject
        built["Date"] = format_datetime(wall())
        built["Message-ID"] = self._reference(first.message_id)
        if not is_digest and (earlier := _earlier(first)) is not None:
            built["In-Reply-To"] = self._reference(earlier)
            built["References"] = self._reference(earlier)
        built["Auto-Submitted"] = "auto-generated"
        built["X-Graftwatch-Event"] = ", ".join(str(o.notice.event_id) for o in message[:50])
        built.set_content(mail.text, cte="quoted-printable")
        built.add_alternative(mail.html, subtype="html", cte="quoted-printable")
        return Letter(first.message_id, recipient, address, mail, built)

    def _reference(self, message_id: UUID) -> str:
        return f"<{message_id}@{self._sender.partition('@')[2]}>"


def _earlier(outgoing: Outgoing) -> UUID | None:
    """The mail that this one belongs under."""
    if outgoing.corrected is not None:
        return outgoing.corrected.delivery_id
    if outgoing.follows is not None:
        return delivery_id(outgoing.recipient, outgoing.channel, outgoing.follows)
    return None


class Mailbox:
    """Keeps letters in the database, for the console to show: development only."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._sql = queries("notify_mailbox")

    async def take(self, letter: Letter) -> Answer:
        """Keep it; a repeat of the same id is counted."""
        kept = (letter.message_id, letter.recipient.id, letter.address, letter.mail.subject, letter.mail.text)
        try:
            await self._pool.execute(self._sql["keep"], *kept, letter.mail.html, letter.message.as_bytes())
        except UNREACHABLE as error:
            return Answer(False, f"mailbox: {type(error).__name__}", endpoint_failed=True)
        return Answer(True, "kept in the mailbox")


class SmtpServer:
    """Hands letters to an SMTP server over a few connections that are kept open."""

    def __init__(self, url: str, seconds: float, tls: ssl.SSLContext | None = None) -> None:
        self._url = urlsplit(url)
        self._seconds = seconds
        self._tls = tls
        self._idle: list[aiosmtplib.SMTP] = []

    async def take(self, letter: Letter) -> Answer:
        """Send it; says what the server answered, by its code."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._sent(letter)
        except TimeoutError:
            return Answer(False, f"mail server: no answer within {self._seconds:g} s", endpoint_failed=True)

    async def close(self) -> None:
        """Say goodbye on each connection."""
        while self._idle:
            client = self._idle.pop()
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await client.quit(timeout=2)
            client.close()

    async def _sent(self, letter: Letter) -> Answer:
        client = None
        try:
            client = await self._connected()
            await client.send_message(letter.message, sender=_bare(letter.message["From"]), recipients=[letter.address])
        except Exception as error:
            if client is not None:
                client.close()
            return _refusal(error)
        except BaseException:
            if client is not None:
                client.close()
            raise
        self._idle.append(client)
        return Answer(True, "the mail server took it")

    async def _connected(self) -> aiosmtplib.SMTP:
        while self._idle:
            client = self._idle.pop()
            if client.is_connected:
                return client
        client = _client(self._url, self._seconds, self._tls)
        await client.connect()
        return client


def _client(url: SplitResult, seconds: float, tls: ssl.SSLContext | None) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=url.hostname,
        port=url.port or _PORTS[url.scheme],
        username=unquote(url.username) if url.username else None,
        password=unquote(url.password) if url.password else None,
        use_tls=url.scheme == "smtps",
        start_tls=url.scheme == "smtp+starttls",
        tls_context=tls,
        timeout=seconds,
    )


def _refusal(error: Exception) -> Answer:
    """What a failure means. The server's words are left out: they quote addresses."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            code = next((e.code for e in error.recipients), 0)
            return Answer(False, f"mail server: {code} for this recipient")
        case aiosmtplib.SMTPAuthenticationError():
            return Answer(False, f"mail server: {error.code}, it does not know us", endpoint_failed=True)
        case aiosmtplib.SMTPDataError() if error.code >= 500:
            return Answer(False, f"mail server: {error.code} for this message")
        case aiosmtplib.SMTPResponseException():
            return Answer(False, f"mail server: {error.code}", endpoint_failed=True)
        case ssl.SSLError() | aiosmtplib.SMTPException(__cause__=ssl.SSLError()):
            says = "mail server: certificate not trusted, or no TLS"
            return Answer(False, says, endpoint_failed=True, is_untrusted=True)
        case aiosmtplib.SMTPException() | OSError():
            return Answer(False, f"mail server: {type(error).__name__}", endpoint_failed=True)
        case _:
            logs.logger(__name__).error("mail-failed", error=logs.where(error))
            return Answer(False, f"could not be written: {logs.where(error)}")


def _bare(header: object) -> str:
    addresses: Sequence[Address] = getattr(header, "addresses", ())
    return addresses[0].addr_spec
