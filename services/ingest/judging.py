"""Has accepted resources judged beside the feed: a bounded queue, one judging process, counts written now and then.

Decides nothing: `sampling` says which, the judging process says what of them does not conform. Nothing waits for it, but in
mode `all`, which judges everything and therefore holds the feed back.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

import msgspec

from services.ingest.batch import Delivered
from services.ingest.judge import Judged, frame
from services.ingest.sampling import Mode, Sampler
from shared.fhir.element_tables import FhirVersion
from shared.fhir.reading import Accepted
from shared.runtime import logs, metrics, quality
from shared.runtime.postgres import Pool
from shared.runtime.quality import Conformance, Judgements

log = logs.logger(__name__)
QUEUE: Final = 2_000
_TOGETHER: Final = 100
_ANSWER_SECONDS: Final = 120.0
_WRITE_SECONDS: Final = 2.0
_END_SECONDS: Final = 3.0
_ANSWER: Final = msgspec.msgpack.Decoder(list[Judged])


class Judging:
    """Judges what it is offered, as far as it comes to it; what does not fit is counted as unjudged."""

    def __init__(self, mode: Mode, pool: Pool) -> None:
        self._sampler = Sampler(mode)
        self._pool = pool
        self._queue: deque[tuple[str, str, FhirVersion, bytes]] = deque()
        self._news, self._room = asyncio.Event(), asyncio.Event()
        self._found = Judgements()
        self._tasks: list[asyncio.Task[None]] = []
        self._process: asyncio.subprocess.Process | None = None

    def start(self) -> None:
        """Begin to judge; the process is started with the first resource."""
        if self._sampler.mode != "off":
            self._tasks = [asyncio.create_task(self._judge_all()), asyncio.create_task(self._write_all())]

    async def close(self) -> None:
        """Stop judging and write what was found; what still waits is unjudged."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._end_process()
        for site, type_, *_ in self._queue:
            self._unjudged(site, type_)
        self._queue.clear()
        if self._tasks:
            await self._write()

    async def offer(self, delivered: Sequence[Delivered]) -> None:
        """Queue those of the stored resources that the sample asks for."""
        if self._sampler.mode == "off":
            return
        at = asyncio.get_running_loop().time()
        unjudged = Counter[tuple[str, str]]()
        for d in delivered:
            reading = d.reading
            if isinstance(reading, Accepted) and not (self._sampler.chooses(d, at) and self._queued(reading)):
                unjudged[reading.record.site, reading.record.type] += 1
        for (site, type_), resources in unjudged.items():
            self._unjudged(site, type_, resources)
        while self._sampler.mode == "all" and len(self._queue) >= QUEUE:
            self._room.clear()
            await self._room.wait()

    def _queued(self, reading: Accepted) -> bool:
        """Queue it, if there is room."""
        if len(self._queue) >= QUEUE and self._sampler.mode != "all":
            return False
        self._queue.append((reading.record.site, reading.record.type, reading.fhir_version, reading.raw))
        self._news.set()
        return True

    async def _judge_all(self) -> None:
        while True:
            await self._news.wait()
            some = [self._queue.popleft() for _ in range(min(_TOGETHER, len(self._queue)))]
            if not self._queue:
                self._news.clear()
            self._room.set()
            try:
                answers = await asyncio.wait_for(
                    self._ask([(version, raw) for *_, version, raw in some]), _ANSWER_SECONDS
                )
            except (OSError, asyncio.IncompleteReadError, TimeoutError, msgspec.DecodeError) as error:
                log.warning("conformance-judge-failed", error=logs.where(error), resources=len(some))
                await self._end_process()
                for site, type_, *_ in some:
                    self._unjudged(site, type_)
                continue
            except asyncio.CancelledError:
                self._queue.extendleft(reversed(some))
                raise
            for (site, type_, *_), answer in zip(some, answers, strict=True):
                self._judged(site, type_, answer)

    async def _ask(self, resources: list[tuple[FhirVersion, bytes]]) -> list[Judged]:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                # -P: a folder `services` in the working directory must not be taken for ours.
                *(sys.executable, *(("-P",) if sys.flags.safe_path else ()), "-m", "services.ingest.judge"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(frame(msgspec.msgpack.encode(resources)))
        await process.stdin.drain()
        length = int.from_bytes(await process.stdout.readexactly(4), "big")
        return _ANSWER.decode(await process.stdout.readexactly(length))

    async def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _END_SECONDS)
        except TimeoutError:  # in the middle of a resource
            process.kill()
            await process.wait()

    def _judged(self, site: str, type_: str, answer: Judged) -> None:
        of = Conformance(site, type_, answer.profile)
        self._found.judged[of] += 1
        self._found.not_conformant[of] += bool(answer.issues)
        for path, issue in answer.issues:
            self._found.issues[of, path, issue] += 1
        metrics.CONFORMANCE.labels(site, "not_conformant" if answer.issues else "conformant").inc()

    def _unjudged(self, site: str, type_: str, resources: int = 1) -> None:
        self._found.unjudged[Conformance(site, type_, "")] += resources
        metrics.CONFORMANCE.labels(site, "unjudged").inc(resources)

    async def _write_all(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_SECONDS)
            await self._write()

    async def _write(self) -> None:
        found, self._found = self._found, Judgements()
        try:
            await quality.count_judgements(self._pool, found)
        except Exception as error:  # a summary: it is counted again with the next, or lost with the process
            log.warning("conformance-unwritten", error=logs.where(error))
            self._found.add(found)
