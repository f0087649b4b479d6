"""A service that is frozen in the middle of a transaction: its locks end, and its successor goes on."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from urllib.parse import urlsplit

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


async def test_a_session_whose_end_is_still_under_way_is_tried_again(database: Database) -> None:
    """The server has ended it and said so, its closing has not arrived: a statement then must count as an outage."""
    said, address = asyncio.Event(), database.url

    async def forward(client: StreamReader, back: StreamWriter) -> None:
        """Pass everything on, but not that the server closes a session that it has ended."""
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(address).port)

        async def upwards() -> None:
            while part := await client.read(65_536):
                writer.write(part)
            writer.close()

        async def downwards() -> None:
            ended = False
            while part := await reader.read(65_536):
                back.write(part)
                ended = ended or b"57P01" in part
            if ended:
                said.set()
            else:
                back.close()

        async with asyncio.TaskGroup() as ways:
            ways.create_task(upwards())
            ways.create_task(downwards())
        back.close()

    front = await asyncio.start_server(forward, "127.0.0.1", 0)
    port = front.sockets[0].getsockname()[1]
    try:
        behind = address.replace(f":{urlsplit(address).port}/", f":{port}/")
        async with await postgres.connect(behind, "ingest", size=1) as pool:
            async with pool.acquire() as ended:
                pid = await ended.fetchval("SELECT pg_backend_pid()")
                assert await database.value("SELECT pg_terminate_backend($1)", pid)
                await said.wait()
                with pytest.raises(postgres.UNREACHABLE):
                    await ended.execute("SELECT 1")
            assert await pool.fetchval("SELECT 1") == 1
    finally:
        front.close()
