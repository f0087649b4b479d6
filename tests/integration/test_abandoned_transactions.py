"""A service that is frozen in the middle of a transaction: its locks end, and its successor goes on."""

from __future__ import annotations

import pytest

from shared.runtime import postgres
from tests.support.database import Database, eventually

LOCK = "LOCK TABLE timeline.feed_position IN EXCLUSIVE MODE"


async def test_locks_of_a_frozen_service_end_by_themselves(database: Database) -> None:
    """Every session has a limit of idling in a transaction; after it another has the lock, and the first one tries again."""
    async with await postgres.connect(database.url, "ingest", size=2) as pool:
        async with pool.acquire() as frozen:
            limit = await frozen.fetchval("SHOW idle_in_transaction_session_timeout")
            assert limit == "5min"
            await frozen.execute("SET idle_in_transaction_session_timeout = '100ms'")
            begun = frozen.transaction()
            await begun.start()
            await frozen.execute(LOCK)

            async def taken_over() -> bool:
                async with pool.acquire() as successor, successor.transaction():
                    await successor.execute("SET LOCAL lock_timeout = '5s'")
                    await successor.execute(LOCK)
                    return True

            assert await eventually(taken_over)
            with pytest.raises(postgres.UNREACHABLE):
                await frozen.execute("SELECT 1")
        assert await pool.fetchval("SELECT 1") == 1
