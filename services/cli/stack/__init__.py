"""The local stack: a real PostgreSQL, a real Kafka-protocol broker and the service processes on one machine.

Reading order: model (what is remembered), lifecycle (what happens when), then the parts: postgres,
embedded and apache (the two brokers), external (the user's own), service_processes; below them processes,
ports, state; beside them inspection and commands.
"""

from services.cli.stack.broker import create_topics
from services.cli.stack.inspection import logs, status
from services.cli.stack.lifecycle import current, down, start_services, stop_services, up
from services.cli.stack.model import PartStatus, Stack, StackError, TopicSpec

__all__ = [
    "PartStatus",
    "Stack",
    "StackError",
    "TopicSpec",
    "create_topics",
    "current",
    "down",
    "logs",
    "start_services",
    "status",
    "stop_services",
    "up",
]
