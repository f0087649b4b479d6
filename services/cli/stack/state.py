"""Decides how a stack's state is kept in its directory, and that one command at a time changes it.

It does not decide what the state means.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from services.cli.stack.model import Progress, StackError, State, with_last_ports
from services.cli.stack.processes import wait_until

LOCK_LIMIT_S = 120.0


class BrokenStateError(StackError):
    """The state file exists but cannot be understood."""


def open_home(home: Path) -> Path:
    """The stack's directory as an absolute path, made if absent; others may pass through, but not look."""
    home = home.resolve()
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        (home / "logs").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StackError(
            f"The stack's directory {home} cannot be used ({error.strerror}). Choose another with --home."
        ) from error
    if not os.access(home, os.W_OK):
        raise StackError(
            f"The stack's directory {home} belongs to another user. Work as that user, or choose another"
            " directory with --home."
        )
    return home


@contextmanager
def locked(home: Path, say: Progress) -> Iterator[None]:
    """Hold the directory alone, waiting for another command that is at work in it."""
    with (home / "lock").open("a") as file:
        if not _take(file):
            say(f"waiting for another stack command to end in {home}")
            if not wait_until(lambda: _take(file), LOCK_LIMIT_S):
                raise StackError(
                    f"Another stack command has been at work in {home} for {LOCK_LIMIT_S:.0f} s."
                    " Wait for it to end, or end it, and try again."
                )
        yield


def load(home: Path) -> State:
    """The state as last saved, empty if there is none; raises BrokenStateError when the file is damaged."""
    path = state_file(home)
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BrokenStateError(
            f"The state file {path} is damaged. Run `graftwatch stack up` (or `down`) to repair it;"
            " the data is not affected."
        ) from error
    except OSError as error:
        raise StackError(f"The state file {path} cannot be read ({error.strerror}).") from error


def save(home: Path, state: State) -> State:
    """Replace the state in one step; only its owner may read it, for it holds the database's password."""
    state = with_last_ports(state)
    path = state_file(home)
    draft = path.with_suffix(".draft")
    draft.touch(mode=0o600)
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(state, order="sorted"), indent=2) + b"\n")
    draft.replace(path)
    return state


def state_file(home: Path) -> Path:
    return home / "stack.json"


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
