"""The migrator: brings a database to this version's schema and registers the protocols in force. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg

from shared.protocol.load import protocol_hash
from shared.protocol.model import Protocol
from shared.runtime import migrations
from shared.runtime.reaching import reach


async def migrate(
    url: str, protocols: Mapping[str, Protocol], phase: migrations.Phase | None = None, *, force: bool = False
) -> list[str]:
    """Apply what the schema lacks, then register each protocol by its hash; the names of what was applied."""
    applied = await migrations.apply(url, phase, force=force)
    if phase == "post":
        return applied
    connection = await reach(url, lambda: asyncpg.connect(url))
    try:
        await connection.executemany(
            "INSERT INTO protocol.protocol (protocol, hash, version, content) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT DO NOTHING",
            [(p.id, protocol_hash(p), p.version, p.model_dump_json()) for p in protocols.values()],
        )
    finally:
        await connection.close()
    return applied
