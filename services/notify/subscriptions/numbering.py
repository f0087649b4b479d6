"""Gives the events of each subscription their numbers, in the transaction that decides about them. Decides by `matching`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from services.notify.directory import Directory
from services.notify.notices import Notice, delivery_id
from services.notify.subscriptions.matching import matches
from services.notify.subscriptions.model import Subscription
from services.notify.subscriptions.store import Subscriptions
from shared.runtime.postgres import Connection, Pool


@dataclass(frozen=True)
class Told:
    """An event, and the one that it corrects."""

    notice: Notice
    corrects: UUID | None


@dataclass(frozen=True)
class Numbered:
    """A delivery of a subscription."""

    delivery_id: UUID
    event_id: UUID
    recipient: str
    endpoint: str
    corrects: UUID | None
    number: int


class Numbering:
    """Numbers events; subscriptions in the order of their ids, so that two deciders never wait in a circle."""

    def __init__(self, pool: Pool, directory: Directory) -> None:
        self._store = Subscriptions(pool)
        self._directory = directory

    def use(self, directory: Directory) -> None:
        """Go by another recipients file from now on."""
        self._directory = directory

    async def number(self, connection: Connection, notices: Mapping[UUID, Told]) -> list[Numbered]:
        """The deliveries of these events, numbered on from the last; a correction reaches whoever was told what it corrects."""
        found: list[Numbered] = []
        for subscription in await self._store.live(connection):
            corrects = {
                e: delivery_id(subscription.recipient, "fhir", t.corrects) for e, t in notices.items() if t.corrects
            }
            told = await self._store.existing(connection, list(corrects.values()))
            of = [t.notice for e, t in notices.items() if corrects.get(e) in told or self._matches(subscription, t)]
            if not of:
                continue
            last = await self._store.count_events(connection, subscription.subscription_id, len(of))
            if last is None:
                continue
            for number, notice in enumerate(of, start=last - len(of) + 1):
                made_of = delivery_id(subscription.recipient, "fhir", notice.event_id)
                corrected = corrects.get(notice.event_id)
                found.append(
                    Numbered(
                        delivery_id=made_of,
                        event_id=notice.event_id,
                        recipient=subscription.owner,
                        endpoint=subscription.endpoint,
                        corrects=corrected if corrected in told else None,
                        number=number,
                    )
                )
        return found

    def _matches(self, subscription: Subscription, told: Told) -> bool:
        return matches(subscription, told.notice, self._directory)
