"""The ways out of one process: which channel an endpoint is served by, as configured. Decides nothing else."""

from __future__ import annotations

from uuid import UUID

from services.notify.channels.http import Poster
from services.notify.channels.mail import Carrier, Mailbox, MailChannel, SmtpServer
from services.notify.channels.webhook import WebhookChannel
from services.notify.directory import Directory
from services.notify.identities import Identities
from services.notify.messages import Channel
from services.notify.notices import EMAIL, IN_ORDER
from services.notify.subscriptions.channel import FhirChannel, Gone, Hook
from services.notify.subscriptions.store import Subscriptions
from shared.runtime.notify_settings import NotifySettings
from shared.runtime.postgres import Pool


class Ways:
    """Mail, webhooks, FHIR notifications."""

    def __init__(self, directory: Directory, pool: Pool, settings: NotifySettings, poster: Poster, base: str) -> None:
        self.subscriptions = Subscriptions(pool)
        self.hook = Hook(poster, base, settings.answer_seconds)
        self._server: SmtpServer | None = None
        if settings.smtp_url is not None:
            self._server = SmtpServer(settings.smtp_url.get_secret_value(), settings.answer_seconds, poster.tls)
        carrier: Carrier = self._server or Mailbox(pool)
        identities = Identities(pool, settings.vault)
        self._mail = MailChannel(directory, carrier, identities, settings.mail_from, settings.console_url)
        self._webhook = WebhookChannel(directory, poster, identities, settings.in_flight, settings.answer_seconds)

    def use(self, directory: Directory) -> None:
        """Go by another recipients file from now on."""
        self._mail.use(directory)
        self._webhook.use(directory)

    async def channel(self, endpoint: str) -> Channel:
        """The channel of an endpoint."""
        if endpoint == EMAIL:
            return self._mail
        if not endpoint.startswith(IN_ORDER):
            return self._webhook
        wanted = UUID(endpoint.removeprefix(IN_ORDER))
        for subscription in await self.subscriptions.live():
            if subscription.subscription_id == wanted:
                return FhirChannel(subscription, self.hook, self.subscriptions)
        return Gone()

    async def close(self) -> None:
        """Leave the mail server."""
        if self._server is not None:
            await self._server.close()
