"""Decides from where a load goes on: behind what the broker has acknowledged of the same file. Sends nothing.

A place is kept for a path as long as size, time of change and the file's head are the same, and the broker has not forgotten its
records (the feed epoch); else the file begins anew, which is harmless: a repeated record changes nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from services.cli.stack import StackError

_HEAD_BYTES: Final = 65_536


class Identity(msgspec.Struct, frozen=True):
    """What tells a file from another of the same name."""

    size: int
    changed_ns: int
    head_sha256: str


class Bookmark(msgspec.Struct, frozen=True):
    """How far a file is: the acknowledged offset in its unpacked bytes, the line there, and what became of the lines."""

    identity: Identity
    offset: int = 0
    line: int = 0
    sent: int = 0
    refused: int = 0
    is_done: bool = False


class _State(msgspec.Struct):
    feed_epoch: str
    files: dict[str, Bookmark] = {}


class Bookmarks:
    """The places of one site's files, kept in a file of their own."""

    def __init__(self, path: Path, state: _State) -> None:
        self._path = path
        self._state = state

    def of(self, path: Path) -> Bookmark:
        """Where to go on in a file; its beginning if it is another one now."""
        identity = _identify(path)
        held = self._state.files.get(str(path))
        return held if held is not None and held.identity == identity else Bookmark(identity)

    def move(self, path: Path, to: Bookmark) -> None:
        """Remember that everything before this place is acknowledged, in one step: a crash leaves the old or the new."""
        self._state.files[str(path)] = to
        draft = self._path.with_suffix(".draft")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(self._state, order="sorted"), indent=1))
        draft.replace(self._path)


@contextmanager
def kept(home: Path, site: str, feed_epoch: str, restart: bool) -> Iterator[Bookmarks]:
    """The bookmarks of a site under the stack's home, held by one load at a time."""
    folder = home / "load"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{site}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path = folder / f"{site}.json"
            state = _State(feed_epoch) if restart else _load(path, feed_epoch)
            yield Bookmarks(path, state)
    except BlockingIOError:
        raise StackError(f"Another load of {site} is at work in {home}. Wait for it, or end it.") from None
    except OSError as error:
        raise StackError(f"{error.filename}: {error.strerror}. Nothing is lost; run the same command again.") from None


def _load(path: Path, feed_epoch: str) -> _State:
    try:
        state = msgspec.json.decode(path.read_bytes(), type=_State)
    except FileNotFoundError:
        return _State(feed_epoch)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise StackError(
            f"{path} is damaged; --restart begins anew, which repeats records and changes nothing."
        ) from None
    return state if state.feed_epoch == feed_epoch else _State(feed_epoch)


def _identify(path: Path) -> Identity:
    status = path.stat()
    with path.open("rb") as file:
        head = hashlib.sha256(file.read(_HEAD_BYTES)).hexdigest()
    return Identity(status.st_size, status.st_mtime_ns, head)
