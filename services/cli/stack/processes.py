"""Decides whether a process is one of the stack's, and how it is started and ended.

It does not decide which processes a stack consists of.

Every process carries its stack's directory and its own part's name in its environment, so that it is found
even when the state file is lost.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from services.cli.stack import detach
from services.cli.stack.model import Process, StackError

MARK = "GRAFTWATCH_STACK_PART"
LARGEST_LOG_BYTES = 10_000_000
# The kernel counts a process's start from boot; corrections of the clock move it by fractions of a second.
START_TOLERANCE_S = 2.0
KILL_LIMIT_S = 10.0


def wait_until(condition: Callable[[], bool], limit_s: float, interval_s: float = 0.02) -> bool:
    """Whether a condition came true within a limit."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval_s)
    return True


def launch(command: Sequence[str], home: Path, part: str, env: Mapping[str, str]) -> Process:
    """Start a part that outlives this process, its output appended to the part's log."""
    log = log_file(home, part)
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    starter = [sys.executable, "-I", "-S", detach.__file__, str(log), *command]
    started = subprocess.run(starter, env={**env, MARK: _mark(home, part)}, stdout=subprocess.PIPE, check=True)
    pid = int(started.stdout)
    try:
        return Process(pid=pid, started=psutil.Process(pid).create_time())
    except psutil.NoSuchProcess as error:
        raise ended_early(home, part) from error


def is_alive(process: Process | None) -> bool:
    return process is not None and _find(process) is not None


def stop(process: Process, *, first: signal.Signals = signal.SIGTERM, limit_s: float = 10.0) -> None:
    """Ask a process to end; kill what is left of it and of its children after the limit."""
    leader = _find(process)
    if leader is not None:
        _end([leader, *_children(leader)], first, limit_s)


def stop_leftovers(home: Path, part: str | None = None) -> int:
    """Kill whatever still runs for a part, or for the whole stack, and say how many processes that were."""
    leftovers = [p for p in psutil.process_iter() if _belongs(p, home, part)]
    for process in leftovers:
        _signal(process, signal.SIGKILL)
    _await_end(leftovers, KILL_LIMIT_S)
    return len(leftovers)


def log_file(home: Path, part: str) -> Path:
    return home / "logs" / f"{part}.log"


def ended_early(home: Path, part: str) -> StackError:
    """The error for a part that ended, or was not ready, right after its start: what its log says last."""
    log = log_file(home, part)
    last = "\n".join(f"  {line}" for line in last_lines(log, 5))
    return StackError(f"{part} did not start. The end of its log, {log}:\n{last or '  (empty)'}")


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log, none if there is no log; at most the last 64 kB are looked at."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65_536))
        return file.read().decode(errors="replace").splitlines()[-count:]


def _find(process: Process) -> psutil.Process | None:
    try:
        found = psutil.Process(process.pid)
        if abs(found.create_time() - process.started) > START_TOLERANCE_S or not _is_active(found):
            return None
    except psutil.NoSuchProcess:
        return None
    return found


def _is_active(process: psutil.Process) -> bool:
    """A zombie has ended; it only waits for its parent to notice."""
    try:
        return process.is_running() and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def _end(family: Sequence[psutil.Process], first: signal.Signals, limit_s: float) -> None:
    _signal(family[0], first)
    left = _await_end(family, limit_s)
    for process in left:
        _signal(process, signal.SIGKILL)
    survivors = _await_end(left, KILL_LIMIT_S)
    if survivors:
        pids = ", ".join(str(process.pid) for process in survivors)
        raise StackError(f"These processes do not end, even when killed: {pids}. End them by hand.")


def _await_end(processes: Iterable[psutil.Process], limit_s: float) -> list[psutil.Process]:
    watched = list(processes)
    wait_until(lambda: not any(_is_active(process) for process in watched), limit_s)
    return [process for process in watched if _is_active(process)]


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
    except psutil.AccessDenied as error:
        raise StackError(
            f"Process {process.pid} belongs to another user and cannot be ended. Work as that user."
        ) from error


def _belongs(process: psutil.Process, home: Path, part: str | None) -> bool:
    """By the mark in its environment, or for PostgreSQL, which overwrites that, by its working directory."""
    if process.pid == os.getpid():
        return False
    try:
        if not _is_active(process):
            return False
        if part in (None, "postgres") and process.name() == "postgres":
            return process.cwd() == str(postgres_data(home))
        mark = process.environ().get(MARK, "")
    except psutil.Error:
        return False
    return mark == _mark(home, part) if part else mark.startswith(_mark(home, ""))


def postgres_data(home: Path) -> Path:
    return home / "postgres" / "data"


def _mark(home: Path, part: str) -> str:
    return f"{home}#{part}"


def environment(**extra: str) -> dict[str, str]:
    """What a server of somebody else's making needs of our environment: none of its settings."""
    return dict(_inherited(("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "JAVA_HOME"))) | extra


def _inherited(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((name, os.environ[name]) for name in names if name in os.environ)
