"""Opens what an administrator's command needs of an installation: database, today's reader, hints. Decides nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import asyncpg
from aiokafka.errors import KafkaError

from services.cli import installation
from services.cli.stack import current, external
from services.ingest import batch
from services.ingest.reader import Reader
from services.ingest.replay import Replay
from services.ingest.store import Ingest
from shared import sites as site_files
from shared import topics
from shared.fhir.keys import HmacKeys
from shared.protocol import load as protocol_files
from shared.runtime import crosswalk, hints, kafka, postgres
from shared.runtime.feed_store import DeadLetter
from shared.runtime.hints import Hint
from shared.runtime.kafka_access import OPEN, Security
from shared.sites import ConfigurationError

T = TypeVar("T")


@dataclass(frozen=True)
class Installed:
    """Where an installation is, and which files it is configured by."""

    home: Path
    sites: Path
    protocols: Path | None

    def keys(self) -> HmacKeys:
        """The pseudonyms of this installation."""
        return HmacKeys(installation.pseudonym_key(self.home).encode())

    def reader(self) -> Reader:
        """A reader with the sites and protocols of today."""
        scope = protocol_files.scope(protocol_files.load(self.protocols).values())
        return Reader(site_files.load(self.sites), scope, self.keys())

    async def replay(self, pool: postgres.Pool) -> Replay:
        """The replay of this installation, on connections that act as ingest; refused where the key is another's."""
        return Replay(await self.ingest(pool), pool)

    async def ingest(self, pool: postgres.Pool) -> Ingest:
        """An ingest by the files of today, on connections that act as it; refused where a key is another's."""
        reader, vault = self.reader(), installation.vault(self.home)
        await crosswalk.admit(pool, vault, reader.keys)
        return Ingest(reader, pool, vault)

    async def tell(self, told: Sequence[Hint], letters: Sequence[DeadLetter]) -> bool:
        """Send hints, and pointers to new dead letters; False where no broker answers: the services look by themselves."""
        broker = self._broker()
        if broker is None or not (told or letters):
            return broker is not None
        try:
            producer = await kafka.producer(*broker)
        except ConfigurationError:
            return False
        try:
            for h in told:
                await producer.send_and_wait(topics.TIMELINE_CHANGES.name, hints.encode(h), str(h.patient).encode())
            for d in letters:
                await producer.send_and_wait(topics.DEAD_LETTERS.name, batch.pointer(d), str(d.dead_letter).encode())
        except KafkaError:
            return False
        finally:
            await producer.stop()
        return True

    def _broker(self) -> tuple[str, Security] | None:
        stated = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
        if stated:
            return stated, external.security()
        stack = current(self.home)
        return (stack.bootstrap_servers, OPEN) if stack else None


def on_database(home: Path, work: Callable[[postgres.Pool], Awaitable[T]], role: str = "ingest") -> T:
    """What some work on the database of this home gives; as ingest it may read and write what holds identifiers."""

    async def worked(url: str) -> T:
        async with await postgres.connect(url, role, size=2) as pool:
            try:
                return await work(pool)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError) as error:
                if not postgres.may_pass(error):
                    raise
                says = f"the database did not finish it ({type(error).__name__}): what it had finished stands; run it again"
            raise ConfigurationError(f"{says}, an erasure by `graftwatch erase --resume`")

    with installation.database(home.resolve()) as url:  # it may have to start the database, and no event loop runs yet
        return asyncio.run(worked(url))
