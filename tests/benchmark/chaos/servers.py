"""PostgreSQL and the broker of a run, and how they are broken: restarted, cut off, the disk full.

The disk is a small file system of memory in a mount namespace of our own, which ends with us. Where none may be mounted,
a limit of the size of files (RLIMIT_FSIZE) takes its place: then only what grows beyond it fails.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Final

import asyncpg
import psutil

from services.cli import installation
from services.cli.stack import Stack, down, up
from services.cli.stack.model import BrokerKind

DISK_MB: Final = 3_000
_CLONE_NEWNS: Final = 0x00020000
_SHRINKING: Final = 100
_BLOCK: Final = 8_192
_END_SECONDS: Final = 30.0


def own_mounts() -> bool:
    """Part with everybody else's mounts, so that ours end with us; whether that is granted."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], check=False, capture_output=True).returncode == 0


class Servers:
    """The stack of one run."""

    def __init__(self, home: Path, broker: BrokerKind, *, small_disk: bool) -> None:
        self.home = home
        self.kind: BrokerKind = broker
        self._mounted = small_disk and self._mount()
        self.stack: Stack

    @property
    def disk(self) -> str:
        """By which means it can be full."""
        return "file system" if self._mounted else "RLIMIT_FSIZE"

    def start(self) -> Stack:
        """Start empty."""
        self.stack = up(self.home, broker=self.kind, topics=installation.topic_specs(), prepare=installation.prepare)
        return self.stack

    def stop(self) -> None:
        """End everything; give the disk back."""
        down(self.home)
        if self._mounted:
            subprocess.run(["umount", str(self.home / "postgres")], check=False, capture_output=True)
            self._mounted = False

    def repair(self) -> None:
        """Start what has ended, as `graftwatch stack up` does, and as whoever supervises the servers would."""
        self.stack = up(self.home, broker=self.kind)

    def end(self, part: str, by: signal.Signals) -> None:
        """End a server, and wait for that."""
        process = psutil.Process(self.stack.pids[part])
        process.send_signal(by)
        process.wait(_END_SECONDS)

    async def cut(self) -> int:
        """End every session of the services; how many there were."""
        connection = await asyncpg.connect(self.stack.database_url)
        try:
            ended: int = await connection.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'graftwatch-%'"
            )
            return ended
        finally:
            await connection.close()

    async def fill_disk(self) -> None:
        """From now on the disk takes nothing more."""
        if self._mounted:
            await asyncio.to_thread(self._shrink)
            return
        largest = await self._largest_file_bytes()
        self._limit_files(largest // _BLOCK * _BLOCK)

    async def free_disk(self) -> None:
        """It does again."""
        if self._mounted:
            if not await asyncio.to_thread(self._resize, DISK_MB * 1_000_000):
                raise RuntimeError(f"The file system under {self.home} cannot be given its room again: see `mount`.")
        else:
            self._limit_files(resource.RLIM_INFINITY)

    @property
    def database_lives(self) -> bool:
        """Whether the database server is still there."""
        try:
            return psutil.Process(self.stack.pids["postgres"]).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def _mount(self) -> bool:
        folder = self.home / "postgres"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB * 1_000_000}", "graftwatch-chaos", str(folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _shrink(self) -> None:
        """To what is used; PostgreSQL may write between the look and the change, which is then refused."""
        for _ in range(_SHRINKING):
            if self._resize(self._used_bytes()):
                return
        raise RuntimeError(f"The file system under {self.home} does not shrink: more is written all the time.")

    def _resize(self, size: int) -> bool:
        command = ["mount", "-o", f"remount,size={size}", str(self.home / "postgres")]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def _used_bytes(self) -> int:
        found = os.statvfs(self.home / "postgres")
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    async def _largest_file_bytes(self) -> int:
        connection = await asyncpg.connect(self.stack.database_url)
        try:
            return int(
                await connection.fetchval("SELECT max(pg_relation_size(oid)) FROM pg_class WHERE relkind IN ('r', 'i')")
            )
        finally:
            await connection.close()

    def _limit_files(self, size: int) -> None:
        """For the server, and for the sessions that it has begun already."""
        server = psutil.Process(self.stack.pids["postgres"])
        for process in (server, *server.children(recursive=True)):
            try:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            except ProcessLookupError:
                continue
