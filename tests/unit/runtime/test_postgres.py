"""Which errors of Postgres pass by themselves: then the same is tried again, and nobody's record is to blame."""

from __future__ import annotations

import asyncpg
import pytest

from shared.runtime import postgres


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.DiskFullError('could not extend file "base/5/1": No space left on device'),
        asyncpg.InternalServerError('could not extend file "base/5/1": File too large'),
        asyncpg.InternalServerError('could not write to file "base/pgsql_tmp/1": Disk quota exceeded'),
        asyncpg.PostgresIOError('could not read block 1 in file "base/5/1": Input/output error'),
        asyncpg.CannotConnectNowError("the database system is in recovery mode"),
        asyncpg.InvalidPasswordError('password authentication failed for user "graftwatch_ingest"'),
        asyncpg.InvalidAuthorizationSpecificationError('role "graftwatch_ingest" is not permitted to log in'),
        asyncpg.InvalidCatalogNameError('database "hospital" does not exist'),
        asyncpg.LockNotAvailableError("canceling statement due to lock timeout"),
        asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
        ConnectionResetError(),
        TimeoutError(),
    ],
    ids=repr,
)
def test_trouble_of_the_server_may_pass(error: Exception) -> None:
    """A full disk, a quota, a limit of the size of files, a restart, a lost connection, a login that is refused for now."""
    assert postgres.may_pass(error)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InternalServerError("cache lookup failed for type 1"),
        asyncpg.CheckViolationError("refused"),
        asyncpg.UntranslatableCharacterError("\\u0000 cannot be converted to text"),
        ValueError(),
    ],
    ids=repr,
)
def test_trouble_of_a_record_does_not(error: Exception) -> None:
    """What would fail again however often it is tried must not hold up the feed."""
    assert not postgres.may_pass(error)
