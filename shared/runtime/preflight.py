"""What a service needs of others before it begins: a database and a broker that answer. Decides nothing else."""

from __future__ import annotations

from shared.runtime import kafka, postgres
from shared.runtime.settings import Settings
from shared.sites import ConfigurationError


async def reach(settings: Settings, name: str) -> None:
    """Refuse to start without a database and a broker that answer; says so of both at once."""
    faults: list[str] = []
    try:
        pool = await postgres.connect(settings.database_url.get_secret_value(), name, size=1)
        await pool.close()
    except ConfigurationError as error:
        faults.append(str(error))
    try:
        producer = await kafka.producer(settings.kafka_bootstrap_servers, settings.kafka_security)
        await producer.stop()
    except ConfigurationError as error:
        faults.append(str(error))
    if faults:
        raise ConfigurationError("\n".join(faults))
