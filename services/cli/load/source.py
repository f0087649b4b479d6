"""Decides which files hold records, and how they are cut into messages: a line of NDJSON, or a whole JSON file, is one.

It does not decide whether a message holds a resource. At most one message is held in memory.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from services.cli.stack import StackError
from shared import topics

_LINES: Final = (".ndjson", ".jsonl")
_WHOLE: Final = (".json",)
_LONGEST: Final = topics.FEED_MESSAGE_BYTES
_SKIP_BYTES: Final = 1_048_576


class DamagedFileError(Exception):
    """A file cannot be read on from some place: cut off, or not what its name says."""


@dataclass(frozen=True)
class Part:
    """One message of a file, and where in the (unpacked) file it ends; `raw` None: too long to be a message."""

    line: int
    end: int
    raw: bytes | None


class Opened:
    """A file being read, unpacked if it is packed."""

    def __init__(self, path: Path, raw: BinaryIO) -> None:
        self._raw = raw
        packed = path.suffix == ".gz"
        self._file = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
        self._is_whole = _kind(path) in _WHOLE

    @property
    def bytes_read(self) -> int:
        """How far in the file as it lies on disk."""
        return self._raw.tell()

    def parts(self, offset: int, line: int) -> Iterator[Part]:
        """The messages after a place; raises DamagedFileError where it cannot be read on."""
        try:
            self._file.seek(offset)
            yield from self._whole() if self._is_whole else self._lines(offset, line)
        except (OSError, EOFError, zlib.error) as error:
            raise DamagedFileError(type(error).__name__) from None

    def _whole(self) -> Iterator[Part]:
        raw = self._file.read(_LONGEST + 1)
        if raw:
            yield Part(1, len(raw), raw if len(raw) <= _LONGEST else None)

    def _lines(self, offset: int, line: int) -> Iterator[Part]:
        while raw := self._file.readline(_LONGEST + 1):
            line += 1
            offset += len(raw)
            is_cut = len(raw) > _LONGEST
            if is_cut and not raw.endswith(b"\n"):
                offset += self._skip_line()
            if raw.strip():
                yield Part(line, offset, None if is_cut else raw.rstrip(b"\r\n"))

    def _skip_line(self) -> int:
        skipped = 0
        while raw := self._file.readline(_SKIP_BYTES):
            skipped += len(raw)
            if raw.endswith(b"\n"):
                break
        return skipped


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """A file of records, to be read from any place."""
    with path.open("rb") as raw:
        yield Opened(path, raw)


def files(paths: Iterable[Path]) -> list[Path]:
    """The files of records that are named, or lie anywhere in folders that are named, sorted; raises StackError for none."""
    found: set[Path] = set()
    for path in paths:
        inside = [p for p in path.rglob("*") if _kind(p) and p.is_file()] if path.is_dir() else [path]
        if not inside or not path.exists() or not _kind(inside[0]):
            expected = ", ".join(f"*{s}" for s in (*_LINES, *_WHOLE))
            raise StackError(f"{path}: expected a file or a folder of {expected}, each also as .gz")
        found.update(p.resolve() for p in inside)
    return sorted(found)


def _kind(path: Path) -> str | None:
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    return suffix if suffix in (*_LINES, *_WHOLE) else None
