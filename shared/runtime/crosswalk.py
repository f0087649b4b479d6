"""Which keys a database is sealed with and pseudonymised by: refuses wrong ones, and those that are missing.

Decides nothing about what is sealed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from shared.fhir.keys import Keys
from shared.runtime import dead_letters
from shared.runtime.postgres import Connection, Pool, queries
from shared.runtime.sealing import Unsealable, Vault
from shared.sites import ConfigurationError

_VARIABLE: Final = "GRAFTWATCH_CROSSWALK_KEY"


class KeyState(msgspec.Struct, frozen=True):
    """A key that this database knows."""

    key: str
    first_used_at: datetime
    retired_at: datetime | None


async def known_keys(connection: Connection | Pool) -> list[KeyState]:
    """The keys that sealed something, oldest first."""
    rows = await connection.fetch(queries("crosswalk")["keys"])
    return [KeyState(r["key"], r["first_used_at"], r["retired_at"]) for r in rows]


async def admit(pool: Pool, vault: Vault, keys: Keys) -> None:
    """Make sure that these are the keys of this database; raises ConfigurationError naming each that is wrong or missing."""
    faults = await _wrong_keys(pool, vault) or await _wrong_pseudonyms(pool, vault, keys)
    if faults:
        raise ConfigurationError("\n".join(faults))
    await in_use(pool, vault)


async def in_use(pool: Pool, vault: Vault) -> None:
    """Say that the current key seals, at start and now and then: an ingest that was not restarted keeps an old key needed."""
    await pool.execute(queries("crosswalk")["register"], vault.current, vault.proof(vault.current))


async def _wrong_keys(pool: Pool, vault: Vault) -> list[str]:
    faults: list[str] = []
    for row in await pool.fetch(queries("crosswalk")["keys"]):
        name = row["key"]
        if name in vault.names and row["proof"] != vault.proof(name):
            faults.append(f"{_VARIABLE}: {name!r} is not the key of that name with which this database is sealed")
        elif name not in vault.names and row["retired_at"] is None:
            faults.append(
                f"{_VARIABLE}: this database is sealed with {name!r} too: give that key after the current one, until "
                "`graftwatch crosswalk rotate` has retired it"
            )
    return faults


async def _wrong_pseudonyms(pool: Pool, vault: Vault, keys: Keys) -> list[str]:
    try:
        known = await dead_letters.any_pseudonym(pool, vault)
    except Unsealable as error:
        return [f"{_VARIABLE}: {error}"]
    if known is None or keys.patient(known[0], known[1]) == known[2]:
        return []
    return [
        "GRAFTWATCH_PSEUDONYM_KEY: this database was written with another key; set the one that it was written with"
    ]
