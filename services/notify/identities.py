"""The hospital's patient id, for recipients that are configured to have it: opened with the crosswalk's key, never kept.

Only where both the recipient's entry and GRAFTWATCH_NOTIFY_IDENTIFIERS say so; a key that does not open it leaves the pseudonym.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from services.notify.directory import Recipient
from services.notify.messages import Outgoing
from shared.runtime import logs
from shared.runtime.postgres import Pool, queries
from shared.runtime.sealing import Unsealable, Vault, place

log = logs.logger(__name__)


class Identities:
    """Opens the crosswalk for one recipient's messages."""

    def __init__(self, pool: Pool, vault: Vault | None) -> None:
        self._pool = pool
        self._vault = vault
        self._sql = queries("notify_identity")

    async def add(self, message: Sequence[Outgoing], recipient: Recipient) -> Sequence[Outgoing]:
        """The message with the hospital's ids, where this recipient is to have them."""
        if self._vault is None or not recipient.identifiers:
            return message
        found = {p: await self._hospital_patient(p) for p in {o.notice.patient for o in message}}
        return [replace(o, hospital_patient=found[o.notice.patient]) for o in message]

    async def _hospital_patient(self, patient: UUID) -> str | None:
        row = await self._pool.fetchrow(self._sql["sealed_patient"], patient)
        if row is None or self._vault is None:
            return None
        try:
            opened = self._vault.open(row["patient_id"], place("patient_id", patient)).decode()
        except Unsealable as error:
            log.warning("identifier-left-out", says=str(error))
            return None
        return f"{row['site']}/{opened}"
