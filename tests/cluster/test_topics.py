"""The topics as Apache Kafka has them, described by itself, beside the table that they are made from."""

from __future__ import annotations

from typing import Any, Final

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from services.cli.stack import create_topics
from services.cli.topics import wanted
from shared import topics
from tests.support.kafka_cluster import ADMIN, Cluster

OF_ONE_SITE: Final = "north-fhir"
PARTITIONS: Final = 6
BROKERS: Final = 3


@pytest.fixture
def own(cluster: Cluster) -> str:
    """A site's own topic, made as `graftwatch topics` makes it; those of the table are there already."""
    made = wanted(PARTITIONS, BROKERS, [OF_ONE_SITE])
    security = cluster.settings(ADMIN).kafka_security
    assert create_topics(cluster.bootstrap_servers, made, security, replication=BROKERS) == [OF_ONE_SITE]
    assert create_topics(cluster.bootstrap_servers, made, security, replication=BROKERS) == []
    return OF_ONE_SITE


async def test_the_broker_describes_each_topic_as_the_table_says(cluster: Cluster, own: str) -> None:
    """Partitions, three copies on three brokers of which two must have a record, retention, size, and no compaction."""
    expected = {t.name: (t.partitions, t) for t in topics.ALL} | {own: (PARTITIONS, topics.RESOURCES)}
    admin = AIOKafkaAdminClient(
        bootstrap_servers=cluster.bootstrap_servers, **cluster.settings(ADMIN).kafka_security.client_options()
    )
    await admin.start()
    try:
        described = {d["topic"]: d["partitions"] for d in await admin.describe_topics(list(expected))}
        configured = await _configured(admin, list(expected))
    finally:
        await admin.close()
    assert set(described) == set(configured) == set(expected)
    for name, (partitions, topic) in expected.items():
        assert sorted(p["partition"] for p in described[name]) == list(range(partitions)), name
        assert all(len(set(p["replicas"])) == BROKERS for p in described[name]), name
        settings = {
            "cleanup.policy": "delete",
            "retention.ms": str(topic.retention_days * topics.DAY_MS),
            "max.message.bytes": str(topic.max_message_bytes),
            "min.insync.replicas": "2",
        }
        assert {key: configured[name][key] for key in settings} == settings, name


async def _configured(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, Any]]:
    """Every setting of these topics, the broker's defaults included."""
    found: dict[str, dict[str, Any]] = {}
    for answer in await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, n) for n in names]):
        for code, message, _, name, entries in answer.resources:
            assert code == 0, message
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found
