"""Who may do what on a Kafka that denies by default: exactly what the table of access says, and nobody else anything."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

from services.cli.status import surroundings
from shared import access, topics
from shared.runtime import kafka
from shared.sites import ConfigurationError
from tests.support.kafka_cluster import ADMIN, HOSPITAL, OUTSIDER, Cluster

_ANSWER_S = 20.0


@pytest.mark.parametrize("service", access.SERVICES)
async def test_a_service_writes_its_own_topics_and_no_other(cluster: Cluster, service: str) -> None:
    """Every topic is tried: those of the table take the record, all others refuse it."""
    security = cluster.settings(access.principal(service)).kafka_security
    producer = await kafka.producer(cluster.bootstrap_servers, security)
    try:
        taken = {t.name for t in topics.ALL if await _takes(producer, t.name)}
    finally:
        await producer.stop()
    assert taken == {t.name for t in topics.ALL if service in t.producers}


@pytest.fixture(scope="module")
async def filled(cluster: Cluster) -> Cluster:
    """A record in every topic, so that whoever may read it gets one."""
    producer = await kafka.producer(cluster.bootstrap_servers, cluster.settings(ADMIN).kafka_security)
    try:
        assert all([await _takes(producer, t.name) for t in topics.ALL])
    finally:
        await producer.stop()
    return cluster


@pytest.mark.parametrize("service", access.SERVICES)
async def test_a_service_reads_its_own_topics_and_no_other(filled: Cluster, service: str) -> None:
    """Every topic is tried: those of the table are read, all others refuse."""
    options = filled.settings(access.principal(service)).kafka_security.client_options()
    read = {t.name for t in topics.ALL if await _reads(filled, t.name, options)}
    assert read == {t.name for t in topics.ALL if service in t.consumers}


async def test_status_is_well_for_the_operator_and_says_what_a_service_may_not_see(filled: Cluster) -> None:
    """As the operator it sees every topic and where it ends; as a service it does not call the others missing."""
    names = {t.name for t in topics.ALL}
    operator = filled.settings(access.principal(access.OPERATOR)).kafka_security
    found, ends = await surroundings.broker(filled.bootstrap_servers, operator, names)
    assert (found.state, found.todo) == ("well", "")
    assert ends is not None
    assert {tp.topic for tp, (begin, end) in ends.items() if end > begin} == names
    service = filled.settings(access.principal("ingest")).kafka_security
    found, _ = await surroundings.broker(filled.bootstrap_servers, service, names)
    assert "missing, or KAFKA_SASL_USERNAME graftwatch-ingest may not Describe them: response-assessments" in found.says


async def test_the_operator_sees_and_touches_nothing(filled: Cluster) -> None:
    """Every topic is tried: no record is read, none is taken."""
    security = filled.settings(access.principal(access.OPERATOR)).kafka_security
    producer = await kafka.producer(filled.bootstrap_servers, security)
    try:
        assert not any([await _takes(producer, t.name) for t in topics.ALL])
    finally:
        await producer.stop()
    assert not any([await _reads(filled, t.name, security.client_options()) for t in topics.ALL])


async def test_a_service_cannot_join_the_group_of_another(cluster: Cluster) -> None:
    """Else it could take partitions from it, and with them records."""
    security = cluster.settings(access.principal("eligibility")).kafka_security
    consumer = AIOKafkaConsumer(
        topics.TIMELINE_CHANGES.name,
        bootstrap_servers=cluster.bootstrap_servers,
        group_id=access.principal("safety"),
        **security.client_options(),
    )
    with pytest.raises(GroupAuthorizationFailedError):
        await asyncio.wait_for(_first(consumer), _ANSWER_S)
    await consumer.stop()


async def test_who_has_no_right_gets_nothing(cluster: Cluster) -> None:
    """A user that the brokers know, and to whom nothing was granted."""
    producer = await kafka.producer(cluster.bootstrap_servers, cluster.settings(OUTSIDER).kafka_security)
    try:
        assert not any([await _takes(producer, t.name) for t in topics.ALL])
    finally:
        await producer.stop()


async def test_a_wrong_password_is_said_to_be_one(cluster: Cluster) -> None:
    """The error names user and mechanism as what to look at, and not the password."""
    settings = cluster.settings(HOSPITAL, KAFKA_SASL_PASSWORD="hidden-word")
    with pytest.raises(ConfigurationError, match="KAFKA_SASL_USERNAME with that password by SCRAM-SHA-512") as refused:
        await kafka.producer(cluster.bootstrap_servers, settings.kafka_security)
    assert "hidden-word" not in str(refused.value)


async def test_a_certificate_of_somebody_else_is_not_trusted(cluster: Cluster, tmp_path: Path) -> None:
    """Another authority than the one that issued the brokers' certificates: the error names it, not the network."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    settings = cluster.settings(HOSPITAL, KAFKA_SSL_CAFILE=str(other))
    with pytest.raises(ConfigurationError, match=r"^KAFKA_SSL_CAFILE: the broker's certificate is not trusted"):
        await kafka.producer(cluster.bootstrap_servers, settings.kafka_security)


async def test_without_encryption_nobody_is_let_in(cluster: Cluster) -> None:
    """The error asks whether the broker wants TLS or SASL."""
    with pytest.raises(ConfigurationError, match="KAFKA_SECURITY_PROTOCOL"):
        await asyncio.wait_for(kafka.producer(cluster.bootstrap_servers), _ANSWER_S)


async def _first(consumer: AIOKafkaConsumer) -> object:
    await consumer.start()
    return await consumer.getone()


async def _takes(producer: AIOKafkaProducer, topic: str) -> bool:
    try:
        async with asyncio.timeout(_ANSWER_S):
            await producer.send_and_wait(topic, b"{}", partition=0)
    except TopicAuthorizationFailedError:
        return False
    return True


async def _reads(cluster: Cluster, topic: str, options: dict[str, Any]) -> bool:
    """Whether the record at the topic's beginning is delivered; a topic that may not even be described is not."""
    consumer = AIOKafkaConsumer(bootstrap_servers=cluster.bootstrap_servers, fetch_max_wait_ms=40, **options)
    await consumer.start()
    try:
        if topic not in await consumer.topics():
            return False
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), 0)
        async with asyncio.timeout(_ANSWER_S):
            await consumer.getone()
    except TopicAuthorizationFailedError:
        return False
    finally:
        await consumer.stop()
    return True
