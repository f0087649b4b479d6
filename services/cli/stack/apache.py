"""Decides how Apache Kafka is resolved by Maven and run as a single node in KRaft mode.

It does not decide its version: that is in `deploy/kafka/pom.xml`. Its data, topics and cluster id survive a
restart, and so does the feed epoch.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import uuid
from pathlib import Path

from services.cli.stack import ports, processes
from services.cli.stack.broker import PART, await_cluster, feed_epoch
from services.cli.stack.model import Broker, Progress, StackError

POM = Path(__file__).parents[3] / "deploy" / "kafka" / "pom.xml"
START_LIMIT_S = 90.0
STOP_LIMIT_S = 30.0
LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024

# One node: every internal topic has one replica. A consumer group starts with its first member at once. The
# controller takes a broker back after `kill -9` only when the session of the killed one has run out.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
    "auto.create.topics.enable": "false",
    "message.max.bytes": str(LARGEST_MESSAGE_BYTES),
}


def start(home: Path, last_port: int, say: Progress) -> Broker:
    """Start Apache Kafka on the data of this stack, made at the first start."""
    program, jars, cluster = java(), classpath(home, say), _cluster(home)
    say("broker: starting Apache Kafka")
    return ports.on_free_port(PART, last_port, lambda port: _start(home, program, jars, cluster, port), say)


def _start(home: Path, program: str, jars: str, cluster: str, port: int) -> Broker:
    settings = _write_settings(home, port, controller_port=ports.free_port())
    machine = [program, "-Xmx512m", "-XX:+ExitOnOutOfMemoryError", "-Dorg.apache.logging.log4j.level=WARN"]
    machine += ["-cp", jars]
    if not (home / "kafka" / "data" / "meta.properties").exists():
        _format(home, machine, cluster, settings)
    process = processes.launch([*machine, "kafka.Kafka", str(settings)], home, PART, processes.environment())
    await_cluster(home, process, port, cluster, START_LIMIT_S)
    return Broker(
        kind="apache",
        bootstrap_servers=f"{ports.HOST}:{port}",
        feed_epoch=feed_epoch(cluster),
        port=port,
        process=process,
    )


def _format(home: Path, machine: list[str], cluster: str, settings: Path) -> None:
    command = [*machine, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)]
    with processes.log_file(home, PART).open("ab") as output:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
    if done.returncode != 0:
        raise processes.ended_early(home, PART)


def _write_settings(home: Path, port: int, controller_port: int) -> Path:
    listeners = f"PLAINTEXT://{ports.HOST}:{port},CONTROLLER://{ports.HOST}:{controller_port}"
    settings = SETTINGS | {
        "listeners": listeners,
        "advertised.listeners": f"PLAINTEXT://{ports.HOST}:{port}",
        "controller.quorum.voters": f"1@{ports.HOST}:{controller_port}",
        "log.dirs": str(home / "kafka" / "data"),
    }
    path = home / "kafka" / "server.properties"
    path.write_text("".join(f"{name}={value}\n" for name, value in sorted(settings.items())))
    return path


def _cluster(home: Path) -> str:
    """The cluster's id, chosen once and kept beside the data."""
    folder = home / "kafka"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / "cluster-id"
    if not path.exists():
        shutil.rmtree(folder / "data", ignore_errors=True)
        # Kafka writes a cluster id as 22 characters, and its tools take no leading hyphen for one.
        path.write_text(base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("="))
    return path.read_text()


def classpath(home: Path, say: Progress) -> str:
    """The jars that the pom names, from the cache unless the pom has changed or a jar has gone."""
    if not POM.exists():
        raise StackError(f"{POM} is missing: Apache Kafka can be started from a checkout of the project only.")
    version = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    cache = home / f"kafka-classpath-{version}.txt"
    if not (cache.exists() and all(Path(jar).exists() for jar in cache.read_text().split(os.pathsep))):
        say("broker: resolving Apache Kafka by Maven")
        _resolve(cache)
    return cache.read_text()


def _resolve(cache: Path) -> None:
    draft = cache.with_suffix(".draft")
    goal = ["dependency:build-classpath", f"-Dmdep.outputFile={draft}", "-Dmdep.includeScope=runtime"]
    command = [_maven(), "--quiet", "--batch-mode", "--file", str(POM), *goal]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not draft.exists():
        errors = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
        reason = errors[0] if errors else done.stderr.strip()
        raise StackError(
            f"Maven cannot resolve Apache Kafka from {POM}:\n  {reason}\n"
            "Check that Maven reaches a repository (~/.m2/settings.xml), or use the embedded broker."
        )
    draft.replace(cache)


def java() -> str:
    """The Java program of JAVA_HOME, or else of PATH."""
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if program is None:
        raise StackError(
            "Apache Kafka needs Java 17 or newer, and `java` is not found. Install it, or use the embedded broker."
        )
    return program


def _maven() -> str:
    program = shutil.which("mvn")
    if program is None:
        raise StackError(
            "Apache Kafka is fetched by Maven, and `mvn` is not found. Install it, or use the embedded broker."
        )
    return program
