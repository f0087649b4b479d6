"""Decides which port on the loopback interface a part listens on.

It does not decide what answers there.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from services.cli.stack.model import Progress, StackError
from services.cli.stack.processes import wait_until

HOST = "127.0.0.1"
CHOICE = range(20_000, 32_000)
ATTEMPTS = 3
RELEASE_LIMIT_S = 1.0

Started = TypeVar("Started")


class PortTakenError(Exception):
    """Another program took the port between its choice and its use."""


def free_port() -> int:
    """A random port that is free now, below the range that kernels use for outgoing connections."""
    while True:
        port = CHOICE.start + secrets.randbelow(len(CHOICE))
        if is_free(port):
            return port


def choose(part: str, last: int, say: Progress) -> int:
    """The port a part had last, so that clients find it again, or another if that is taken."""
    # A killed process may hold its port for an instant after it counts as ended.
    if last and wait_until(partial(is_free, last), RELEASE_LIMIT_S):
        return last
    if last:
        say(f"{part}: port {last} is taken by another program, choosing another")
    return free_port()


def is_free(port: int) -> bool:
    """Whether a server could listen on a port now, connections of its predecessor in TIME_WAIT or not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def on_free_port(part: str, last: int, start: Callable[[int], Started], say: Progress) -> Started:
    """Start a part on its last port or another; on another again if a third program is quicker to take it."""
    for _ in range(ATTEMPTS):
        try:
            return start(choose(part, last, say))
        except PortTakenError:
            continue
    raise StackError(f"{part} found no free port on {HOST} in {ATTEMPTS} attempts. Try again.")
