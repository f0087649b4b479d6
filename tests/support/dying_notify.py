"""The notify service whose consumer fails for good, as for a topic that it may not read. Decides nothing else."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import TopicAuthorizationFailedError

from services.notify import app


async def _fail(*_: Any, **__: Any) -> None:
    raise TopicAuthorizationFailedError


if __name__ == "__main__":
    AIOKafkaConsumer.getmany = _fail
    app.main()
