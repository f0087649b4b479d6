"""A configuration file that is read again when it changes. A faulty one is refused with its faults, and the last stays in force.

Decides only that the file is another than it was; what is in it, and what is done with it, is the caller's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from shared.runtime import logs, metrics
from shared.sites import ConfigurationError

log = logs.logger(__name__)
T = TypeVar("T")
_LOOK_SECONDS: Final = 2.0
_Stamp = tuple[int, int, int] | None


class WatchedFile(Generic[T]):
    """Looks every two seconds whether the file was replaced or written: an edit, a copy, the swap of a mounted folder."""

    def __init__(self, service: str, name: str, path: Path, read: Callable[[], T], take: Callable[[T], None]) -> None:
        self._service = service
        self._name = name
        self._path = path
        self._read = read
        self._take = take
        self._seen = self._found = _stamp(path)
        metrics.FILE_REFUSED.labels(service).set(0)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Take the file if it is another and sound; else say what is wrong with it, once for each state of it.

        Only one that was left alone since the last look: half a file that is being written may be sound, and name nobody.
        """
        stamp, before = _stamp(self._path), self._found
        self._found = stamp
        if stamp == self._seen or stamp != before:
            return
        try:
            found = await asyncio.to_thread(self._read)
            if _stamp(self._path) != stamp:
                return
            self._seen = stamp
        except ConfigurationError as error:
            self._seen = stamp
            log.error("file-refused", file=self._name, says=str(error))
            metrics.FILE_REFUSED.labels(self._service).set(1)
            return
        self._take(found)
        metrics.FILE_REFUSED.labels(self._service).set(0)
        log.info("file-taken", file=self._name)


def _stamp(path: Path) -> _Stamp:
    """Which file it is, and when it was written; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
