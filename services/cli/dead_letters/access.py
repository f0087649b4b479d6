"""Opens what an administrator's command needs of an installation: database, today's reader, hints. Decides nothing."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.errors import KafkaError

from services.cli import installation
from services.cli.stack import current
from services.ingest import batch
from services.ingest.reader import Reader
from services.ingest.replay import Replay
from services.ingest.store import Ingest
from shared import sites as site_files
from shared import topics
from shared.fhir.keys import HmacKeys
from shared.protocol import load as protocol_files
from shared.runtime import hints, kafka, postgres
from shared.runtime.feed_store import DeadLetter
from shared.runtime.hints import Hint
from shared.sites import ConfigurationError


@dataclass(frozen=True)
class Installed:
    """Where an installation is, and which files it is configured by."""

    home: Path
    sites: Path
    protocols: Path | None

    def keys(self) -> HmacKeys:
        """The pseudonyms of this installation."""
        return HmacKeys(installation.pseudonym_key(self.home).encode())

    def reader(self) -> tuple[Reader, str]:
        """A reader with the sites and protocols of today, and the hash of what they ask for."""
        scope = protocol_files.scope(protocol_files.load(self.protocols).values())
        return Reader(site_files.load(self.sites), scope, self.keys()), scope.hash

    def replay(self, pool: postgres.Pool) -> Replay:
        """The replay of this installation, on connections that act as ingest."""
        reader, scope_hash = self.reader()
        return Replay(Ingest(reader, pool, scope_hash), pool)

    async def tell(self, told: Sequence[Hint], letters: Sequence[DeadLetter]) -> bool:
        """Send hints, and pointers to new dead letters; False where no broker answers: the services look by themselves."""
        servers = self._servers()
        if servers is None or not (told or letters):
            return servers is not None
        try:
            producer = await kafka.producer(servers)
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

    def _servers(self) -> str | None:
        stated = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
        stack = None if stated else current(self.home)
        return stated or (stack.bootstrap_servers if stack else None)


@asynccontextmanager
async def as_ingest(url: str) -> AsyncIterator[postgres.Pool]:
    """Connections that may read and write what holds identifiers."""
    async with await postgres.connect(url, "ingest", size=2) as pool:
        yield pool
