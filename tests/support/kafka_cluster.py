"""Three Apache Kafka brokers in KRaft mode on this machine, with TLS, SASL/SCRAM and ACLs. Holds no rule.

Clients and brokers speak SASL_SSL with SCRAM-SHA-512, controllers among themselves TLS with certificates of both sides.
Whoever has no right is refused.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import trustme
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from cryptography.hazmat.primitives import serialization

from services.cli.stack import TopicSpec, apache, ports, processes
from services.cli.stack.broker import cluster_id, create_topics
from services.cli.stack.model import Process
from shared import access
from shared.runtime.kafka_access import KafkaSettings
from tests.support.database import eventually

NODES: Final = (1, 2, 3)
CLUSTER_ID: Final = "Z3JhZnR3YXRjaC10ZXN0cw"
ADMIN: Final = "admin"
HOSPITAL: Final = "hospital"
OUTSIDER: Final = "outsider"
"""Known to the brokers, and without any right."""
START_LIMIT_S: Final = 120.0
_RESOURCES: Final = {"topic": 2, "group": 3}
_OPERATIONS: Final = {"Read": 3, "Write": 4, "Describe": 8}
_LITERAL, _ALLOW = 3, 3
_FORMAT: Final = ("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID)


@dataclass
class Cluster:
    """The running brokers, and how a client of any name reaches them."""

    home: Path
    authority: trustme.CA
    cafile: Path
    listening: dict[int, int]
    machine: Sequence[str]
    running: dict[int, Process] = field(default_factory=dict)

    @property
    def bootstrap_servers(self) -> str:
        """All three brokers."""
        return ",".join(f"{ports.HOST}:{port}" for port in self.listening.values())

    def environment(self, user: str, **instead: str) -> dict[str, str]:
        """What a process is told to log in as this user."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SSL_CAFILE": str(self.cafile),
            "KAFKA_SASL_USERNAME": user,
            "KAFKA_SASL_PASSWORD": _password(user),
        } | instead

    def settings(self, user: str, **instead: str) -> KafkaSettings:
        """The same as settings."""
        told = self.environment(user, **instead)
        return KafkaSettings.model_validate({name.lower(): value for name, value in told.items()})

    def start(self, node: int) -> None:
        """Start one broker on its data."""
        properties = self.home / f"{node}.properties"
        self.running[node] = processes.launch(
            [*self.machine, "kafka.Kafka", str(properties)], self.home, f"kafka-{node}", processes.environment()
        )

    def kill(self, node: int) -> None:
        """End one broker as a crash would."""
        os.kill(self.running.pop(node).pid, signal.SIGKILL)

    def freeze(self, node: int) -> None:
        """Stop one broker where it stands: its connections stay open and nothing answers."""
        os.kill(self.running[node].pid, signal.SIGSTOP)

    def thaw(self, node: int) -> None:
        """Let a frozen broker go on."""
        os.kill(self.running[node].pid, signal.SIGCONT)

    async def complete(self, limit_s: float = START_LIMIT_S) -> None:
        """Wait until every partition of every topic has its three replicas in step again."""
        security = self.settings(ADMIN).kafka_security
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers, **security.client_options())
        await admin.start()

        async def in_step() -> bool:
            partitions = [p for topic in await admin.describe_topics() for p in topic["partitions"]]
            return all(len(p["isr"]) == len(NODES) for p in partitions)

        try:
            await eventually(in_step, limit_s)
        finally:
            await admin.close()

    def create_topics(self, specs: Sequence[TopicSpec]) -> None:
        """The topics, each with three replicas, as the administrator makes them."""
        create_topics(self.bootstrap_servers, specs, self.settings(ADMIN).kafka_security)

    async def grant(self, user: str, rights: Iterable[access.Right]) -> None:
        """Let a user do this, and nothing else than was granted before."""
        security = self.settings(ADMIN).kafka_security
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers, **security.client_options())
        await admin.start()
        try:
            for right in rights:
                for operation in right.operations:
                    wanted = (_RESOURCES[right.resource], right.name, _LITERAL, f"User:{user}", "*")
                    request = CreateAclsRequest(*wanted, _OPERATIONS[operation], _ALLOW)
                    answer = await admin._send_to_controller(request)
                    assert all(code == 0 for code, _ in answer.creation_responses), answer
        finally:
            await admin.close()


