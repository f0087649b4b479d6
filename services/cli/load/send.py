"""Sends the messages of files to the topic of back-fill, batch by batch, each acknowledged before the next."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from msgspec.structs import replace

from services.cli.load import source
from services.cli.load.bookmark import Bookmark, Bookmarks
from services.cli.load.source import DamagedFileError, Opened, Part
from services.cli.stack import StackError
from services.intake.envelope import Envelope, open_envelope
from services.intake.refusal import Refusal
from shared import topics

BATCH_MESSAGES: Final = 500
BATCH_BYTES: Final = 8 * 1_048_576
LANE: Final = ("lane", b"backfill")
_TOO_LONG: Final = f"expected at most {topics.FEED_MESSAGE_BYTES} bytes a message: send a Bundle in parts"


@dataclass(frozen=True)
class Problem:
    """A message that was not sent; line None: the rest of the file. `says` holds nothing of the record."""

    path: Path
    line: int | None
    says: str

    def __str__(self) -> str:
        return f"{self.path}: {self.says}" if self.line is None else f"{self.path}:{self.line}: {self.says}"


@dataclass
class Report:
    """What a load did, and what an earlier one had done before."""

    sent: Counter[str] = field(default_factory=Counter)
    """By resource type."""
    refused: int = 0
    damaged: int = 0
    sent_before: int = 0
    refused_before: int = 0


@dataclass(frozen=True)
class Watcher:
    """Who is told how a load goes."""

    advance: Callable[[int], None]
    """Bytes of files, as they lie on disk, that are done with."""
    problem: Callable[[Problem], None]


@dataclass
class _Batch:
    """Messages read and not yet acknowledged."""

    taken: list[tuple[Part, Envelope]] = field(default_factory=list)
    refused: int = 0
    size: int = 0
    last: Part | None = None

    @property
    def is_full(self) -> bool:
        return len(self.taken) + self.refused >= BATCH_MESSAGES or self.size >= BATCH_BYTES


class Load:
    """One site's files on their way to the broker."""

    def __init__(self, site: str, producer: AIOKafkaProducer, bookmarks: Bookmarks, watcher: Watcher) -> None:
        self._headers = [("site", site.encode()), LANE]
        self._producer = producer
        self._bookmarks = bookmarks
        self._watcher = watcher
        self._report = Report()

    async def run(self, paths: Sequence[Path]) -> Report:
        """Send the files; raises StackError where the broker takes no more, and goes on from there when run again."""
        for path in paths:
            place = self._bookmarks.of(path)
            self._report.sent_before += place.sent
            self._report.refused_before += place.refused
            if place.is_done:
                self._watcher.advance(place.identity.size)
            else:
                await self._file(path, place)
        return self._report

    async def _file(self, path: Path, place: Bookmark) -> None:
        with source.opened(path) as file:
            shown = 0
            batch = _Batch()
            try:
                for part in file.parts(place.offset, place.line):
                    self._add(path, part, batch)
                    if batch.is_full:
                        place = await self._deliver(path, place, batch)
                        batch, shown = _Batch(), self._show(file, shown)
            except DamagedFileError as error:
                await self._deliver(path, place, batch)
                self._report.damaged += 1
                self._problem(Problem(path, None, f"damaged after line {_line(batch, place)} ({error})"))
                return
            place = await self._deliver(path, place, batch)
            self._bookmarks.move(path, replace(place, is_done=True))
            self._watcher.advance(place.identity.size - shown)

    def _show(self, file: Opened, shown: int) -> int:
        self._watcher.advance(file.bytes_read - shown)
        return file.bytes_read

    def _add(self, path: Path, part: Part, batch: _Batch) -> None:
        batch.last = part
        try:
            if part.raw is None:
                raise Refusal(413, _TOO_LONG)
            batch.taken.append((part, open_envelope(part.raw)))
            batch.size += len(part.raw)
        except Refusal as refusal:
            self._refuse(path, part, batch, f"{refusal.says} at {refusal.path}" if refusal.path else refusal.says)

    def _refuse(self, path: Path, part: Part, batch: _Batch, says: str) -> None:
        batch.refused += 1
        self._problem(Problem(path, part.line, says))

    def _problem(self, problem: Problem) -> None:
        self._watcher.problem(problem)

    async def _deliver(self, path: Path, place: Bookmark, batch: _Batch) -> Bookmark:
        """Send a batch; the place behind it, remembered, once the broker has all of it."""
        if batch.last is None:
            return place
        acknowledged = 0
        try:
            sent = [(e, await self._send(path, part, e, batch)) for part, e in batch.taken]
            await asyncio.gather(*(ack for _, ack in sent if ack is not None))
        except KafkaError as error:
            raise StackError(
                f"{path}: the broker took no more after line {place.line} ({type(error).__name__}). "
                "Run the same command again: it goes on from there."
            ) from None
        for envelope, ack in sent:
            if ack is not None:
                acknowledged += 1
                self._report.sent[envelope.type] += 1
        self._report.refused += batch.refused
        place = replace(
            place,
            offset=batch.last.end,
            line=batch.last.line,
            sent=place.sent + acknowledged,
            refused=place.refused + batch.refused,
        )
        self._bookmarks.move(path, place)
        return place

    async def _send(self, path: Path, part: Part, envelope: Envelope, batch: _Batch) -> asyncio.Future[object] | None:
        try:
            sent: asyncio.Future[object] = await self._producer.send(
                topics.BACKFILL.name, part.raw, key=envelope.key, headers=self._headers
            )
        except MessageSizeTooLargeError:
            self._refuse(path, part, batch, _TOO_LONG)
            return None
        return sent


def _line(batch: _Batch, place: Bookmark) -> int:
    return batch.last.line if batch.last is not None else place.line
