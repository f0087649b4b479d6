"""A migrated database of the console's own: each test uses patients of its own, for the audit is never emptied."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.cli.stack import Stack
from services.console.console import Console
from tests.support import console as consoles
from tests.support import database as databases
from tests.support.database import Database


@pytest.fixture(scope="session")
async def own(stack: Stack) -> AsyncIterator[Database]:
    """The database."""
    made = await databases.create(stack.database_url, databases.TEMPLATE)
    yield made
    await databases.drop(stack.database_url, made)


@pytest.fixture
async def console(own: Database) -> AsyncIterator[Console]:
    """A console on it, without a broker."""
    async with consoles.running(own) as made:
        yield made