@contextmanager
def running_cluster(home: Path) -> Iterator[Cluster]:
    """Three brokers that answer, with a user for each service; killed at the end."""
    home.mkdir(exist_ok=True)
    (home / "logs").mkdir(exist_ok=True)
    authority = trustme.CA()
    cafile = home / "authority.pem"
    authority.cert_pem.write_to_path(str(cafile))
    machine = [apache.java(), "-Xmx320m", "-XX:+ExitOnOutOfMemoryError", "-Dorg.apache.logging.log4j.level=WARN"]
    machine += ["-cp", apache.classpath(home, lambda _: None)]
    listening = {node: ports.free_port() for node in NODES}
    cluster = Cluster(home, authority, cafile, listening, machine)
    try:
        _write_properties(cluster)
        _format(cluster)
        for node in NODES:
            cluster.start(node)
        security = cluster.settings(ADMIN).kafka_security

        def answered() -> bool:
            assert all(processes.is_alive(p) for p in cluster.running.values()), "a broker ended: see its log"
            return all(cluster_id(f"{ports.HOST}:{p}", security) for p in listening.values())

        assert processes.wait_until(answered, START_LIMIT_S, 0.5), "the cluster does not answer"
        assert processes.wait_until(lambda: asyncio.run(_knows_all(cluster)), START_LIMIT_S, 0.5), "a broker is missing"
        yield cluster
    finally:
        processes.stop_leftovers(home)


async def _knows_all(cluster: Cluster) -> bool:
    """Each may answer before the cluster counts it."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=cluster.bootstrap_servers, **cluster.settings(ADMIN).kafka_security.client_options()
    )
    await admin.start()
    try:
        return len((await admin.describe_cluster())["brokers"]) == len(NODES)
    finally:
        await admin.close()


def _password(user: str) -> str:
    return f"secret-of-{user}"


def _users() -> list[str]:
    return [ADMIN, HOSPITAL, OUTSIDER, *map(access.principal, access.USERS)]


def _format(cluster: Cluster) -> None:
    """All nodes know the users from the beginning; side by side, as each starts a machine of its own."""
    users = [f"SCRAM-SHA-512=[name={user},password={_password(user)}]" for user in _users()]
    scram = [word for user in users for word in ("--add-scram", user)]
    formatting = [
        subprocess.Popen(
            [*cluster.machine, *_FORMAT, "-c", str(cluster.home / f"{node}.properties"), *scram],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for node in NODES
    ]
    assert [process.wait(START_LIMIT_S) for process in formatting] == [0] * len(NODES)


def _write_properties(cluster: Cluster) -> None:
    controllers = {node: ports.free_port() for node in NODES}
    quorum = ",".join(f"{node}@{ports.HOST}:{port}" for node, port in controllers.items())
    login = (
        "org.apache.kafka.common.security.scram.ScramLoginModule required "
        f'username="{ADMIN}" password="{_password(ADMIN)}";'
    )
    for node in NODES:
        certificate = cluster.home / f"{node}.pem"
        certificate.write_bytes(_certificate(cluster.authority))
        settings = apache.SETTINGS | {
            "node.id": str(node),
            "listeners": f"CLIENTS://{ports.HOST}:{cluster.listening[node]},CONTROLLER://{ports.HOST}:{controllers[node]}",
            "advertised.listeners": f"CLIENTS://{ports.HOST}:{cluster.listening[node]}",
            "listener.security.protocol.map": "CLIENTS:SASL_SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "CLIENTS",
            "controller.quorum.voters": quorum,
            "log.dirs": str(cluster.home / f"data-{node}"),
            "default.replication.factor": "3",
            "offsets.topic.replication.factor": "3",
            "min.insync.replicas": "2",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
            "listener.name.clients.scram-sha-512.sasl.jaas.config": login,
            "listener.name.controller.ssl.client.auth": "required",
            "listener.name.controller.ssl.principal.mapping.rules": "RULE:^.*$/controller/",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(certificate),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(cluster.cafile),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN};User:controller",
        }
        text = "".join(f"{name}={value}\n" for name, value in sorted(settings.items()))
        (cluster.home / f"{node}.properties").write_text(text)


def _certificate(authority: trustme.CA) -> bytes:
    """Key and certificate of a broker in one file; Kafka reads keys in PKCS #8 only."""
    issued = authority.issue_cert(ports.HOST, "localhost")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pkcs8 + b"".join(part.bytes() for part in issued.cert_chain_pems)
