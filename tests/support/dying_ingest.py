"""The ingest service, under a group of its own: killed between its transaction and its hints, or refused its commits.

Run as `python -m tests.support.dying_ingest GROUP [die|uncommitted]`. Decides nothing else.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaTimeoutError

from services.ingest import app
from services.ingest.telling import Telling


async def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _refuse(*_: Any) -> None:
    raise KafkaTimeoutError


def main(group: str, *flags: str) -> None:
    """Run ingest."""
    app.GROUP = group  # type: ignore[misc] # each test is a group of its own
    if "die" in flags:
        Telling.tell = _die  # type: ignore[assignment,method-assign] # the moment after the commit
    if "uncommitted" in flags:
        AIOKafkaConsumer.commit = _refuse  # as while the broker's coordinator is away
    app.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
