"""Decides how tests get a local stack of their own, and that nothing of it is left behind.

It does not decide what is tested on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from services.cli.stack import Stack, down, up
from services.cli.stack.model import BrokerKind

BROKER_VARIABLE = "GRAFTWATCH_TEST_BROKER"


def chosen_broker() -> BrokerKind:
    """The broker that this run of the tests is about."""
    match os.environ.get(BROKER_VARIABLE, "embedded"):
        case "embedded":
            return "embedded"
        case "apache":
            return "apache"
        case other:
            pytest.exit(f"{BROKER_VARIABLE} is {other!r}; it may be 'embedded' or 'apache'.")


@contextmanager
def stack_home(folder: Path) -> Iterator[Path]:
    """A directory in which a test may start a stack; whatever runs in it afterwards is stopped."""
    try:
        yield folder
    finally:
        down(folder)


@contextmanager
def running_stack(tmp_path_factory: pytest.TempPathFactory, broker: BrokerKind | None = None) -> Iterator[Stack]:
    """A running stack in a temporary directory, for a fixture of any scope."""
    with stack_home(tmp_path_factory.mktemp("stack")) as home, without_users_own_servers():
        yield up(home, broker=broker or chosen_broker())


@contextmanager
def without_users_own_servers() -> Iterator[None]:
    """Start the stack's own servers even where the environment names others."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"):
            patch.delenv(variable, raising=False)
        yield


def processes_of(home: Path) -> list[psutil.Process]:
    """Every live process whose working directory, arguments or environment name a stack's directory."""
    return [process for process in psutil.process_iter() if _works_in(process, str(home.resolve()))]


def _works_in(process: psutil.Process, home: str) -> bool:
    if process.pid == os.getpid():
        return False
    try:
        traces = [process.cwd(), *process.cmdline(), *process.environ().values()]
        return process.status() != psutil.STATUS_ZOMBIE and any(home in trace for trace in traces)
    except psutil.Error:
        return False
