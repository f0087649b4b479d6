"""Keeps subscriptions alive: the handshake until it is answered, heartbeats, the end. When to try again says `patience`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from services.notify import patience
from services.notify.subscriptions.bundles import Notification
from services.notify.subscriptions.channel import Hook
from services.notify.subscriptions.model import Subscription
from services.notify.subscriptions.store import Subscriptions
from shared.runtime import logs

log = logs.logger(__name__)
_LOOK_SECONDS: Final = 1.0


class Keeper:
    """Handshakes and heartbeats; each subscription on its own, so that one that hangs delays no other."""

    def __init__(self, store: Subscriptions, hook: Hook, longest: timedelta, is_leading: Callable[[], bool]) -> None:
        self._store = store
        self._hook = hook
        self._longest = longest
        self._is_leading = is_leading
        self._under_way: dict[UUID, asyncio.Task[None]] = {}
        self.answered: Callable[[], None] = lambda: None
        """Called after a handshake that was answered: what waits for it may go out."""

    async def run(self) -> None:
        """Look every second, while this process is the one that sends."""
        try:
            while True:
                if self._is_leading():
                    await self._look()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            for task in self._under_way.values():
                task.cancel()

    async def _look(self) -> None:
        try:
            for subscription_id in await self._store.ended():
                await self._store.switch_off(subscription_id, "its end has come")
            for subscription in await self._store.handshake_due():
                self._begin(subscription, self._handshake)
            for subscription in await self._store.heartbeat_due():
                self._begin(subscription, self._heartbeat)
        except Exception as error:
            log.warning("subscriptions-not-kept", error=logs.where(error))

    def _begin(self, subscription: Subscription, work: Callable[[Subscription], Awaitable[None]]) -> None:
        key = subscription.subscription_id
        if key not in self._under_way:
            self._under_way[key] = asyncio.create_task(self._until_done(key, work(subscription)))

    async def _until_done(self, key: UUID, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            log.warning("subscription-not-kept", subscription=str(key), error=logs.where(error))
        finally:
            self._under_way.pop(key, None)

    async def _handshake(self, s: Subscription) -> None:
        at = await self._store.now()
        answer = await self._hook.post(Notification(s, self._hook.of(s), "handshake", at))
        if answer.accepted:
            await self._store.answered(s)
            self.answered()
            return
        due_at = patience.next_attempt(s.subscription_id, s.handshakes + 1, 0, s.asked_at, at, self._longest)
        if due_at is None or answer.is_final:
            await self._store.switch_off(s.subscription_id, answer.says, s.asked_at)
        else:
            await self._store.failed(s, answer.says, due_at)

    async def _heartbeat(self, s: Subscription) -> None:
        at = await self._store.now()
        answer = await self._hook.post(Notification(s, self._hook.of(s), "heartbeat", at))
        if not answer.accepted:
            await self._store.failed(s, answer.says)
        else:
            await self._store.answered(s)
